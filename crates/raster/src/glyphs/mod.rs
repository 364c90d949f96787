//! The built-in datasets `glyphs` and `glyphs-rgb`: handwritten digits drawn by code, without files
//! or downloads.
//!
//! An image is drawn in four steps. Each step is a module that does not depend on the later
//! modules:
//!
//! 1. `allographs`: the stroke skeletons of the digits, with several ways of writing each digit;
//! 2. `hand`: a random mixture of skeletons, bent and with a wobble;
//! 3. `pen`: slant, rotation, the smooth path, and its position and scale on the page (as in MNIST:
//!    a box of 20 pixels in 28, with the centre of mass in the middle);
//! 4. `ink`: the antialiased coverage of the pixels, white on black as in MNIST, or in the colours
//!    of `tint`.
//!
//! Image `i` is a function of the seed, the split and `i` alone. It does not depend on the order of
//! access or on the number of threads. It does not depend on the machine either, because the
//! arithmetic is limited to the four operations and square roots of IEEE 754. Image `i` shows the
//! digit `i % 10`, so the classes are exactly balanced.
//!
//! This module is deliberately not a font renderer, and it does not imitate the scanner noise of
//! MNIST.

#[rustfmt::skip] // a table
mod allographs;
mod factors;
mod hand;
mod ink;
mod pen;
mod tint;

#[cfg(test)]
mod tests;

pub use factors::Factors;

use adjoint_tensor::Stream;

use crate::{IMAGE_SIZES, Split};

/// Number of digits.
pub const CLASSES: usize = 10;

/// The images of a built-in dataset. Any index can be drawn; the dataset uses 60,000 images for
/// training and 10,000 for testing.
///
/// ```
/// use adjoint_raster::{Split, glyphs::{Glyphs, Palette}};
///
/// let glyphs = Glyphs::new(0, Split::Train, 28, Palette::Gray);
/// let mut seven = vec![0; glyphs.image_len()];
/// glyphs.render(7, &mut seven);
/// assert_eq!(glyphs.factors(7).class, 7);
///
/// // The same handwriting with a strong slant to the right.
/// let slanted = adjoint_raster::glyphs::Factors { slant: 0.6, ..glyphs.factors(7) };
/// glyphs.render_with(7, &slanted, &mut seven);
/// ```
#[derive(Clone, Debug)]
pub struct Glyphs {
    seed: u64,
    split: Split,
    size: usize,
    palette: Palette,
}

/// Colours of the images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Palette {
    /// White ink on black, one channel.
    Gray,
    /// Bright ink on dark paper, each with a random hue, three channels: red, green, blue.
    Rgb,
}

impl Palette {
    /// Values per pixel: 1 (grayscale) or 3 (red, green, blue).
    pub fn channels(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::Rgb => 3,
        }
    }
}

impl Glyphs {
    /// The glyphs of `seed` and `split`, with `size` by `size` pixels.
    ///
    /// # Panics
    /// If `size` is outside [`IMAGE_SIZES`].
    #[track_caller]
    pub fn new(seed: u64, split: Split, size: usize, palette: Palette) -> Self {
        assert!(IMAGE_SIZES.contains(&size), "glyphs of {size} pixels; possible are {IMAGE_SIZES:?}");
        Self { seed, split, size, palette }
    }

    /// Number of images, as in MNIST: 60,000 for training or 10,000 for testing.
    pub fn len(&self) -> usize {
        match self.split {
            Split::Train => 60_000,
            Split::Test => 10_000,
        }
    }

    /// Always false.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Height and width of an image in pixels.
    pub fn image_size(&self) -> usize {
        self.size
    }

    /// Values per pixel: 1 (grayscale) or 3 (red, green, blue).
    pub fn channels(&self) -> usize {
        self.palette.channels()
    }

    /// Bytes of an image: height x width x channels.
    pub fn image_len(&self) -> usize {
        self.size * self.size * self.channels()
    }

    /// The digit that image `index` shows: `index % 10`.
    pub fn class(index: usize) -> u8 {
        (index % CLASSES) as u8
    }

    /// The factors of image `index`.
    pub fn factors(&self, index: usize) -> Factors {
        Factors::draw(Self::class(index), &mut self.stream("factors", index))
    }

    /// Draws image `index` into `image`: [`image_len`](Self::image_len) bytes, height x width x
    /// channels.
    ///
    /// # Panics
    /// If the length of `image` is not [`image_len`](Self::image_len).
    #[track_caller]
    pub fn render(&self, index: usize, image: &mut [u8]) {
        self.render_with(index, &self.factors(index), image);
    }

    /// Draws image `index` with the given `factors` instead of its own. All other variation of the
    /// image, its hand, does not change.
    ///
    /// # Panics
    /// If `image` has the wrong length, or the factors name no class or allograph.
    #[track_caller]
    pub fn render_with(&self, index: usize, factors: &Factors, image: &mut [u8]) {
        assert_eq!(image.len(), self.image_len(), "glyph of {0}x{0} pixels into a wrong buffer", self.size);
        let (ink, paper) = match self.palette {
            Palette::Gray => ([255.0; 3], [0.0; 3]),
            Palette::Rgb => {
                (tint::tone(factors.ink_hue, tint::INK), tint::tone(factors.paper_hue, tint::PAPER))
            }
        };
        let coverage = self.coverage(index, factors);
        for (pixel, covered) in image.chunks_exact_mut(self.channels()).zip(&coverage) {
            for ((byte, ink), paper) in pixel.iter_mut().zip(ink).zip(paper) {
                // The cast truncates, so half is added to round to the nearest integer.
                *byte = (paper + covered * (ink - paper) + 0.5) as u8;
            }
        }
    }

    /// The share of each pixel that ink covers, in `[0, 1]`.
    fn coverage(&self, index: usize, factors: &Factors) -> Vec<f32> {
        let poses = allographs::of(factors.class)[factors.allograph].poses;
        let skeleton = hand::write(poses, factors.wobble, &mut self.stream("hand", index));
        let mut coverage = vec![0.0; self.size * self.size];
        for arc in pen::draw(skeleton, factors, self.size) {
            ink::stroke(&arc, &mut coverage, self.size);
        }
        coverage
    }

    fn stream(&self, purpose: &str, index: usize) -> Stream {
        Stream::new(self.seed, &format!("glyphs/{}/{purpose}", self.split), index as u64)
    }
}
