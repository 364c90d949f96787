//! Eight-bit pictures and PNG files.

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::Path;

use crate::{Error, disk};

/// Maximum memory for the pixels of a PNG file, in bytes.
const MAX_BYTES: usize = 1 << 28;

/// A picture of 8-bit grayscale or RGB pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Pixels per row.
    pub width: usize,
    /// Number of rows.
    pub height: usize,
    /// 1 (grayscale) or 3 (red, green, blue).
    pub channels: usize,
    /// The pixel values, row by row. The channels of a pixel are adjacent.
    pub pixels: Vec<u8>,
}

impl Image {
    /// Creates a picture of one shade.
    ///
    /// # Panics
    /// If `channels` is neither 1 nor 3, or if the picture has no pixels.
    #[track_caller]
    pub fn filled(width: usize, height: usize, channels: usize, shade: u8) -> Self {
        assert!(channels == 1 || channels == 3, "a picture has 1 or 3 channels, not {channels}");
        assert!(width > 0 && height > 0, "a picture of {width}x{height} pixels");
        Self { width, height, channels, pixels: vec![shade; width * height * channels] }
    }

    /// Writes a PNG file, as a whole or not at all.
    ///
    /// # Errors
    /// [`Error::Io`] if the disk is full or `path` can't be written.
    pub fn write_png(&self, path: &Path) -> Result<(), Error> {
        disk::write_file(path, |out| self.encode(out))
    }

    /// Writes the bytes of a PNG file.
    ///
    /// # Errors
    /// The errors of `out`.
    pub fn encode(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut writer = self.encoder(out).write_header()?;
        writer.write_image_data(&self.pixels)?;
        Ok(writer.finish()?)
    }

    /// Returns an encoder for pictures of this size and number of channels.
    pub(crate) fn encoder<'a>(&self, out: &'a mut dyn Write) -> png::Encoder<'a, &'a mut dyn Write> {
        let mut encoder = png::Encoder::new(out, self.width as u32, self.height as u32);
        encoder.set_color(if self.channels == 3 { png::ColorType::Rgb } else { png::ColorType::Grayscale });
        encoder.set_depth(png::BitDepth::Eight);
        encoder
    }

    /// Reads a PNG file of 8-bit grayscale or RGB pixels.
    ///
    /// # Errors
    /// If the file can't be read or has another format.
    pub fn read_png(path: &Path) -> Result<Self, Error> {
        let unreadable = |problem: String| Error::file(path, problem);
        let file = File::open(path).map_err(Error::io("open", path))?;
        let decode = || {
            let mut reader = png::Decoder::new(BufReader::new(file)).read_info()?;
            let size = reader.output_buffer_size().filter(|&size| size <= MAX_BYTES);
            let mut pixels = vec![0; size.ok_or(png::DecodingError::LimitsExceeded)?];
            Ok((reader.next_frame(&mut pixels)?, pixels))
        };
        let (info, pixels) = decode()
            .map_err(|error: png::DecodingError| unreadable(format!("not a readable PNG file ({error})")))?;
        let channels = match (info.color_type, info.bit_depth) {
            (png::ColorType::Grayscale, png::BitDepth::Eight) => 1,
            (png::ColorType::Rgb, png::BitDepth::Eight) => 3,
            (color, depth) => {
                return Err(unreadable(format!(
                    "PNG of {color:?} with {depth:?} bits, not 8-bit grayscale or RGB"
                )));
            }
        };
        Ok(Self { width: info.width as usize, height: info.height as usize, channels, pixels })
    }
}
