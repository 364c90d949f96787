//! Image files for tests.

use std::io::Cursor;

use image::{DynamicImage, ImageBuffer, ImageFormat, Luma};

pub(super) fn encode(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    image.into().write_to(&mut file, format).unwrap();
    file.into_inner()
}

/// A PNG of one gray level.
pub(super) fn gray_png(width: u32, height: u32, level: u8) -> Vec<u8> {
    encode(ImageBuffer::from_pixel(width, height, Luma([level])), ImageFormat::Png)
}
