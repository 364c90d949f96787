//! The layout of transformed operands and products.

use super::tiling::CHANNEL_STEP;
use super::transform::N;
use crate::simd::{Lattice, Shared};
use crate::tuning::cache::PAD;
use crate::tuning::winograd::BLOCK;
use std::ops::Range;

/// Layout of a transformed operand or a product: one matrix per point, its rows tiles (or filter
/// rows), its columns channels, an operand's in blocks of [`BLOCK`].
#[derive(Clone, Copy)]
pub(super) struct Points {
    cols: usize,
    /// Distance of two rows of a block.
    pub(super) row_stride: usize,
    block_stride: usize,
    /// Distance of two points.
    pub(super) point_stride: usize,
}

impl Points {
    /// An operand: blocks of [`BLOCK`] columns, the last one of whole vectors. Rows and points are
    /// padded by [`PAD`], so that rows, and the N x N points that a transform writes at once, are
    /// in different sets of the cache.
    pub(super) fn operand(rows: usize, cols: usize) -> Self {
        let row_stride = cols.next_multiple_of(CHANNEL_STEP).min(BLOCK) + PAD;
        let block_stride = rows * row_stride;
        Points { cols, row_stride, block_stride, point_stride: cols.div_ceil(BLOCK) * block_stride + PAD }
    }

    /// A product: rows of whole panels, one block behind the other in each.
    pub(super) fn product(rows: usize, cols: usize, panel: usize) -> Self {
        let row_stride = cols.next_multiple_of(panel);
        Points { cols, row_stride, block_stride: BLOCK, point_stride: rows * row_stride + PAD }
    }

    /// Numbers of all points, and room for the last panel to be read whole.
    pub(super) fn len(&self) -> usize {
        N * N * self.point_stride + 64
    }

    /// Offset of an element of point 0.
    #[inline(always)]
    pub(super) fn at(&self, row: usize, col: usize) -> usize {
        col / BLOCK * self.block_stride + row * self.row_stride + col % BLOCK
    }

    /// The vectors of all points from an element of point 0 on.
    #[inline(always)]
    pub(super) fn points(&self, at: usize) -> Lattice {
        Lattice { at, size: [N; 2], stride: [N * self.point_stride, self.point_stride] }
    }

    /// The blocks, as ranges of columns.
    pub(super) fn blocks(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let cols = self.cols;
        (0..cols).step_by(BLOCK).map(move |k| k..(k + BLOCK).min(cols))
    }
}

/// A transformed operand, or a product, to read.
#[derive(Clone, Copy)]
pub(super) struct Transformed<'a> {
    pub(super) data: &'a [f32],
    pub(super) layout: Points,
}

/// A transformed operand to write. Each task writes the rows of some tiles.
#[derive(Clone, Copy)]
pub(super) struct OperandOut<'a> {
    pub(super) data: Shared<'a>,
    pub(super) layout: Points,
    /// The tiles of all its rows.
    pub(super) tiles: &'a Range<usize>,
}
