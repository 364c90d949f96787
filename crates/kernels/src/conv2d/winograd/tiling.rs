//! How a layer is cut into tiles and phases, and where transformed operands lie.

use super::transform::N;
use crate::conv2d::Geometry;
use std::ops::Range;

/// Channels are counted in multiples of this inside the transformed domain, the excess being zeros: a whole number of
/// vectors of every instruction set.
const CHANNEL_STEP: usize = 16;

/// Tiles of an image, at most, among which some may be short: then tasks are made of whole images.
const FEW: usize = 64;

/// Columns of a transformed operand that lie together: the inner dimension is walked in blocks of this.
pub(super) const BLOCK: usize = 256;

/// A convolution as phases and tiles.
///
/// With stride s, rows `i s + a` of the padded input for a fixed a make *phase* a; the tap `d s + a` of the kernel meets
/// only that phase, at stride 1. So a convolution with stride s is one of stride 1 over the s x s phases as channels, with
/// `ceil(kernel / s)` taps. The output, and with it each phase, is cut into tiles of M x M outputs from N x N inputs;
/// neighbouring tiles of the input overlap by R - 1 pixels.
///
/// Where M does not divide a side of the output, and an image has few tiles, as many as it takes are *short* there: M - 1 outputs from N - 1 inputs. The
/// point at infinity is what the last output alone takes from the last input alone, so a short tile is the same algorithm
/// without that point, 4 products instead of 5. An operand's rows are ordered by the kind of their tile, so that for every
/// point those which have it are neighbours ([`row`](Self::row)).
#[derive(Clone, Copy)]
pub(super) struct Tiling {
    pub(super) g: Geometry,
    /// Outputs of a tile per dimension.
    pub(super) m: usize,
    /// Tiles per image in each dimension.
    tiles: [usize; 2],
    /// The first so many of them are full; those after them are short.
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
        if t.per_image() <= FEW {
            for axis in 0..2 {
                let spare = (t.tiles[axis] * m).saturating_sub(t.outputs_to_cover(axis));
                t.full[axis] -= spare.min(t.tiles[axis]);
            }
        }
        t
    }

    /// Outputs that tiles must have so that none is missing, nor any pixel of the input: a pixel that no window reaches needs
    /// its zero of the gradient, too.
    fn outputs_to_cover(&self, axis: usize) -> usize {
        let g = &self.g;
        let rows_of_phase = (g.in_size[axis].saturating_sub(1) + g.spec.padding[axis]) / self.stride() + 1;
        g.out_size[axis].max((rows_of_phase + self.m).saturating_sub(N))
    }

    /// Does every output and every pixel of the input lie in a tile?
    pub(super) fn covers(&self) -> bool {
        (0..2).all(|axis| self.outputs_to_cover(axis) <= self.start(axis, self.tiles[axis]))
    }

    /// First output of a tile.
    #[inline(always)]
    fn start(&self, axis: usize, tile: usize) -> usize {
        tile * self.m - tile.saturating_sub(self.full[axis])
    }

    /// Points of a tile in each dimension, which are also its pixels of x: N, or N - 1 if it is short.
    #[inline(always)]
    pub(super) fn points(&self, tile: Tile) -> [usize; 2] {
        std::array::from_fn(|axis| N - usize::from(tile.at[axis] >= self.full[axis]))
    }

    /// Tiles of an image by kind, in the order of rows: short columns, full, short rows, short in both.
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

    /// The row of a tile in an operand of the tiles `all`; a different one for each, if these are whole images or all full.
    #[inline(always)]
    pub(super) fn row(&self, all: &Range<usize>, t: usize) -> usize {
        if self.all_full() {
            return t - all.start;
        }
        debug_assert!(self.are_whole_images(all));
        let (tile, kinds, first) = (self.tile(t), self.kinds(), all.start / self.per_image());
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

    /// Channels of all phases of x: the rows of the transformed filter.
    pub(super) fn phase_channels(&self) -> usize {
        self.phases() * self.channels[0]
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
        let [top, left] = [0, 1].map(|axis| self.start(axis, tile.at[axis]));
        let row = |i: usize| ((top + i) * s + phase / s).wrapping_sub(g.spec.padding[0]);
        let col = |j: usize| ((left + j) * s + phase % s).wrapping_sub(g.spec.padding[1]);
        Window::new(self.points(tile), tile.image, g.in_size, g.in_channels, row, col)
    }

    /// The pixels of a tile of y.
    #[inline(always)]
    pub(super) fn output_window(&self, tile: Tile) -> Window {
        let g = &self.g;
        let [top, left] = [0, 1].map(|axis| self.start(axis, tile.at[axis]));
        let size = self.points(tile).map(|points| points - (N - self.m));
        Window::new(size, tile.image, g.out_size, g.out_channels, |i| top + i, |j| left + j)
    }

    /// Offset in w of the row of output channels of tap (d, e) of a phase and an input channel; none for what the
    /// kernel does not have (a kernel of 5 with stride 2 has phases of 3 and of 2 taps).
    #[inline(always)]
    pub(super) fn weight_row(&self, phase: usize, channel: usize, [d, e]: [usize; 2]) -> Option<usize> {
        let (s, [kh, kw], ci) = (self.stride(), self.g.kernel, self.g.in_channels);
        let (a, b) = (d * s + phase / s, e * s + phase % s);
        (a < kh && b < kw && channel < ci).then(|| ((a * kw + b) * ci + channel) * self.g.out_channels)
    }
}

/// Where the pixels of a tile lie in an image: pixel (i, j) starts at the sum of a row's and a column's offset.
#[derive(Clone, Copy)]
pub(super) struct Window {
    rows: [usize; N],
    cols: [usize; N],
}

/// More than any offset, and the sum of two still fits.
const OUTSIDE: usize = usize::MAX / 4;

impl Window {
    /// Rows and columns of an image of size `[h, w]`, those outside of it marked so.
    #[inline(always)]
    fn new(
        [rows, cols]: [usize; 2],
        image: usize,
        [h, w]: [usize; 2],
        channels: usize,
        row: impl Fn(usize) -> usize,
        col: impl Fn(usize) -> usize,
    ) -> Window {
        let mut window = Window { rows: [OUTSIDE; N], cols: [OUTSIDE; N] };
        for (i, at) in window.rows.iter_mut().take(rows).enumerate() {
            let r = row(i);
            *at = if r < h { (image * h + r) * w * channels } else { OUTSIDE };
        }
        for (j, at) in window.cols.iter_mut().take(cols).enumerate() {
            let c = col(j);
            *at = if c < w { c * channels } else { OUTSIDE };
        }
        window
    }

    /// Offset of pixel (i, j); too large for any slice if the pixel is outside.
    #[inline(always)]
    pub(super) fn at(&self, i: usize, j: usize) -> usize {
        self.rows[i] + self.cols[j]
    }

    /// Is pixel (i, j) inside the image?
    #[inline(always)]
    pub(super) fn contains(&self, i: usize, j: usize) -> bool {
        self.at(i, j) < OUTSIDE
    }
}

/// Layout of a transformed operand: one matrix per point, its rows tiles (or filter rows), its columns channels in
/// blocks of at most `block`.
#[derive(Clone, Copy)]
pub(super) struct Points {
    cols: usize,
    block: usize,
    /// Distance of two rows of a block.
    pub(super) row_stride: usize,
    block_stride: usize,
    /// Distance of two points.
    pub(super) point_stride: usize,
}

impl Points {
    /// A left operand: blocks of [`BLOCK`] columns. Rows and points are 16 numbers further apart than they need be, so
    /// that rows, and the N x N points that a transform writes at once, do not fall into the same sets of the cache.
    pub(super) fn operand(rows: usize, cols: usize) -> Self {
        let block = cols.min(BLOCK);
        let row_stride = block + 16;
        let block_stride = rows * row_stride;
        Points {
            cols,
            block,
            row_stride,
            block_stride,
            point_stride: cols.div_ceil(block) * block_stride + 16,
        }
    }

    /// A product: all columns in one block, whole panels.
    pub(super) fn product(rows: usize, cols: usize, panel: usize) -> Self {
        let row_stride = cols.next_multiple_of(panel);
        let block_stride = rows * row_stride;
        Points { cols, block: row_stride, row_stride, block_stride, point_stride: block_stride + 16 }
    }

    /// Numbers of all points, and room for the last panel to be read whole.
    pub(super) fn len(&self) -> usize {
        N * N * self.point_stride + 64
    }

    /// Offset of an element of point 0.
    #[inline(always)]
    pub(super) fn at(&self, row: usize, col: usize) -> usize {
        col / self.block * self.block_stride + row * self.row_stride + col % self.block
    }

    /// The blocks, as ranges of columns.
    pub(super) fn blocks(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let (cols, block) = (self.cols, self.block);
        (0..cols).step_by(block).map(move |k| k..(k + block).min(cols))
    }
}
