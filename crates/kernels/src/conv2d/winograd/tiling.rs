//! The tiles and phases of a layer.

use super::transform::N;
use super::window::{PixelGrid, Window};
use crate::conv2d::Geometry;
use crate::tuning::winograd::MAX_TILES_IF_SHORT;
use std::ops::Range;

/// In transformed operands, the number of channels of x in each phase, and that of y, is rounded up
/// to a multiple of this constant. It is a multiple of the vector length of every instruction set.
/// The additional channels of a phase are 0. Only those after the last phase are undefined, and no
/// product reads them.
pub(super) const CHANNEL_STEP: usize = 16;

/// A convolution as phases and tiles.
///
/// With stride s, the rows `i s + a` of the padded input for a fixed a are *phase* a. Tap `d s + a`
/// of the kernel is only applied to that phase, with stride 1. So a convolution with stride s is a
/// convolution with stride 1 and `ceil(kernel / s)` taps, whose channels are those of all s x s
/// phases. A tile is M x M outputs, which are computed from N x N inputs of each phase. With R taps
/// in a phase, the inputs of neighbouring tiles overlap by R - 1 pixels.
///
/// If M does not divide a side of the output, and an image has few tiles, some tiles are *short*
/// along that side: M - 1 outputs from N - 1 inputs. The last input of a tile only affects the
/// point at infinity, and this point only affects the last output. So a short tile is the same
/// algorithm without that point. Along this side, it has 4 points instead of 5. A tile is a row of
/// an operand, and the rows are ordered by the sides along which their tiles are short. So for
/// every point, the rows that have this point are contiguous ([`row`](Self::row)).
#[derive(Clone, Copy)]
pub(super) struct Tiling {
    pub(super) g: Geometry,
    /// The number of outputs of a tile per dimension.
    pub(super) m: usize,
    /// The number of tiles per image in each dimension.
    pub(super) tiles: [usize; 2],
    /// The number of full tiles in each dimension. Short tiles follow the full tiles.
    full: [usize; 2],
    /// The numbers of channels of x and of y in transformed operands, which include padding.
    pub(super) channels: [usize; 2],
    /// The tiles that are counted: all tiles, or those of a band of an image.
    counted: Counted,
}

/// Some rows and columns of tiles, in each image from number `image` on. These tiles are numbered
/// row by row.
#[derive(Clone, Copy)]
struct Counted {
    image: usize,
    first: [usize; 2],
    size: [usize; 2],
    /// The row and the column of the first tile of the band. Tiles before it are counted because
    /// they share pixels with the band.
    own: [usize; 2],
}

/// One tile: its image, and its row and column in the image.
#[derive(Clone, Copy)]
pub(super) struct Tile {
    pub(super) image: usize,
    pub(super) at: [usize; 2],
}

impl Tiling {
    /// Returns the tiling with tiles of M outputs.
    pub(super) fn new(g: &Geometry, m: usize) -> Self {
        let mut t = Tiling {
            g: *g,
            m,
            tiles: g.out_size.map(|size| size.div_ceil(m)),
            full: [0; 2],
            channels: [g.in_channels, g.out_channels].map(|c| c.next_multiple_of(CHANNEL_STEP)),
            counted: Counted { image: 0, first: [0; 2], size: [0; 2], own: [0; 2] },
        };
        (t.full, t.counted.size) = (t.tiles, t.tiles);
        if t.per_image() <= MAX_TILES_IF_SHORT {
            for axis in 0..2 {
                let spare = (t.tiles[axis] * m).saturating_sub(t.outputs_to_cover(axis));
                t.full[axis] -= spare.min(t.tiles[axis]);
            }
        }
        t
    }

    /// Returns this tiling restricted to the tiles of a band of an image: some rows and columns of
    /// tiles, and the tiles above and to the left that share pixels with the band. All tiles must
    /// be full.
    pub(super) fn band(&self, image: usize, rows: &Range<usize>, columns: &Range<usize>) -> Self {
        debug_assert!(self.all_full());
        let own = [rows.start, columns.start];
        let first = own.map(|own| own.saturating_sub(1));
        let size = [rows.end - first[0], columns.end - first[1]];
        Tiling { counted: Counted { image, first, size, own }, ..*self }
    }

    /// Returns which of the [`N`] pixels of a tile of x_bar along an axis are written by this band.
    /// Where two bands meet, the first `m` pixels of a tile belong to the band of the tile. Its
    /// other pixels belong to the next band.
    #[inline(always)]
    pub(super) fn own_pixels(&self, tile: Tile, axis: usize) -> Range<usize> {
        let Counted { first, size, own, .. } = self.counted;
        let end = first[axis] + size[axis];
        let start = if tile.at[axis] < own[axis] { self.m } else { 0 };
        start..if tile.at[axis] + 1 == end && end < self.tiles[axis] && start == 0 { self.m } else { N }
    }

    /// Returns how many outputs the tiles must have along an axis, so that they cover all outputs
    /// and all pixels of the input. A pixel that no window covers must be in a tile too, because
    /// its gradient must be set to 0.
    fn outputs_to_cover(&self, axis: usize) -> usize {
        let g = &self.g;
        let rows_of_phase = (g.in_size[axis].saturating_sub(1) + g.spec.padding[axis]) / self.stride() + 1;
        g.out_size[axis].max((rows_of_phase + self.m).saturating_sub(N))
    }

    /// Returns whether every output and every pixel of the input is in a tile.
    pub(super) fn covers(&self) -> bool {
        (0..2).all(|axis| self.outputs_to_cover(axis) <= self.start(axis, self.tiles[axis]))
    }

    /// Returns the position of the first output of tile number `tile` along an axis.
    #[inline(always)]
    fn start(&self, axis: usize, tile: usize) -> usize {
        tile * self.m - tile.saturating_sub(self.full[axis])
    }

    /// Returns the number of points of a tile in each dimension, which is also its number of pixels
    /// of x: N, or N - 1 if the tile is short.
    #[inline(always)]
    pub(super) fn points(&self, tile: Tile) -> [usize; 2] {
        std::array::from_fn(|axis| N - usize::from(tile.at[axis] >= self.full[axis]))
    }

    /// Returns the number of tiles of each kind in an image, in the order of the rows of an
    /// operand: tiles that are short along axis 1 only, full tiles, tiles that are short along axis
    /// 0 only, and tiles that are short along both axes.
    fn kinds(&self) -> [usize; 4] {
        let ([f0, f1], [s0, s1]) = (self.full, [0, 1].map(|axis| self.tiles[axis] - self.full[axis]));
        [f0 * s1, f0 * f1, s0 * f1, s0 * s1]
    }

    /// Returns whether all tiles are full. If not, every operand has the tiles of whole images.
    pub(super) fn all_full(&self) -> bool {
        self.full == self.tiles
    }

    fn are_whole_images(&self, tiles: &Range<usize>) -> bool {
        tiles.start.is_multiple_of(self.per_image()) && tiles.len().is_multiple_of(self.per_image())
    }

    /// Returns the row of tile `number` in the operand that is built from the tiles `all`. Unless
    /// every tile is full, `all` must cover whole images.
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

    /// Returns the rows whose tiles have point number `point`, in the operand that is built from
    /// the tiles `all`.
    pub(super) fn rows_with(&self, point: usize, all: &Range<usize>) -> Range<usize> {
        if self.all_full() {
            return 0..all.len();
        }
        debug_assert!(self.are_whole_images(all));
        let [short_columns, full, short_rows, _] = self.kinds().map(|n| n * all.len() / self.per_image());
        let rows = match [point / N, point % N].map(|p| p == N - 1) {
            [false, false] => 0..all.len(),
            [true, false] => 0..short_columns + full,
            [false, true] => short_columns..short_columns + full + short_rows,
            [true, true] => short_columns..short_columns + full,
        };
        if rows.is_empty() { 0..0 } else { rows }
    }

    /// Returns the number of multiplications per image, phase, input channel and output channel.
    pub(super) fn products(&self) -> usize {
        (0..2).map(|axis| self.tiles[axis] * (N - 1) + self.full[axis]).product()
    }

    /// Returns the number of counted tiles of one image: all its tiles, or those of a band.
    pub(super) fn per_image(&self) -> usize {
        self.counted.size[0] * self.counted.size[1]
    }

    /// Returns the number of counted tiles of all images of the batch.
    pub(super) fn count(&self) -> usize {
        self.g.batch * self.per_image()
    }

    pub(super) fn stride(&self) -> usize {
        self.g.spec.stride[0]
    }

    pub(super) fn phases(&self) -> usize {
        self.stride() * self.stride()
    }

    /// Returns the number of channels of all phases of x together, with the padding of each phase.
    /// This is the number of columns of a transformed x_bar.
    pub(super) fn phase_channels(&self) -> usize {
        self.phases() * self.channels[0]
    }

    /// Returns the number of rows of the transformed filter. This is [`Self::phase_channels`]
    /// without the padding of the last phase.
    pub(super) fn filter_rows(&self) -> usize {
        self.phase_channels() - self.channels[0] + self.g.in_channels
    }

    /// Returns tile number `t` of the batch, or of a band.
    pub(super) fn tile(&self, t: usize) -> Tile {
        let Counted { image, first, size, .. } = self.counted;
        let (n, rest) = (t / self.per_image(), t % self.per_image());
        Tile { image: image + n, at: [first[0] + rest / size[1], first[1] + rest % size[1]] }
    }

    /// Returns three numbers of x (if `X`) or of y: the number of phases, the number of channels of
    /// a phase, and the number of channels of a phase with padding. y has one phase.
    #[inline(always)]
    pub(super) fn phases_and_channels<const X: bool>(&self) -> [usize; 3] {
        let g = &self.g;
        if X {
            [self.phases(), g.in_channels, self.channels[0]]
        } else {
            [1, g.out_channels, self.channels[1]]
        }
    }

    /// Returns the pixels of a tile in phase number `phase` of x (if `X`) or in y.
    #[inline(always)]
    pub(super) fn window<const X: bool>(&self, tile: Tile, phase: usize) -> Window {
        let (g, s, points) = (&self.g, self.stride(), self.points(tile));
        let [top, left] = [self.start(0, tile.at[0]), self.start(1, tile.at[1])];
        if X {
            let first = [top * s + phase / s, left * s + phase % s];
            let grid = PixelGrid { shape: g.x_shape(), first, step: s, padding: g.spec.padding };
            Window::new(tile.image, points, [N; 2], grid)
        } else {
            let grid = PixelGrid { shape: g.y_shape(), first: [top, left], step: 1, padding: [0; 2] };
            Window::new(tile.image, points.map(|points| points - (N - self.m)), [self.m; 2], grid)
        }
    }

    /// Returns an offset in w: the weights of tap (d, e) of phase `phase` and of input channel
    /// `channel` start there, one for each output channel. Returns `None` if the kernel does not
    /// have this tap. (A kernel of 5 with stride 2 has phases of 3 and of 2 taps.)
    #[inline(always)]
    pub(super) fn weight_row(&self, phase: usize, channel: usize, [d, e]: [usize; 2]) -> Option<usize> {
        let (s, [kh, kw], ci) = (self.stride(), self.g.kernel, self.g.in_channels);
        let (a, b) = (d * s + phase / s, e * s + phase % s);
        (a < kh && b < kw && channel < ci).then(|| ((a * kw + b) * ci + channel) * self.g.out_channels)
    }
}
