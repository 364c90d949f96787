//! Decides which operands of a product are packed, and packs them. To pack a matrix is to copy it
//! in an order that suits the caches.

use super::Mat;
use super::tiles::block_size;
use crate::simd::Simd;
use crate::tuning::cache::{ALIAS, L1_SETS, L1_WAYS, LINE, PAD};
use crate::tuning::gemm::{Blocks, MAX_B_IN_PLACE, MAX_COLUMNS_IN_PLACE, ROWS_IF_ALIASED, ROWS_IF_LARGE};
use std::ops::Range;

/// Returns the distance between two rows of A if A is packed in blocks of `kc` columns.
pub(super) fn packed_row(kc: usize) -> usize {
    kc + PAD
}

/// Returns the length of an `m` x `k` matrix A that is packed in blocks of `kc` columns.
pub(super) fn packed_len(m: usize, k: usize, kc: usize) -> usize {
    k.div_ceil(kc) * m * packed_row(kc)
}

pub(super) fn a_is_read_in_place(a: &Mat<'_, f32>) -> bool {
    a.col_stride == 1 && !a.row_stride.is_multiple_of(ALIAS)
        || a.row_stride == 1 && a.cols <= MAX_COLUMNS_IN_PLACE && !a.col_stride.is_multiple_of(ALIAS)
}

pub(super) fn b_is_read_in_place(blocks: &Blocks, a: &Mat<'_, f32>, b: &Mat<'_, f32>) -> bool {
    b.col_stride == 1
        && (a.rows <= blocks.one_tile || b.rows * b.cols <= MAX_B_IN_PLACE)
        && a.rows < rows_to_pack(b.row_stride, block_size(blocks, b.rows))
}

/// Returns the number of rows of A from which packing B pays off. A block of B has `rows` rows, and
/// the distance between two rows is `row_stride`. Packing never pays off if a panel of B stays in
/// L1 without packing. A panel stays in L1 if its rows start at cache lines and map to enough sets
/// of L1. Rows whose distance is a multiple of a large power of two map to few sets.
fn rows_to_pack(row_stride: usize, rows: usize) -> usize {
    let lines = (row_stride / LINE) | L1_SETS;
    let sets = L1_SETS >> lines.trailing_zeros();
    match row_stride.is_multiple_of(LINE) {
        true if sets == 1 => ROWS_IF_ALIASED,
        true if sets * L1_WAYS >= rows => usize::MAX,
        _ => ROWS_IF_LARGE,
    }
}

/// Copies the given rows and columns of B into a panel. The columns are at most as many as a panel
/// has. The rest of each row of the panel becomes zero.
pub(super) fn pack_panel<S: Simd>(
    s: S,
    b: &Mat<'_, f32>,
    rows: Range<usize>,
    columns: Range<usize>,
    panel: &mut [f32],
) {
    let panel = &mut panel[..rows.len() * S::PANEL];
    if b.col_stride > 1 {
        if columns.len() < S::PANEL {
            panel.fill(0.0);
        }
        return copy(s, b, [rows, columns], panel, S::PANEL);
    }
    s.vectorize(
        #[inline(always)]
        || {
            for (row, to) in rows.zip(panel.chunks_exact_mut(S::PANEL)) {
                let from = &b.data[b.offset(row, columns.start)..][..columns.len()];
                for at in (0..S::PANEL).step_by(S::LANES) {
                    s.store(s.load_padded(from, at), &mut to[at..]);
                }
            }
        },
    );
}

/// Copies the given rows and columns of a matrix into `to`, where row i starts at `i * stride`. The
/// matrix is row-major or column-major.
pub(crate) fn copy<S: Simd>(
    s: S,
    from: &Mat<'_, f32>,
    [rows, cols]: [Range<usize>; 2],
    to: &mut [f32],
    stride: usize,
) {
    let [m, n] = [rows.len(), cols.len()];
    let at = |i, j| from.offset(rows.start + i, cols.start + j);
    if from.col_stride == 1 {
        for (i, to) in (0..m).zip(to.chunks_mut(stride)) {
            to[..n].copy_from_slice(&from.data[at(i, 0)..][..n]);
        }
        return;
    }
    debug_assert_eq!(from.row_stride, 1, "a column-major matrix");
    if m < 8 || n < 8 {
        for (i, to) in (0..m).zip(to.chunks_mut(stride)) {
            to[..n].iter_mut().enumerate().for_each(|(j, to)| *to = from.data[at(i, j)]);
        }
        return;
    }
    s.vectorize(
        #[inline(always)]
        || {
            for i in (0..m).step_by(LINE) {
                for j in (0..n).step_by(8) {
                    // The last 8 rows or columns may overlap those before them.
                    let j = j.min(n - 8);
                    for q in 0..8 {
                        s.prefetch(from.data.as_ptr().wrapping_add(at(i + 2 * LINE, j + q)));
                    }
                    for i in (i..m.min(i + LINE)).step_by(8) {
                        let i = i.min(m - 8);
                        s.transpose8(
                            &from.data[at(i, j)..],
                            from.col_stride,
                            &mut to[i * stride + j..],
                            stride,
                        );
                    }
                }
            }
        },
    );
}
