//! The layout of transformed operands and products.

use super::tiling::CHANNEL_STEP;
use super::transform::N;
use crate::memory::Buffer;
use crate::simd::{Lattice, Shared};
use crate::tuning::cache::PAD;
use crate::tuning::winograd::BLOCK;
use std::ops::Range;

/// The layout of a transformed operand or a product. There is one matrix for each point, which is
/// one of the N x N elements of a transformed tile. The rows of a matrix are tiles or rows of the
/// filter, and its columns are channels. The columns of an operand are stored in blocks of
/// [`BLOCK`].
#[derive(Clone, Copy)]
pub(super) struct Points {
    cols: usize,
    /// The distance between two neighbouring rows of a block.
    pub(super) row_stride: usize,
    block_stride: usize,
    /// The distance between the same element of two neighbouring points.
    pub(super) point_stride: usize,
}

impl Points {
    /// Returns the layout of an operand: blocks of [`BLOCK`] columns, of which the last is rounded
    /// up to whole vectors. Rows and points are padded by [`PAD`] numbers. So neighbouring rows
    /// start in different sets of the cache, and so do the N x N points that a transform writes at
    /// once.
    pub(super) fn operand(rows: usize, cols: usize) -> Self {
        let row_stride = cols.next_multiple_of(CHANNEL_STEP).min(BLOCK) + PAD;
        let block_stride = rows * row_stride;
        Points { cols, row_stride, block_stride, point_stride: cols.div_ceil(BLOCK) * block_stride + PAD }
    }

    /// Returns the layout of a product: each row is contiguous and is rounded up to whole panels.
    pub(super) fn product(rows: usize, cols: usize, panel: usize) -> Self {
        let row_stride = cols.next_multiple_of(panel);
        Points { cols, row_stride, block_stride: BLOCK, point_stride: rows * row_stride + PAD }
    }

    /// Returns the length of all points, with room to read the last panel as a whole.
    pub(super) fn len(&self) -> usize {
        N * N * self.point_stride + 64
    }

    /// Returns the offset of an element of point 0.
    #[inline(always)]
    pub(super) fn at(&self, row: usize, col: usize) -> usize {
        col / BLOCK * self.block_stride + row * self.row_stride + col % BLOCK
    }

    /// Returns the positions of one vector in all points. `at` is its offset at point 0.
    #[inline(always)]
    pub(super) fn points(&self, at: usize) -> Lattice {
        Lattice { at, size: [N; 2], stride: [N * self.point_stride, self.point_stride] }
    }

    /// Returns the blocks as ranges of columns.
    pub(super) fn blocks(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let cols = self.cols;
        (0..cols).step_by(BLOCK).map(move |k| k..(k + BLOCK).min(cols))
    }
}

/// A product that is read.
#[derive(Clone, Copy)]
pub(super) struct Transformed<'a> {
    pub(super) data: &'a [f32],
    pub(super) layout: Points,
}

/// A transformed operand and its memory.
pub(super) struct Operand {
    pub(super) data: Buffer<f32>,
    pub(super) layout: Points,
}

impl Operand {
    /// Returns memory for an operand with this number of rows and columns.
    pub(super) fn take(rows: usize, cols: usize) -> Self {
        let layout = Points::operand(rows, cols);
        Operand { data: Buffer::take(layout.len()), layout }
    }

    /// Returns the operand for writing, with a row for each of `tiles`.
    pub(super) fn out<'a>(&'a mut self, tiles: &'a Range<usize>) -> OperandOut<'a> {
        OperandOut { data: Shared::new(self.data.as_mut_slice()), layout: self.layout, tiles }
    }

    /// Returns the numbers of a point from a row and a column on.
    pub(super) fn from(&self, point: usize, row: usize, col: usize) -> &[f32] {
        &self.data.as_slice()[point * self.layout.point_stride + self.layout.at(row, col)..]
    }
}

/// A transformed operand that is written. Each task writes the rows of some tiles.
#[derive(Clone, Copy)]
pub(super) struct OperandOut<'a> {
    pub(super) data: Shared<'a>,
    pub(super) layout: Points,
    /// The tiles of all rows of the operand.
    pub(super) tiles: &'a Range<usize>,
}
