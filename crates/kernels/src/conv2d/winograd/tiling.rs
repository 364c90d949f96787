//! How a layer is cut into tiles and phases, and where transformed operands lie.

use super::transform::N;
use crate::conv2d::Geometry;
use std::ops::Range;

/// Channels are counted in multiples of this inside the transformed domain, the excess being zeros: a whole number of
/// vectors of every instruction set.
const CHANNEL_STEP: usize = 16;

/// Columns of a transformed operand that lie together: the inner dimension is walked in blocks of this.
pub(super) const BLOCK: usize = 256;

/// A convolution as phases and tiles.
///
/// With stride s, rows `i s + a` of the padded input for a fixed a make *phase* a; the tap `d s + a` of the kernel meets
/// only that phase, at stride 1. So a convolution with stride s is one of stride 1 over the s x s phases as channels, with
/// `ceil(kernel / s)` taps. The output, and with it each phase, is cut into tiles of M x M outputs from N x N inputs;
/// neighbouring tiles of the input overlap by R - 1 pixels.
#[derive(Clone, Copy)]
pub(super) struct Tiling {
    pub(super) g: Geometry,
    /// Outputs of a tile per dimension.
    pub(super) m: usize,
    /// Tiles per image in each dimension.
    pub(super) tiles: [usize; 2],
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
    pub(super) fn new(g: &Geometry, m: usize) -> Self {
        Tiling {
            g: *g,
            m,
            tiles: g.out_size.map(|size| size.div_ceil(m)),
            channels: [g.in_channels, g.out_channels].map(|c| c.next_multiple_of(CHANNEL_STEP)),
        }
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
        let (s, g, m) = (self.stride(), &self.g, self.m);
        let row = |i: usize| ((m * tile.at[0] + i) * s + phase / s).wrapping_sub(g.spec.padding[0]);
        let col = |j: usize| ((m * tile.at[1] + j) * s + phase % s).wrapping_sub(g.spec.padding[1]);
        Window::new(N, tile.image, g.in_size, g.in_channels, row, col)
    }

    /// The pixels of a tile of y.
    #[inline(always)]
    pub(super) fn output_window(&self, tile: Tile) -> Window {
        let (g, m) = (&self.g, self.m);
        let (row, col) = (|i: usize| m * tile.at[0] + i, |j: usize| m * tile.at[1] + j);
        Window::new(m, tile.image, g.out_size, g.out_channels, row, col)
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
    /// `side` rows and columns of an image of size `[h, w]`, those outside of it marked so.
    #[inline(always)]
    fn new(
        side: usize,
        image: usize,
        [h, w]: [usize; 2],
        channels: usize,
        row: impl Fn(usize) -> usize,
        col: impl Fn(usize) -> usize,
    ) -> Window {
        let mut window = Window { rows: [OUTSIDE; N], cols: [OUTSIDE; N] };
        for i in 0..side {
            let (r, c) = (row(i), col(i));
            window.rows[i] = if r < h { (image * h + r) * w * channels } else { OUTSIDE };
            window.cols[i] = if c < w { c * channels } else { OUTSIDE };
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
