//! The operands of the micro-kernel as strided views.

use super::{Next, Shared};

/// The left operand of the micro-kernel. The inner dimension consists of `runs` runs of the same
/// length. Element p of run r in row i is `data[i * row_stride + p * k_stride + r * run_stride]`.
#[derive(Clone, Copy)]
pub(crate) struct Lhs<'a> {
    pub(crate) data: &'a [f32],
    pub(crate) row_stride: usize,
    pub(crate) k_stride: usize,
    /// The number of runs of the inner dimension.
    pub(crate) runs: usize,
    pub(crate) run_stride: usize,
    pub(crate) tile_rows: TileRows,
}

/// How the rows of A are divided into the tiles of the micro-kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TileRows {
    /// In the way that the instruction set prefers.
    Usual,
    /// Into tiles of this number of rows.
    Of(usize),
    /// Into tiles of this number of rows, each of which is stored on its own, column by column.
    /// Row i of the tile is `data[first_row * k + i + p * rows]` for p < k. All tiles but the last
    /// must be complete.
    Packed(usize),
}

impl<'a> Lhs<'a> {
    /// Returns an operand with one run: element (i, p) is `data[i * row_stride + p * k_stride]`.
    pub(crate) fn new(data: &'a [f32], row_stride: usize, k_stride: usize) -> Self {
        Lhs { data, row_stride, k_stride, runs: 1, run_stride: 0, tile_rows: TileRows::Usual }
    }

    /// Returns an operand that is packed in tiles of `rows` rows.
    pub(crate) fn packed(data: &'a [f32], rows: usize) -> Self {
        Lhs { tile_rows: TileRows::Packed(rows), ..Lhs::new(data, 1, rows) }
    }

    /// Returns this operand with tiles of `rows` rows.
    pub(crate) fn in_tiles_of(self, rows: usize) -> Self {
        Lhs { tile_rows: TileRows::Of(rows), ..self }
    }

    /// Returns the position of the first element of the tile that starts at row `i`.
    #[inline(always)]
    pub(super) fn tile(&self, i: usize, k: usize) -> usize {
        if let TileRows::Packed(_) = self.tile_rows { i * k } else { i * self.row_stride }
    }

    /// Checks that the slice is long enough for `rows` rows and for runs of length `k`.
    ///
    /// # Panics
    /// If it does not.
    #[inline(always)]
    pub(super) fn check(&self, rows: usize, k: usize) {
        let one = match self.tile_rows {
            TileRows::Packed(tile) => rows.next_multiple_of(tile) * k,
            _ => extent(rows, self.row_stride, k, self.k_stride),
        };
        let all = if one == 0 || self.runs == 0 { 0 } else { one + (self.runs - 1) * self.run_stride };
        assert!(self.data.len() >= all, "panel: A has {} elements, but needs {all}", self.data.len());
        assert!(self.k_stride == 1 || self.row_stride == 1, "panel: no stride of A is 1");
    }
}

/// The right operand of the micro-kernel. Element (p, j) is `data[p * row_stride + j]`, where p
/// counts through the elements of all runs of the inner dimension. Every row must have whole
/// vectors: one vector, or all vectors of a panel.
#[derive(Clone, Copy)]
pub(crate) struct Rhs<'a> {
    pub(crate) data: &'a [f32],
    pub(crate) row_stride: usize,
    /// The memory that the caller reads next.
    pub(crate) next: Next<'a>,
}

impl<'a> Rhs<'a> {
    /// Returns an operand whose element (p, j) is `data[p * row_stride + j]`, without a [`Next`].
    pub(crate) fn new(data: &'a [f32], row_stride: usize) -> Self {
        Rhs { data, row_stride, next: Next::default() }
    }
}

/// The output of the micro-kernel. Element (i, j) is `data[at + i * row_stride + j]`.
#[derive(Clone, Copy)]
pub(crate) struct Out<'a> {
    pub(crate) data: Shared<'a>,
    pub(crate) at: usize,
    pub(crate) row_stride: usize,
    pub(crate) write: Write,
}

/// How a product A B is written to its output C. The two ways to add to C differ in the order of
/// additions, and so in the last bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Write {
    /// C <- A B. The sums start at 0.
    Overwrite,
    /// C <- C + A B. The sums start at C, so each element adds its products one after another. If
    /// the inner dimension is computed block by block, the bits do not depend on the blocks.
    Continue,
    /// C <- C + A B. The sums start at 0 and are added to C at the end. If the inner dimension is
    /// computed block by block, the rounding errors of a long sum are smaller, and the blocks
    /// define the order of additions.
    Add,
}

/// Returns the number of elements that a strided view of `rows` rows of `cols` elements spans.
pub(super) fn extent(rows: usize, stride: usize, cols: usize, col_stride: usize) -> usize {
    if rows == 0 || cols == 0 { 0 } else { (rows - 1) * stride + (cols - 1) * col_stride + 1 }
}
