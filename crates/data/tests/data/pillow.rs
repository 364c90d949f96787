//! Tests that images are fitted as Pillow fits them. `scripts/compare_pillow.py` wrote the
//! fixtures.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use adjoint_data::{Fit, FitMode};

/// An image: height and width, channels, and bytes.
struct Image {
    shape: [usize; 2],
    channels: usize,
    bytes: Vec<u8>,
}

/// Reads a fixture.
fn read(name: &str) -> Image {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/pillow").join(name);
    let mut reader = png::Decoder::new(BufReader::new(File::open(path).unwrap())).read_info().unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut bytes).unwrap();
    assert_eq!(info.bit_depth, png::BitDepth::Eight, "{name}");
    let shape = [info.height as usize, info.width as usize];
    Image { shape, channels: info.color_type.samples(), bytes }
}

/// Stretching enlarges the height and reduces the width. Cropping reduces both, and padding
/// enlarges both. Pillow rounds to 0..=255 between its two passes, so a few pixels may differ more.
#[test]
fn fitting_agrees_with_pillow() {
    let cases = [(FitMode::Stretch, 35), (FitMode::Crop, 16), (FitMode::Pad, 50)];
    for color in ["rgb", "gray"] {
        let source = read(&format!("source-{color}.png"));
        assert_eq!(source.channels, if color == "rgb" { 3 } else { 1 });
        for (mode, size) in cases {
            let name = format!("{mode}-{size}-{color}.png");
            let Image { shape, channels, bytes: expected } = read(&name);
            assert_eq!((shape, channels), ([size; 2], source.channels), "{name}");
            let mut fitted = vec![0; expected.len()];
            let white = vec![255; channels];
            Fit::new(mode, source.shape, channels, size, &white).apply(&source.bytes, &mut fitted);

            let pixels = fitted.chunks_exact(channels).zip(expected.chunks_exact(channels));
            let differs =
                |(ours, theirs): &(&[u8], &[u8])| ours.iter().zip(*theirs).any(|(a, b)| a.abs_diff(*b) > 1);
            let differing = pixels.filter(differs).count();
            assert!(differing * 100 <= size * size, "{name}: {differing} pixels differ by more than 1");
        }
    }
}
