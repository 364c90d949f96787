//! The pixels of a tile in an image.

use super::transform::N;
use crate::simd::Lattice;
use std::ops::Range;

/// A subset of the N x N elements of a tile: all elements in certain rows and columns. Bit `i N +
/// j` is element (i, j).
#[derive(Clone, Copy, PartialEq, Eq)]
struct Elements(u32);

impl Elements {
    /// Returns the elements whose row i and column j satisfy `is_in(0, i)` and `is_in(1, j)`.
    #[inline(always)]
    fn new(is_in: impl Fn(usize, usize) -> bool) -> Self {
        let [mut rows, mut cols] = [0, 0];
        for i in 0..N {
            rows |= u32::from(is_in(0, i)) << (i * N);
            cols |= u32::from(is_in(1, i)) << i;
        }
        // One copy of the columns for each row.
        Elements(rows * cols)
    }

    /// Returns whether element (i, j) is in the subset.
    #[inline(always)]
    fn contains(self, i: usize, j: usize) -> bool {
        self.0 >> (i * N + j) & 1 != 0
    }
}

/// Every `step`-th pixel of an image along each axis. The first of them is pixel `first` of the
/// padded image.
pub(super) struct PixelGrid {
    /// The NHWC shape of the images.
    pub(super) shape: [usize; 4],
    pub(super) first: [usize; 2],
    pub(super) step: usize,
    pub(super) padding: [usize; 2],
}

/// The offsets of the pixels of a tile in an array of images. Some of these pixels may be outside
/// the image.
pub(super) struct Window {
    /// The positions of the pixels, each the offset of its first channel. If pixel (0, 0) is
    /// outside the image, the offset `at` of the lattice wraps modulo 2^64.
    lattice: Lattice,
    /// The pixels that the tile has and that are inside the image.
    inside: Elements,
}

impl Window {
    /// Returns the window of a tile with `size` rows and columns of pixels of `grid`, in image
    /// number `image`. A tile that is not short has `full` rows and columns.
    #[inline(always)]
    pub(super) fn new(image: usize, size: [usize; 2], full: [usize; 2], grid: PixelGrid) -> Window {
        let PixelGrid { shape: [_, h, w, channels], first, step, padding } = grid;
        let at = [0, 1].map(|a| first[a].wrapping_sub(padding[a]));
        let first =
            (image * h).wrapping_add(at[0]).wrapping_mul(w).wrapping_add(at[1]).wrapping_mul(channels);
        Window {
            lattice: Lattice { at: first, size: full, stride: [step * w * channels, step * channels] },
            inside: Elements::new(
                #[inline(always)]
                |a, i| i < size[a] && at[a].wrapping_add(i * step) < [h, w][a],
            ),
        }
    }

    /// Returns the offset of pixel (i, j), which must be inside the image.
    #[inline(always)]
    pub(super) fn at(&self, i: usize, j: usize) -> usize {
        self.lattice.vector(i, j)
    }

    /// Keeps only the pixels in the rows `pixels[0]` and the columns `pixels[1]` of the tile.
    pub(super) fn keep(&mut self, pixels: &[Range<usize>; 2]) {
        let kept = Elements::new(|a, i| pixels[a].contains(&i));
        self.inside = Elements(self.inside.0 & kept.0);
    }

    /// Returns whether pixel (i, j) is inside the image.
    #[inline(always)]
    pub(super) fn contains(&self, i: usize, j: usize) -> bool {
        self.inside.contains(i, j)
    }

    /// Returns the vectors of all pixels of a full tile from a channel on, inside the image or not.
    #[inline(always)]
    pub(super) fn pixels(&self, channel: usize) -> Lattice {
        Lattice { at: self.lattice.at.wrapping_add(channel), ..self.lattice }
    }

    /// Returns [`pixels`](Self::pixels) if all of them are inside the image.
    #[inline(always)]
    pub(super) fn whole(&self, channel: usize) -> Option<Lattice> {
        let all = Elements::new(
            #[inline(always)]
            |a, i| i < self.lattice.size[a],
        );
        (self.inside == all).then_some(self.pixels(channel))
    }
}
