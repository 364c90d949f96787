//! Built-in handwriting: the datasets `glyphs` and `glyphs-rgb`, digits drawn by code, with no file
//! and no network.
//!
//! An image is a chain of four small steps, each a module that knows nothing of the next:
//!
//! 1. `allographs`: the stroke skeletons of the digits, several ways of writing each;
//! 2. `hand`: a random mixture of skeletons, bent and wobbling;
//! 3. `pen`: slant, rotation, the smooth path, its place and scale on the page (MNIST's: a box of
//!    20 pixels in 28, the centre of mass in the middle);
//! 4. `ink`: antialiased coverage of pixels, white on black as in MNIST, or coloured by `tint`.
//!
//! Image `i` of a (seed, split) is a function of those three numbers alone: nothing is stored, no
//! order of access and no number of threads matters, and since the arithmetic is the four
//! operations and square roots of IEEE 754, neither does the machine. It shows the digit `i % 10`,
//! so the classes are exactly balanced.
//!
//! This is deliberately not a font renderer, and not an imitation of MNIST's scanner noise.

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
pub(crate) const CLASSES: usize = 10;

/// The built-in dataset: an endless notebook of digits, of which 60,000 train and 10,000 test pages
/// are used.
///
/// ```
/// use adjoint_data::{Split, glyphs::{Glyphs, Palette}};
///
/// let glyphs = Glyphs::new(0, Split::Train, 28, Palette::Grey);
/// let mut seven = vec![0; glyphs.image_len()];
/// glyphs.render(7, &mut seven);
/// assert_eq!(glyphs.factors(7).class, 7);
///
/// // The same writing, leaning far to the right.
/// let slanted = adjoint_data::glyphs::Factors { slant: 0.6, ..glyphs.factors(7) };
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
    Grey,
    /// Bright ink on deep paper, each of any hue, three channels: red, green, blue.
    Rgb,
}

impl Palette {
    /// Values per pixel: 1 (grayscale) or 3 (red, green, blue).
    pub fn channels(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::Rgb => 3,
        }
    }
}

impl Glyphs {
    /// The glyphs of `seed` and `split`, `size` by `size` pixels.
    ///
    /// # Panics
    /// If `size` is outside [`IMAGE_SIZES`].
    #[track_caller]
    pub fn new(seed: u64, split: Split, size: usize, palette: Palette) -> Self {
        assert!(IMAGE_SIZES.contains(&size), "glyphs of {size} pixels; possible are {IMAGE_SIZES:?}");
        Self { seed, split, size, palette }
    }

    /// Number of images: 60,000 to train and 10,000 to test on, as MNIST.
    pub fn len(&self) -> usize {
        match self.split {
            Split::Train => 60_000,
            Split::Test => 10_000,
        }
    }

    /// Never: there is always a next page.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Height and width of an image in pixels.
    pub fn image_size(&self) -> usize {
        self.size
    }

    /// As [`Palette::channels`].
    pub fn channels(&self) -> usize {
        self.palette.channels()
    }

    /// Bytes of an image: height x width x channels.
    pub fn image_len(&self) -> usize {
        self.size * self.size * self.channels()
    }

    /// How many ways of writing the digit `class` are known.
    pub fn allograph_count(class: u8) -> usize {
        allographs::of(class).len()
    }

    /// The digit that image `index` shows: `index % 10`.
    pub fn class(index: usize) -> u8 {
        (index % CLASSES) as u8
    }

    /// The factors of image `index`.
    pub fn factors(&self, index: usize) -> Factors {
        let purpose = match self.split {
            Split::Train => "glyphs/train/factors",
            Split::Test => "glyphs/test/factors",
        };
        Factors::draw(Self::class(index), &mut Stream::new(self.seed, purpose, index as u64))
    }

    /// Draws image `index` into `image`: [`image_len`](Self::image_len) bytes, height x width x
    /// channels.
    ///
    /// # Panics
    /// If `image` has another length.
    #[track_caller]
    pub fn render(&self, index: usize, image: &mut [u8]) {
        self.render_with(index, &self.factors(index), image);
    }

    /// Draws image `index` as it would be with other `factors`; the hand stays the same.
    ///
    /// # Panics
    /// If `image` has the wrong length, or the factors name no class or allograph.
    #[track_caller]
    pub fn render_with(&self, index: usize, factors: &Factors, image: &mut [u8]) {
        assert_eq!(image.len(), self.image_len(), "glyph of {0}x{0} pixels into a wrong buffer", self.size);
        let coverage = self.coverage(index, factors);
        match self.palette {
            Palette::Grey => {
                for (pixel, covered) in image.iter_mut().zip(&coverage) {
                    *pixel = to_byte(255.0 * covered);
                }
            }
            Palette::Rgb => {
                let (ink, paper) = (tint::ink(factors.ink_hue), tint::paper(factors.paper_hue));
                for (pixel, covered) in image.chunks_exact_mut(3).zip(&coverage) {
                    for channel in 0..3 {
                        pixel[channel] = to_byte(paper[channel] + covered * (ink[channel] - paper[channel]));
                    }
                }
            }
        }
    }

    /// How much of each pixel is ink, in `[0, 1]`.
    fn coverage(&self, index: usize, factors: &Factors) -> Vec<f32> {
        let purpose = match self.split {
            Split::Train => "glyphs/train/hand",
            Split::Test => "glyphs/test/hand",
        };
        let poses = allographs::of(factors.class)[factors.allograph].poses;
        let skeleton = hand::write(poses, factors.wobble, &mut Stream::new(self.seed, purpose, index as u64));
        let mut coverage = vec![0.0; self.size * self.size];
        for arc in pen::draw(skeleton, factors, self.size) {
            ink::stroke(&arc, &mut coverage, self.size);
        }
        coverage
    }
}

/// The nearest whole number; the cast cuts off, so half is added first.
fn to_byte(value: f32) -> u8 {
    (value + 0.5) as u8
}
