//! The images of the built-in datasets. Each image is drawn for the first batch that needs it and
//! kept in memory for later batches.
//!
//! A run of a few steps draws a few images and starts immediately. An image does not depend on the
//! time at which it is drawn, nor on the thread that draws it.

use crate::glyphs::{CLASSES, Factors, Glyphs, Palette};
use crate::source::{Images, Source};
use crate::{DataError, Downloader, Options, Split};
use std::fmt;
use std::sync::OnceLock;
use std::thread;

/// Largest size, in bytes, of a dataset whose images are kept in memory; 60,000 images of 28 x 28
/// are 47 MB. The images of a larger dataset are drawn again for every batch. Such images need
/// large networks, and drawing takes a small part of their training step.
const MAX_KEPT_BYTES: usize = 192 << 20;
/// The smallest number of missing images that is divided among several threads.
const PARALLEL_MIN: usize = 512;

/// One of the built-in datasets.
pub(crate) struct BuiltIn<'a> {
    pub(crate) palette: Palette,
    pub(crate) options: &'a Options,
}

impl Source for BuiltIn<'_> {
    fn channels(&self) -> usize {
        self.palette.channels()
    }

    fn classes(&self) -> Result<Vec<String>, DataError> {
        Ok((0..CLASSES).map(|digit| digit.to_string()).collect())
    }

    fn judge_accuracy(&self) -> Option<f64> {
        Some(0.99)
    }

    fn load(
        &self,
        split: Split,
        _downloader: Option<&mut Downloader<'_>>,
    ) -> Result<Box<dyn Images>, DataError> {
        let Options { seed, image_size, .. } = *self.options;
        Ok(Box::new(Drawn::new(Glyphs::new(seed, split, image_size, self.palette))))
    }
}

/// Drawn images.
struct Drawn {
    glyphs: Glyphs,
    labels: Vec<u16>,
    /// One cell per image; empty if the dataset is too large to be kept.
    kept: Box<[OnceLock<Box<[u8]>>]>,
}

impl Drawn {
    fn new(glyphs: Glyphs) -> Self {
        let keeps = glyphs.len() * glyphs.image_len() <= MAX_KEPT_BYTES;
        let kept = (0..if keeps { glyphs.len() } else { 0 }).map(|_| OnceLock::new()).collect();
        let labels = (0..glyphs.len()).map(|index| Glyphs::class(index).into()).collect();
        Self { glyphs, labels, kept }
    }

    fn draw(&self, index: usize) -> Box<[u8]> {
        let mut image = vec![0; self.glyphs.image_len()].into_boxed_slice();
        self.glyphs.render(index, &mut image);
        image
    }
}

impl Images for Drawn {
    fn image_size(&self) -> usize {
        self.glyphs.image_size()
    }

    fn labels(&self) -> &[u16] {
        &self.labels
    }

    fn image(&self, index: usize, image: &mut [u8]) -> Result<(), DataError> {
        match self.kept.get(index) {
            Some(kept) => image.copy_from_slice(kept.get_or_init(|| self.draw(index))),
            None => self.glyphs.render(index, image),
        }
        Ok(())
    }

    /// Draws those images at `indices` that are not drawn yet, with one thread per processor. The
    /// call has no effect if fewer than [`PARALLEL_MIN`] images are missing or if images are not
    /// kept.
    fn prepare(&self, indices: &[usize]) {
        if indices.len() < PARALLEL_MIN || self.kept.is_empty() {
            return;
        }
        let is_missing = |index: usize| self.kept.get(index).is_some_and(|image| image.get().is_none());
        let missing: Vec<usize> = indices.iter().copied().filter(|&index| is_missing(index)).collect();
        if missing.len() < PARALLEL_MIN {
            return;
        }
        let share = missing.len().div_ceil(thread::available_parallelism().map_or(1, usize::from));
        thread::scope(|scope| {
            for indices in missing.chunks(share) {
                scope.spawn(move || {
                    for &index in indices {
                        self.kept[index].get_or_init(|| self.draw(index));
                    }
                });
            }
        });
    }

    fn factors(&self, index: usize) -> Option<Factors> {
        Some(self.glyphs.factors(index))
    }
}

impl fmt::Debug for Drawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.kept.iter().filter(|image| image.get().is_some()).count();
        f.debug_struct("Drawn").field("glyphs", &self.glyphs).field("kept", &kept).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An image has the same bytes whether it is drawn alone, by one of many threads, or again for
    /// each request.
    #[test]
    fn an_image_is_the_same_however_it_was_drawn() {
        let glyphs = Glyphs::new(3, Split::Test, 16, Palette::Rgb);
        let (single, many) = (Drawn::new(glyphs.clone()), Drawn::new(glyphs.clone()));
        let unkept = Drawn { kept: Box::new([]), ..Drawn::new(glyphs.clone()) };
        // Some indices occur twice, and image 5 is already drawn.
        let indices: Vec<usize> = (0..3 * PARALLEL_MIN).map(|i| i * 7 % (2 * PARALLEL_MIN)).collect();
        many.image(5, &mut vec![0; glyphs.image_len()]).unwrap();
        many.prepare(&indices);
        unkept.prepare(&indices);
        assert_eq!(many.kept.iter().filter(|image| image.get().is_some()).count(), 2 * PARALLEL_MIN);
        for index in (0..2 * PARALLEL_MIN).step_by(91) {
            let mut want = vec![0; glyphs.image_len()];
            glyphs.render(index, &mut want);
            for drawn in [&single, &many, &unkept] {
                let mut image = vec![1; want.len()];
                drawn.image(index, &mut image).unwrap();
                assert!(image == want, "image {index}");
            }
        }
    }

    /// Fewer than `PARALLEL_MIN` images are not drawn in advance.
    #[test]
    fn few_images_start_no_threads() {
        let drawn = Drawn::new(Glyphs::new(0, Split::Test, 28, Palette::Gray));
        drawn.prepare(&(0..PARALLEL_MIN - 1).collect::<Vec<_>>());
        assert!(drawn.kept.iter().all(|image| image.get().is_none()));
        assert!(format!("{drawn:?}").ends_with("kept: 0 }"));
    }
}
