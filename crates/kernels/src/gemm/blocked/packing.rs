//! Decides which operands of a product are packed, and packs them. To pack a matrix is to copy it
//! in an order that suits the caches.

use super::Mat;
use super::tiles::block_size;
use crate::simd::Simd;
use crate::tuning::cache::{ALIAS, L1_SETS, L1_WAYS, LINE, PAD};
use crate::tuning::gemm::{Blocks, MAX_B_IN_PLACE, PACKED_ROWS_AHEAD};
use std::ops::Range;

/// Returns the distance between two rows of A if A is packed in blocks of `kc` columns. With
/// `tile`, A is packed in tiles, and this is their length divided by their number of rows.
pub(super) fn packed_row(tile: Option<usize>, kc: usize) -> usize {
    if tile.is_some() { kc } else { kc + PAD }
}

/// Returns the number of rows that `m` rows of A have in a packed block. The last tile is stored
/// like a complete one.
pub(super) fn packed_rows(tile: Option<usize>, m: usize) -> usize {
    tile.map_or(m, |tile| m.next_multiple_of(tile))
}

/// Returns the length of an `m` x `k` matrix A that is packed in blocks of `kc` columns.
pub(super) fn packed_len(tile: Option<usize>, m: usize, k: usize, kc: usize) -> usize {
    k.div_ceil(kc) * packed_rows(tile, m) * packed_row(tile, kc)
}

pub(super) fn a_is_read_in_place(blocks: &Blocks, a: &Mat<'_, f32>) -> bool {
    let aliased = |stride: usize| stride.is_multiple_of(ALIAS);
    a.col_stride == 1 && (blocks.wide || !aliased(a.row_stride))
        || a.row_stride == 1 && a.cols <= blocks.columns_in_place && !aliased(a.col_stride)
}

pub(super) fn b_is_read_in_place(blocks: &Blocks, a: &Mat<'_, f32>, b: &Mat<'_, f32>) -> bool {
    b.col_stride == 1
        && (a.rows <= blocks.one_tile || b.rows * b.cols <= MAX_B_IN_PLACE)
        && a.rows < rows_to_pack(blocks, b.row_stride, block_size(blocks, b.rows))
}

/// Returns the number of rows of A from which packing B pays off. A block of B has `rows` rows, and
/// the distance between two rows is `row_stride`. Packing never pays off if a panel of B stays in
/// L1 without packing. A panel stays in L1 if its rows start at cache lines and map to enough sets
/// of L1. Rows whose distance is a multiple of a large power of two map to few sets.
fn rows_to_pack(blocks: &Blocks, row_stride: usize, rows: usize) -> usize {
    let lines = (row_stride / LINE) | L1_SETS;
    let sets = L1_SETS >> lines.trailing_zeros();
    match row_stride.is_multiple_of(LINE) {
        true if sets == 1 => blocks.rows_if_aliased,
        true if sets * L1_WAYS >= rows => usize::MAX,
        _ => blocks.rows_if_large,
    }
}

/// Copies the given rows and columns of B into a panel of `width` columns. The columns are at most
/// as many. The rest of each row of the panel becomes zero.
pub(super) fn pack_panel<S: Simd>(
    s: S,
    b: &Mat<'_, f32>,
    [rows, columns]: [Range<usize>; 2],
    width: usize,
    panel: &mut [f32],
) {
    let panel = &mut panel[..rows.len() * width];
    if b.col_stride > 1 {
        if columns.len() < width {
            panel.fill(0.0);
        }
        return copy(s, b, [rows, columns], panel, width);
    }
    s.vectorize(
        #[inline(always)]
        || {
            for (row, to) in rows.zip(panel.chunks_exact_mut(width)) {
                let from = &b.data[b.offset(row, columns.start)..][..columns.len()];
                for at in (0..width).step_by(S::LANES) {
                    s.store(s.load_padded(from, at), &mut to[at..]);
                }
            }
        },
    );
}

/// Copies the given rows and columns of B into panels of `width` columns. The last panel may have
/// fewer; the rest of its rows becomes zero.
pub(super) fn pack_panels<S: Simd>(
    s: S,
    b: &Mat<'_, f32>,
    [rows, columns]: [Range<usize>; 2],
    width: usize,
    panels: &mut [f32],
) {
    let len = rows.len() * width;
    if b.col_stride > 1 || !columns.len().is_multiple_of(width) {
        for (start, panel) in columns.clone().step_by(width).zip(panels.chunks_exact_mut(len)) {
            let columns = start..(start + width).min(columns.end);
            pack_panel(s, b, [rows.clone(), columns], width, panel);
        }
        return;
    }
    // A row is read across all panels, because the next row is on another page.
    s.vectorize(
        #[inline(always)]
        || {
            for (i, row) in rows.enumerate() {
                let from = &b.data[b.offset(row, columns.start)..][..columns.len()];
                for at in (0..from.len()).step_by(LINE) {
                    s.prefetch(from.as_ptr().wrapping_add(PACKED_ROWS_AHEAD * b.row_stride + at));
                }
                for (from, panel) in from.chunks_exact(width).zip(panels.chunks_exact_mut(len)) {
                    let to = &mut panel[i * width..][..width];
                    for at in (0..width).step_by(S::LANES) {
                        s.store(s.load(&from[at..]), &mut to[at..]);
                    }
                }
            }
        },
    );
}

/// Copies the given rows and columns of A, which is column-major, into tiles of `tile` rows. A tile
/// is stored column by column.
pub(super) fn pack_tiles<S: Simd>(
    s: S,
    a: &Mat<'_, f32>,
    tile: usize,
    [rows, cols]: [Range<usize>; 2],
    to: &mut [f32],
) {
    debug_assert_eq!(a.row_stride, 1, "with wide panels, a row-major A is read in place");
    let len = tile * cols.len();
    s.vectorize(
        #[inline(always)]
        || {
            for (p, col) in cols.enumerate() {
                let column = &a.data[a.offset(rows.start, col)..][..rows.len()];
                for (from, to) in column.chunks(tile).zip(to.chunks_exact_mut(len)) {
                    s.store_padded(s.load_padded(from, 0), &mut to[p * tile..][..from.len()], 0);
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
