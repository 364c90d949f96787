//! Decodes image files to pixels of 8 bits.
//!
//! | in the file | in the pixels |
//! | --- | --- |
//! | EXIF orientation | applied |
//! | alpha | composed on the background, in the sRGB values of the file |
//! | palette, CMYK, 16 bits, grayscale | converted to 8-bit RGB |
//! | several frames | the first frame |
//! | colour profile | ignored; the values are taken as sRGB |
//!
//! The content of a file decides its format, not its extension. Limits apply before memory is
//! allocated.
//!
//! The loops over pixels are in the decoders and in `adjoint-raster`, so this crate needs no
//! optimisation.
#![forbid(unsafe_code)]

mod jpeg;
mod webp;

use std::io::Cursor;

use adjoint_raster::compose;
pub use image::RgbImage;

use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

/// The largest height and width of an image in pixels.
pub const MAX_SIDE: u32 = 16_384;
/// The largest memory of a decoded image in bytes.
const MAX_BYTES: u64 = 512 << 20;

/// The problem of a file without its last bytes.
const ENDS_EARLY: &str = "the file ends early";

/// Decodes the content of an image file. Transparent pixels show the colour `background`.
///
/// # Errors
/// The problem of the file, on one line.
///
/// ```
/// let dot = [&b"GIF87a\x01\0\x01\0\xf0\0\0\xff\0\0\0\xff\0"[..], b",\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;"].concat();
/// let image = adjoint_decode::decode(&dot, [255; 3])?;
/// assert_eq!((image.dimensions(), image.get_pixel(0, 0).0), ((1, 1), [255, 0, 0]));
/// # Ok::<(), String>(())
/// ```
pub fn decode(content: &[u8], background: [u8; 3]) -> Result<RgbImage, String> {
    Decoder::new(content)?.decode(background)
}

/// An image file whose header has been read.
pub struct Decoder<'a> {
    content: &'a [u8],
    decoder: Box<dyn ImageDecoder + 'a>,
    is_jpeg: bool,
}

impl<'a> Decoder<'a> {
    /// Reads the header of an image file with this content.
    ///
    /// # Errors
    /// The problem of the file, on one line.
    pub fn new(content: &'a [u8]) -> Result<Self, String> {
        let format = image::guess_format(content).map_err(|error| problem(&error))?;
        let content = match format {
            ImageFormat::WebP => webp::whole_riff(content).ok_or(ENDS_EARLY)?,
            _ => content,
        };
        let mut reader = ImageReader::with_format(Cursor::new(content), format);
        let mut limits = Limits::default();
        limits.max_image_width = Some(MAX_SIDE);
        limits.max_image_height = Some(MAX_SIDE);
        limits.max_alloc = Some(MAX_BYTES);
        reader.limits(limits.clone());
        let decoder = reader.into_decoder().map_err(|error| problem(&error))?;
        limits.reserve(decoder.total_bytes()).map_err(|error| problem(&error))?;
        Ok(Self { content, decoder: Box::new(decoder), is_jpeg: format == ImageFormat::Jpeg })
    }

    /// The memory in bytes that [`decode`](Self::decode) needs at most for pixels: as they are
    /// stored and as RGB, or as RGB before and after the orientation is applied.
    pub fn memory(&self) -> u64 {
        let (width, height) = self.decoder.dimensions();
        let rgb = 3 * u64::from(width) * u64::from(height);
        self.decoder.total_bytes().max(rgb).saturating_add(rgb)
    }

    /// Decodes the image. Transparent pixels show the colour `background`.
    ///
    /// # Errors
    /// The problem of the file, on one line.
    pub fn decode(mut self, background: [u8; 3]) -> Result<RgbImage, String> {
        let orientation = self.decoder.orientation().map_err(|error| problem(&error))?;
        let image = DynamicImage::from_decoder(self.decoder).map_err(|error| problem(&error))?;
        if image.width() == 0 || image.height() == 0 {
            return Err("it has no pixels".to_string());
        }
        // The decoder fills the missing part of a JPEG with gray.
        if self.is_jpeg && !jpeg::is_complete(self.content) {
            return Err(ENDS_EARLY.to_string());
        }
        let has_alpha = image.color().has_alpha();
        let pixels = if has_alpha {
            let (width, height) = (image.width(), image.height());
            let composed = compose(&image.into_rgba8(), background);
            RgbImage::from_raw(width, height, composed).expect("three bytes per pixel")
        } else {
            image.into_rgb8()
        };
        let mut pixels = DynamicImage::ImageRgb8(pixels);
        pixels.apply_orientation(orientation);
        Ok(pixels.into_rgb8())
    }
}

/// Describes an error on one line.
fn problem(error: &ImageError) -> String {
    match error {
        ImageError::Limits(_) => format!(
            "it is larger than {MAX_SIDE} x {MAX_SIDE} pixels, or than {} MB when decoded",
            MAX_BYTES >> 20
        ),
        ImageError::Unsupported(_) => {
            format!("it is not a PNG, JPEG, WebP, BMP or GIF that can be decoded ({error})")
        }
        ImageError::IoError(cause) if cause.kind() == std::io::ErrorKind::UnexpectedEof => {
            ENDS_EARLY.to_string()
        }
        _ => error.to_string(),
    }
    .replace(['\n', '\r'], " ")
}
