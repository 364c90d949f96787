//! The tiles and phases of a layer.

use super::transform::N;
use crate::conv2d::Geometry;
use crate::simd::Lattice;
use crate::tuning::winograd::MAX_TILES_IF_SHORT;
use std::ops::Range;

/// Channels are counted in multiples of this inside the transformed domain, a whole number of
/// vectors of every instruction set. The padding between phases is zeros. Behind the last phase it
/// has no defined value, and no product reads it.
pub(super) const CHANNEL_STEP: usize = 16;

/// A convolution as phases and tiles.
///
/// With stride s, rows `i s + a` of the padded input for a fixed a are *phase* a. Tap `d s + a` of
/// the kernel meets only that phase, at stride 1. So a convolution with stride s is one with stride
/// 1 and `ceil(kernel / s)` taps, whose channels are those of all s x s phases. A tile is M x M
/// outputs, computed from N x N inputs of each phase. Neighbouring tiles of the input overlap by
/// R - 1 pixels.
///
/// Where M does not divide a side of the output, and an image has few tiles, some tiles are *short*
/// along that side: M - 1 outputs from N - 1 inputs. Only the last output uses
/// the point at infinity, which depends on the last input alone. So a short tile is the same
/// algorithm without that point: 4 products instead of 5. The rows of an operand are ordered by the
/// kind of their tile, so that for every point, the rows that have it are neighbours
/// ([`row`](Self::row)).
#[derive(Clone, Copy)]
pub(super) struct Tiling {
    pub(super) g: Geometry,
    /// Outputs of a tile per dimension.
    pub(super) m: usize,
    /// Tiles per image in each dimension.
    tiles: [usize; 2],
    /// Number of full tiles in each dimension; short ones follow.
    full: [usize; 2],
    /// Channels of x and y in the transformed domain.
    pub(super) channels: [usize; 2],
}

/// One tile: which image, and the tile's row and column in it.
#[derive(Clone, Copy)]
pub(super) struct Tile {
    pub(super) image: usize,
    pub(super) at: [usize; 2],
}

impl Tiling {
    /// Tiles of M outputs.
    pub(super) fn new(g: &Geometry, m: usize) -> Self {
        let mut t = Tiling {
            g: *g,
            m,
            tiles: g.out_size.map(|size| size.div_ceil(m)),
            full: [0; 2],
            channels: [g.in_channels, g.out_channels].map(|c| c.next_multiple_of(CHANNEL_STEP)),
        };
        t.full = t.tiles;
        if t.per_image() <= MAX_TILES_IF_SHORT {
            for axis in 0..2 {
                let spare = (t.tiles[axis] * m).saturating_sub(t.outputs_to_cover(axis));
                t.full[axis] -= spare.min(t.tiles[axis]);
            }
        }
        t
    }

    /// Outputs that the tiles must have along an axis to cover all outputs and all pixels of the
    /// input. A pixel that no window reaches must be in a tile, too: its gradient is 0.
    fn outputs_to_cover(&self, axis: usize) -> usize {
        let g = &self.g;
        let rows_of_phase = (g.in_size[axis].saturating_sub(1) + g.spec.padding[axis]) / self.stride() + 1;
        g.out_size[axis].max((rows_of_phase + self.m).saturating_sub(N))
    }

    /// Is every output and every pixel of the input in a tile?
    pub(super) fn covers(&self) -> bool {
        (0..2).all(|axis| self.outputs_to_cover(axis) <= self.start(axis, self.tiles[axis]))
    }

    /// First output of a tile.
    #[inline(always)]
    fn start(&self, axis: usize, tile: usize) -> usize {
        tile * self.m - tile.saturating_sub(self.full[axis])
    }

    /// Points of a tile in each dimension, which are also its pixels of x: N, or N - 1 if it is
    /// short.
    #[inline(always)]
    pub(super) fn points(&self, tile: Tile) -> [usize; 2] {
        std::array::from_fn(|axis| N - usize::from(tile.at[axis] >= self.full[axis]))
    }

    /// Tiles of an image by kind, in the order of rows: short columns, full, short rows, short in
    /// both.
    fn kinds(&self) -> [usize; 4] {
        let ([f0, f1], [s0, s1]) = (self.full, [0, 1].map(|axis| self.tiles[axis] - self.full[axis]));
        [f0 * s1, f0 * f1, s0 * f1, s0 * s1]
    }

    /// Are all tiles full? Else operands are made of whole images.
    pub(super) fn all_full(&self) -> bool {
        self.full == self.tiles
    }

    fn are_whole_images(&self, tiles: &Range<usize>) -> bool {
        tiles.start.is_multiple_of(self.per_image()) && tiles.len().is_multiple_of(self.per_image())
    }

    /// The row of tile number `number` in an operand of the tiles `all`. These must be whole
    /// images, or all tiles must be full.
    #[inline(always)]
    pub(super) fn row(&self, all: &Range<usize>, number: usize, tile: Tile) -> usize {
        if self.all_full() {
            return number - all.start;
        }
        debug_assert!(self.are_whole_images(all));
        let (kinds, first) = (self.kinds(), all.start / self.per_image());
        let ([r, c], [f0, f1], s1) = (tile.at, self.full, self.tiles[1] - self.full[1]);
        let (kind, index) = match (r < f0, c < f1) {
            (true, false) => (0, r * s1 + c - f1),
            (true, true) => (1, r * f1 + c),
            (false, true) => (2, (r - f0) * f1 + c),
            (false, false) => (3, (r - f0) * s1 + c - f1),
        };
        let images = all.len() / self.per_image();
        images * kinds[..kind].iter().sum::<usize>() + (tile.image - first) * kinds[kind] + index
    }

    /// The rows of an operand of the tiles `all` that have a point.
    pub(super) fn rows_with(&self, point: usize, all: &Range<usize>) -> Range<usize> {
        debug_assert!(self.all_full() || self.are_whole_images(all));
        let [short_columns, full, short_rows, _] = self.kinds().map(|n| n * all.len() / self.per_image());
        let rows = match [point / N, point % N].map(|p| p == N - 1) {
            [false, false] => 0..all.len(),
            [true, false] => 0..short_columns + full,
            [false, true] => short_columns..short_columns + full + short_rows,
            [true, true] => short_columns..short_columns + full,
        };
        if rows.is_empty() { 0..0 } else { rows }
    }

    /// Products of one phase and channel for one image.
    pub(super) fn products(&self) -> usize {
        (0..2).map(|axis| self.tiles[axis] * (N - 1) + self.full[axis]).product()
    }

    /// Tiles of one image.
    pub(super) fn per_image(&self) -> usize {
        self.tiles[0] * self.tiles[1]
    }

    /// Tiles of a row.
    pub(super) fn across(&self) -> usize {
        self.tiles[1]
    }

    /// Tiles of the batch.
    pub(super) fn count(&self) -> usize {
        self.g.batch * self.per_image()
    }

    pub(super) fn stride(&self) -> usize {
        self.g.spec.stride[0]
    }

    pub(super) fn phases(&self) -> usize {
        self.stride() * self.stride()
    }

    /// Channels of all phases of x, padding included: the columns of a transformed x_bar.
    pub(super) fn phase_channels(&self) -> usize {
        self.phases() * self.channels[0]
    }

    /// The same without the padding of the last phase: the rows of the transformed filter.
    pub(super) fn filter_rows(&self) -> usize {
        self.phase_channels() - self.channels[0] + self.g.in_channels
    }

    /// Tile number `t` of the batch.
    pub(super) fn tile(&self, t: usize) -> Tile {
        let (image, rest) = (t / self.per_image(), t % self.per_image());
        Tile { image, at: [rest / self.tiles[1], rest % self.tiles[1]] }
    }

    /// The pixels of a tile of phase (a, b) of x.
    #[inline(always)]
    pub(super) fn input_window(&self, tile: Tile, phase: usize) -> Window {
        let (s, g) = (self.stride(), &self.g);
        let [top, left] = [0, 1].map(|axis| self.start(axis, tile.at[axis]) * s);
        let first = [top + phase / s, left + phase % s];
        let grid = PixelGrid {
            image: tile.image,
            image_size: g.in_size,
            channels: g.in_channels,
            first,
            step: s,
            padding: g.spec.padding,
        };
        Window::new(self.points(tile), [N; 2], grid)
    }

    /// The pixels of a tile of y.
    #[inline(always)]
    pub(super) fn output_window(&self, tile: Tile) -> Window {
        let g = &self.g;
        let first = [0, 1].map(|axis| self.start(axis, tile.at[axis]));
        let size = self.points(tile).map(|points| points - (N - self.m));
        let grid = PixelGrid {
            image: tile.image,
            image_size: g.out_size,
            channels: g.out_channels,
            first,
            step: 1,
            padding: [0, 0],
        };
        Window::new(size, [self.m; 2], grid)
    }

    /// Offset in w of the row of output channels of tap (d, e) of a phase and an input channel;
    /// none for what the kernel does not have (a kernel of 5 with stride 2 has phases of 3 and of 2
    /// taps).
    #[inline(always)]
    pub(super) fn weight_row(&self, phase: usize, channel: usize, [d, e]: [usize; 2]) -> Option<usize> {
        let (s, [kh, kw], ci) = (self.stride(), self.g.kernel, self.g.in_channels);
        let (a, b) = (d * s + phase / s, e * s + phase % s);
        (a < kh && b < kw && channel < ci).then(|| ((a * kw + b) * ci + channel) * self.g.out_channels)
    }
}

/// Some of the N x N elements of a tile, all in certain rows and columns: bit `i N + j` is element
/// (i, j).
#[derive(Clone, Copy, PartialEq, Eq)]
struct Elements(u32);

impl Elements {
    /// Those of which both row and column, as `is_in(axis, i)`, are in.
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

    /// Is element (i, j) among them?
    #[inline(always)]
    fn contains(self, i: usize, j: usize) -> bool {
        self.0 >> (i * N + j) & 1 != 0
    }
}

/// Every `step`-th pixel of an image in each direction, from pixel `first` of the padded image on.
struct PixelGrid {
    image: usize,
    image_size: [usize; 2],
    channels: usize,
    first: [usize; 2],
    step: usize,
    padding: [usize; 2],
}

/// The offsets of the pixels of a tile in an image: at two strides, and some of them perhaps
/// outside the image.
pub(super) struct Window {
    /// The pixels, as vectors of their first channels; `at` is modulo 2^64 if pixel (0, 0) is
    /// outside.
    lattice: Lattice,
    /// The pixels that the tile has and that are inside the image.
    inside: Elements,
}

impl Window {
    /// `size` rows and columns of a grid. A full tile would have `full`.
    #[inline(always)]
    fn new(size: [usize; 2], full: [usize; 2], grid: PixelGrid) -> Window {
        let PixelGrid { image, image_size, channels, first, step, padding } = grid;
        let [h, w] = image_size;
        let at = [0, 1].map(|a| first[a].wrapping_sub(padding[a]));
        let first =
            (image * h).wrapping_add(at[0]).wrapping_mul(w).wrapping_add(at[1]).wrapping_mul(channels);
        Window {
            lattice: Lattice { at: first, size: full, stride: [step * w * channels, step * channels] },
            inside: Elements::new(
                #[inline(always)]
                |a, i| i < size[a] && at[a].wrapping_add(i * step) < image_size[a],
            ),
        }
    }

    /// Offset of pixel (i, j), if it is inside.
    #[inline(always)]
    pub(super) fn at(&self, i: usize, j: usize) -> usize {
        self.lattice.vector(i, j)
    }

    /// Leaves pixels in other rows out.
    pub(super) fn keep_rows(&mut self, rows: Range<usize>) {
        let kept = Elements::new(|a, i| a == 1 || rows.contains(&i));
        self.inside = Elements(self.inside.0 & kept.0);
    }

    /// Is pixel (i, j) inside the image?
    #[inline(always)]
    pub(super) fn contains(&self, i: usize, j: usize) -> bool {
        self.inside.contains(i, j)
    }

    /// The vectors of all pixels of a full tile from a channel on, inside the image or not.
    #[inline(always)]
    pub(super) fn pixels(&self, channel: usize) -> Lattice {
        Lattice { at: self.lattice.at.wrapping_add(channel), ..self.lattice }
    }

    /// The same, if all are inside.
    #[inline(always)]
    pub(super) fn whole(&self, channel: usize) -> Option<Lattice> {
        let all = Elements::new(
            #[inline(always)]
            |a, i| i < self.lattice.size[a],
        );
        (self.inside == all).then_some(self.pixels(channel))
    }
}
