//! Fits a PNG into a square, as datasets are fitted. The background is white.
//!
//! ```text
//! cargo run -p adjoint-data --example fit -- crop 64 photo.png fitted.png
//! ```

use std::error::Error;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use adjoint_data::{Fit, FitMode};
use adjoint_tensor::Named;
use png::{BitDepth, ColorType};

const WHITE: [u8; 3] = [255; 3];

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [mode, size, source, fitted] = &args[..] else {
        return Err("the arguments are: MODE SIZE SOURCE.png FITTED.png".into());
    };
    let mode = FitMode::of_name(mode).ok_or("the mode is crop, pad, stretch or margin")?;
    let size: usize = size.parse()?;
    if !(1..=4096).contains(&size) {
        return Err("the size is 1 to 4096".into());
    }

    let (info, pixels) = read(Path::new(source))?;
    let (channels, shape) = (info.color_type.samples(), [info.height as usize, info.width as usize]);
    let mut square = vec![0; size * size * channels];
    Fit::new(mode, shape, channels, size, &WHITE[..channels]).apply(&pixels, &mut square);

    adjoint_files::write(Path::new(fitted), |out| {
        let mut encoder = png::Encoder::new(out, size as u32, size as u32);
        encoder.set_color(info.color_type);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&square)?;
        Ok(writer.finish()?)
    })?;
    Ok(())
}

/// Reads a PNG of 8 bits per channel, in grayscale or in colour without alpha.
fn read(path: &Path) -> Result<(png::OutputInfo, Vec<u8>), Box<dyn Error>> {
    let mut reader = png::Decoder::new(BufReader::new(File::open(path)?)).read_info()?;
    let mut pixels = vec![0; reader.output_buffer_size().ok_or("the image is too large")?];
    let info = reader.next_frame(&mut pixels)?;
    match (info.bit_depth, info.color_type) {
        (BitDepth::Eight, ColorType::Grayscale | ColorType::Rgb) => Ok((info, pixels)),
        other => Err(format!("{} has {other:?}; 8-bit Grayscale or Rgb is possible", path.display()).into()),
    }
}
