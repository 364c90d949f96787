//! Writes a PNG of a dataset, with one row per class.
//!
//! ```text
//! cargo run -p adjoint-data --example contact_sheet -- glyphs-rgb 64 sheet.png
//! cargo run -p adjoint-data --example contact_sheet -- mnist 28 sheet.png DATA_DIR
//! cargo run -p adjoint-data --example contact_sheet -- path/to/images 64 sheet.png
//! ```

use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;

use adjoint_data::{DataError, Dataset, Options, Split};

/// Images in a row.
const COLUMNS: usize = 20;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args_os().skip(1);
    let name = args.next().unwrap_or("glyphs".into());
    let image_size = args.next().map_or(Ok(28), |size| size.to_string_lossy().parse())?;
    let path = PathBuf::from(args.next().unwrap_or("contact_sheet.png".into()));
    let data_dir = args.next().unwrap_or("datasets".into()).into();

    let options = Options { image_size, data_dir, ..Options::default() };
    let data = Dataset::load(&name, Split::Train, &options, None)?;
    let sheet = draw(&data)?;

    let (width, height) = (COLUMNS * image_size, data.classes().len().max(1) * image_size);
    adjoint_files::write(&path, |out| {
        let mut encoder = png::Encoder::new(out, width as u32, height as u32);
        encoder.set_color(if data.channels() == 3 { png::ColorType::Rgb } else { png::ColorType::Grayscale });
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&sheet)?;
        Ok(writer.finish()?)
    })?;
    writeln!(io::stdout(), "{}: {} of {width}x{height} pixels", path.display(), data.name())?;
    Ok(())
}

/// The first images of each class side by side.
fn draw(data: &Dataset) -> Result<Vec<u8>, DataError> {
    let row_len = data.image_size() * data.channels();
    let mut sheet = vec![0; data.classes().len().max(1) * COLUMNS * data.image_len()];
    let mut image = vec![0; data.image_len()];
    for (class, band) in sheet.chunks_exact_mut(COLUMNS * data.image_len()).enumerate() {
        let of_class = (0..data.len()).filter(|&index| usize::from(data.labels()[index]) == class);
        for (column, index) in of_class.take(COLUMNS).enumerate() {
            data.image(index, &mut image)?;
            for (from, to) in image.chunks_exact(row_len).zip(band.chunks_exact_mut(COLUMNS * row_len)) {
                to[column * row_len..][..row_len].copy_from_slice(from);
            }
        }
    }
    Ok(sheet)
}
