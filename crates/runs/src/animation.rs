//! Animates the sample grids of a run as a PNG file, which browsers and most image viewers play.
//!
//! The frames are read from the run directory, so the animation of a resumed run includes the
//! frames of earlier processes. A viewer without support for animations shows the last frame.

use std::path::{Path, PathBuf};

use crate::image::Image;
use crate::{Error, disk};

/// Maximum number of frames. From a longer series, evenly spaced frames are selected.
const MAX_FRAMES: usize = 150;
/// Approximate duration of an animation, in milliseconds.
const DURATION: usize = 8000;
/// Minimum and maximum duration of a frame, in milliseconds.
const FRAME_DURATION: (usize, usize) = (40, 400);
/// Duration of the last frame before the animation repeats, in milliseconds.
const LAST_FRAME: u16 = 2500;

/// Writes an animated PNG file that repeats forever. Its frames are PNG files of equal size.
///
/// # Errors
/// If a frame can't be read or differs in size from the last one, or the file can't be written.
///
/// # Panics
/// If there are no frames.
pub(crate) fn write(path: &Path, frames: &[PathBuf]) -> Result<(), Error> {
    let frames = selection(frames);
    let last = Image::read_png(frames.last().expect("an animation has at least one frame"))?;
    let (mut bytes, io) = (Vec::new(), Error::io("write", path));
    let mut encoder = last.encoder(&mut bytes);
    encoder.set_animated(frames.len() as u32, 0).map_err(io)?;
    encoder.set_sep_def_img(true).map_err(io)?;
    let mut writer = encoder.write_header().map_err(io)?;
    // This picture is for viewers without support for animations.
    writer.write_image_data(&last.pixels).map_err(io)?;
    for (i, file) in frames.iter().enumerate() {
        let frame = Image::read_png(file)?;
        if (frame.width, frame.height, frame.channels) != (last.width, last.height, last.channels) {
            let problem = "differs in size from the last picture of the series; move it elsewhere";
            return Err(Error::file(file, problem));
        }
        let milliseconds = if i + 1 == frames.len() { LAST_FRAME } else { duration(frames.len()) };
        writer.set_frame_delay(milliseconds, 1000).map_err(io)?;
        writer.write_image_data(&frame.pixels).map_err(io)?;
    }
    writer.finish().map_err(io)?;
    disk::write_file(path, |out| out.write_all(&bytes))
}

/// Returns the duration of each frame except the last, in milliseconds.
fn duration(frames: usize) -> u16 {
    (DURATION / frames).clamp(FRAME_DURATION.0, FRAME_DURATION.1) as u16
}

/// Selects at most `MAX_FRAMES` evenly spaced frames, including the first and the last.
fn selection(frames: &[PathBuf]) -> Vec<&PathBuf> {
    if frames.len() <= MAX_FRAMES {
        return frames.iter().collect();
    }
    (0..MAX_FRAMES).map(|i| &frames[i * (frames.len() - 1) / (MAX_FRAMES - 1)]).collect()
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::BufReader;

    use super::*;

    fn frame(dir: &Path, number: usize, side: usize) -> PathBuf {
        let path = dir.join(format!("{number:03}.png"));
        Image::filled(side, 2, 3, number as u8).write_png(&path).unwrap();
        path
    }

    #[test]
    fn frames_follow_in_order_and_the_still_is_the_last() {
        let dir = tempfile::tempdir().unwrap();
        let frames: Vec<PathBuf> = (0..4).map(|i| frame(dir.path(), 10 * i, 3)).collect();
        let path = dir.path().join("animation.png");
        write(&path, &frames).unwrap();
        assert_eq!(Image::read_png(&path).unwrap(), Image::filled(3, 2, 3, 30));

        let mut reader = png::Decoder::new(BufReader::new(File::open(&path).unwrap())).read_info().unwrap();
        let control = *reader.info().animation_control().unwrap();
        assert_eq!((control.num_frames, control.num_plays), (4, 0));
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let mut shown = Vec::new();
        while reader.next_frame(&mut pixels).is_ok() {
            let delay = reader.info().frame_control.map_or(0, |frame| frame.delay_num);
            shown.push((pixels[0], delay));
        }
        assert_eq!(shown, [(30, 0), (0, 400), (10, 400), (20, 400), (30, LAST_FRAME)]);
    }

    #[test]
    fn a_long_series_is_thinned_evenly() {
        let frames: Vec<PathBuf> = (0..1000).map(|i| PathBuf::from(i.to_string())).collect();
        let chosen = selection(&frames);
        assert_eq!((chosen.len(), chosen[0], chosen[149]), (150, &frames[0], &frames[999]));
        assert!(chosen.windows(2).all(|pair| pair[0] != pair[1]));
        assert_eq!((duration(1), duration(40), duration(150)), (400, 200, 53));
    }

    #[test]
    fn a_frame_of_another_size_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let frames = [frame(dir.path(), 1, 4), frame(dir.path(), 2, 3)];
        let error = write(&dir.path().join("a.png"), &frames).unwrap_err().to_string();
        assert!(error.contains("001.png") && error.contains("differs in size"), "{error}");
    }
}
