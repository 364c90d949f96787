//! The operands of the micro-kernel as strided views.

use super::{Next, Shared, Simd};
use crate::tuning::gemm::Blocks;
use std::ops::Range;

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

/// The right operand of a product of any number of columns. It is multiplied panel by panel.
#[derive(Clone, Copy)]
pub(crate) struct Columns<'a> {
    b: Rhs<'a>,
    /// The number of columns of a panel.
    width: usize,
    storage: Storage,
}

/// How the panels of [`Columns`] are stored.
#[derive(Clone, Copy)]
enum Storage {
    /// Element (p, j) is `data[p * row_stride + j]`.
    InPlace,
    /// One panel after another, each of them row by row. With `prefetch_next`, the micro-kernel
    /// prefetches the memory after each panel, as much as one panel.
    Packed { prefetch_next: bool },
}

impl<'a> Columns<'a> {
    /// Returns an operand that is read in place.
    #[inline(always)]
    pub(crate) fn in_place<S: Simd>(b: Rhs<'a>) -> Self {
        Columns { b, width: Blocks::active().panel::<S>(), storage: Storage::InPlace }
    }

    /// Returns an operand that is packed in panels of [`Simd::PANEL`] columns. With
    /// `prefetch_next`, the micro-kernel prefetches the next panel.
    #[inline(always)]
    pub(crate) fn packed<S: Simd>(data: &'a [f32], prefetch_next: bool) -> Self {
        Columns { b: Rhs::new(data, S::PANEL), width: S::PANEL, storage: Storage::Packed { prefetch_next } }
    }

    /// Returns the panels of the first `cols` columns: their columns, and the operand of the
    /// micro-kernel. The operand has `rows` rows.
    #[inline(always)]
    pub(super) fn panels(self, cols: usize, rows: usize) -> impl Iterator<Item = (Range<usize>, Rhs<'a>)> {
        let Columns { b, width, storage } = self;
        (0..cols).step_by(width).map(move |first| {
            let b = match storage {
                Storage::InPlace => Rhs { data: &b.data[first..], ..b },
                Storage::Packed { prefetch_next: false } => Rhs { data: &b.data[first * rows..], ..b },
                Storage::Packed { prefetch_next: true } => {
                    let data = &b.data[first * rows..];
                    let after = &data[data.len().min(width * rows)..];
                    let len = after.len().min(width * rows);
                    Rhs { data, next: Next { data: after, rows: 1, len, row_stride: 0 }, ..b }
                }
            };
            (first..cols.min(first + width), b)
        })
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

#[cfg(test)]
mod tests {
    use super::super::{Block, PlainPanels};
    use super::*;
    use crate::reference::testing::Dice;

    /// Panels of any width and storage give the same bits. With vector instructions, the processor
    /// chooses the width. The shapes have partly filled tiles, panels and vectors.
    #[test]
    fn panels_of_each_width_give_the_same_bits() {
        panels_of_each_width::<PlainPanels>(PlainPanels);
        #[cfg(target_arch = "x86_64")]
        {
            use super::super::{Avx2, Avx512};
            Avx2::detect().into_iter().for_each(panels_of_each_width);
            Avx512::detect().into_iter().for_each(panels_of_each_width);
        }
    }

    fn panels_of_each_width<S: Simd>(s: S) {
        let mut dice = Dice(7);
        let shapes: [[usize; 4]; 6] =
            [[1, 1, 1, 1], [7, 9, 1, 64], [13, 5, 3, 100], [20, 33, 1, 48], [6, 4, 2, 128], [64, 16, 1, 200]];
        for [rows, k, runs, cols] in shapes {
            let wide = cols.next_multiple_of(S::WIDE_PANEL);
            let mut numbers =
                |len: usize| -> Vec<f32> { (0..len).map(|_| dice.roll(1, 1 << 20) as f32 / 1e5).collect() };
            let (a, b, c) = (numbers(rows * k * runs), numbers(k * runs * wide), numbers(rows * cols));
            let mut packed = vec![0.0; b.len()];
            for (at, &b) in b.iter().enumerate() {
                let (p, j) = (at / wide, at % wide);
                packed[j / S::PANEL * S::PANEL * k * runs + p * S::PANEL + j % S::PANEL] = b;
            }
            let in_place = |width| Columns { width, ..Columns::in_place::<S>(Rhs::new(&b, wide)) };
            let all = [
                in_place(S::PANEL),
                in_place(S::WIDE_PANEL),
                Columns::packed::<S>(&packed, false),
                Columns::packed::<S>(&packed, true),
            ];
            let by_rows = Lhs { runs, run_stride: k, ..Lhs::new(&a, k * runs, 1) };
            let by_columns = Lhs { runs, run_stride: k * rows, ..Lhs::new(&a, 1, rows) };
            for (a, accumulate) in [(by_rows, false), (by_rows, true), (by_columns, false)] {
                let [first, others @ ..] = all.map(|b| {
                    let mut c = c.clone();
                    s.product_into(k, a, b, Block::new(&mut c, [rows, cols], cols), accumulate);
                    c.iter().map(|c| c.to_bits()).collect::<Vec<_>>()
                });
                assert!(first.iter().zip(&c).all(|(&new, old)| new != old.to_bits()), "not written");
                for (i, other) in others.iter().enumerate() {
                    assert!(*other == first, "{rows} x {k} x {cols}, {runs} runs: columns {}", i + 1);
                }
            }
        }
    }
}
