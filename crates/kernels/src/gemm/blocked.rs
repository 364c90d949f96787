//! C <- A B in `f32` on vector instructions, after Goto & van de Geijn 2008.
//!
//! ```text
//!     pack B into panels, by blocks of k                                      (parallel, once, shared by all tasks)
//!     for each tile of C                                                      (parallel)
//!         for each block of k                      loop over the inner dimension
//!             pack A's rows of the tile            once per block: 64 x 256 numbers, in the second-level cache
//!             for each panel of the tile           256 x 32 numbers of B, in the first-level cache
//!                 micro-kernel
//! ```
//!
//! Packing B costs one pass over it, which few rows of A do not repay: then a row-major B is read where it lies. A product
//! with a single column is computed as its transpose, and a row times a transposed matrix as dot products.

use super::{Mat, Update};
use crate::memory::{Buffer, Scratch};
use crate::parallel;
use crate::simd::{Lhs, Out, Rhs, Shared, Simd};
use std::ops::Range;

/// Rows of a block of B, columns of a block of A, at most.
const KC: usize = 256;
/// Rows of a tile, about.
const MC: usize = 96;
/// Columns of a tile, at most.
const NC: usize = 512;
/// Tiles that are enough to share among a few threads.
const TASKS: usize = 16;
/// With fewer rows of A than this, packing B is not worth it.
const MIN_ROWS_TO_PACK: usize = 24;
/// Distance of rows of packed A beyond their length: not a power of two, so that they fall into different sets.
const PAD: usize = 16;

/// C <- A B, or C + A B; `c` is row-major and `m` x `n`.
pub(super) fn gemm<S: Simd>(s: S, a: Mat<'_, f32>, b: Mat<'_, f32>, into: Update, c: &mut [f32]) {
    let (m, k, n) = (a.rows, a.cols, b.cols);
    if n == 1 && m > 1 {
        return gemm(s, b.t(), a.t(), into, c);
    }
    if m == 1 && b.col_stride > 1 && a.col_stride == 1 {
        return row_times_transposed(s, a.data, b, into, c);
    }
    let in_place = b.col_stride == 1 && n.is_multiple_of(S::LANES) && m < MIN_ROWS_TO_PACK;
    let kc = block_size(k);
    let packed = (!in_place).then(|| Panels::pack(s, b, kc));
    let c = Shared::new(c);
    let [mc, nc] = tile_size::<S>(m, n);
    let across = n.div_ceil(nc);
    let scratch = Scratch::reserve([mc.min(m) * (kc + PAD)]);
    parallel::for_each(m.div_ceil(mc) * across, |task| {
        let (i, j) = (task / across * mc, task % across * nc);
        let (rows, columns) = (i..(i + mc).min(m), j..(j + nc).min(n));
        let [mut block] = scratch.take();
        for p in (0..k).step_by(kc) {
            let inner = p..(p + kc).min(k);
            copy(s, &a, rows.clone(), inner.clone(), block.as_mut_slice(), kc + PAD);
            let a = Lhs::new(block.as_slice(), kc + PAD, 1);
            for column in columns.clone().step_by(S::PANEL) {
                let b = match &packed {
                    Some(panels) => panels.panel::<S>(&inner, column),
                    None => Rhs { data: &b.data[b.offset(p, column)..], row_stride: b.row_stride },
                };
                let accumulate = p > 0 || into == Update::Accumulate;
                let c = Out { data: c, at: i * n + column, row_stride: n, accumulate };
                let cols = S::PANEL.min(columns.end - column);
                // SAFETY: the caller checked the size of C; the tiles of different tasks have no element in common.
                unsafe { s.panel([rows.len(), inner.len(), cols], a, b, c) };
            }
        }
    });
}

/// Rows of a block: equal blocks, so that none is too short to be worth its sums' way to memory and back.
fn block_size(k: usize) -> usize {
    k.div_ceil(k.div_ceil(KC))
}

/// Tiles of equal height, narrower and then lower ones until there are enough of them. From the shape alone.
fn tile_size<S: Simd>(m: usize, n: usize) -> [usize; 2] {
    let mut mc = m.div_ceil(m.div_ceil(MC)).next_multiple_of(8);
    let mut nc = NC.min(n.next_multiple_of(S::PANEL));
    while nc > 2 * S::PANEL && m.div_ceil(mc) * n.div_ceil(nc) < TASKS {
        nc = (nc / 2).next_multiple_of(S::PANEL);
    }
    while mc > 16 && m.div_ceil(mc) * n.div_ceil(nc) < TASKS / 2 {
        mc = (mc / 2).next_multiple_of(8);
    }
    [mc, nc]
}

/// B in blocks of at most [`KC`] rows, each block in panels, each panel row-major and filled up with zeros.
struct Panels {
    data: Buffer<f32>,
    /// Columns with those that fill up the last panel.
    wide: usize,
}

impl Panels {
    fn pack<S: Simd>(s: S, b: Mat<'_, f32>, kc: usize) -> Self {
        let wide = b.cols.next_multiple_of(S::PANEL);
        let mut data = Buffer::take(b.rows * wide);
        let (all, panels) = (Shared::new(data.as_mut_slice()), wide / S::PANEL);
        parallel::for_each(b.rows.div_ceil(kc) * panels, |task| {
            let (p, column) = (task / panels * kc, task % panels * S::PANEL);
            let (rows, columns) = (p..(p + kc).min(b.rows), column..(column + S::PANEL).min(b.cols));
            // SAFETY: each task writes one panel of one block, which lie one after the other inside the buffer.
            let panel = unsafe { all.slice(p * wide + column * rows.len(), rows.len() * S::PANEL) };
            if columns.len() < S::PANEL {
                panel.fill(0.0);
            }
            copy(s, &b, rows, columns, panel, S::PANEL);
        });
        Panels { data, wide }
    }

    /// The panel from `column` on of the block of rows `inner`.
    fn panel<S: Simd>(&self, inner: &Range<usize>, column: usize) -> Rhs<'_> {
        Rhs {
            data: &self.data.as_slice()[inner.start * self.wide + column * inner.len()..],
            row_stride: S::PANEL,
        }
    }
}

/// Copies a block of a matrix, whichever way it lies, into rows `stride` apart.
fn copy<S: Simd>(
    s: S,
    from: &Mat<'_, f32>,
    rows: Range<usize>,
    cols: Range<usize>,
    to: &mut [f32],
    stride: usize,
) {
    if from.col_stride == 1 {
        for (row, to) in rows.zip(to.chunks_mut(stride)) {
            to[..cols.len()].copy_from_slice(&from.data[from.offset(row, cols.start)..][..cols.len()]);
        }
        return;
    }
    s.vectorize(
        #[inline(always)]
        || {
            for i in rows.clone().step_by(8) {
                for j in cols.clone().step_by(8) {
                    let at = (i - rows.start) * stride + j - cols.start;
                    if from.row_stride == 1 && i + 8 <= rows.end && j + 8 <= cols.end {
                        s.transpose8(&from.data[from.offset(i, j)..], from.col_stride, &mut to[at..], stride);
                        continue;
                    }
                    for r in i..rows.end.min(i + 8) {
                        for q in j..cols.end.min(j + 8) {
                            to[at + (r - i) * stride + q - j] = from.data[from.offset(r, q)];
                        }
                    }
                }
            }
        },
    );
}

/// One row times a matrix whose columns lie in memory one after the other: a dot product each.
fn row_times_transposed<S: Simd>(s: S, a: &[f32], b: Mat<'_, f32>, into: Update, c: &mut [f32]) {
    let (a, columns) = (&a[..b.rows], (parallel::CHUNK / b.rows.max(1)).max(1));
    parallel::for_each_chunk(c, columns, |t, c| {
        for (j, c) in c.iter_mut().enumerate() {
            let column = &b.data[b.offset(0, t * columns + j)..][..a.len()];
            let product = s.vectorize(
                #[inline(always)]
                || dot(s, a, column),
            );
            *c = if into == Update::Accumulate { *c + product } else { product };
        }
    });
}

/// Four running vectors, added up lane by lane in order.
#[inline(always)]
fn dot<S: Simd>(s: S, a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [s.zero(); 4];
    for at in (0..a.len()).step_by(4 * S::LANES) {
        for (q, sum) in sums.iter_mut().enumerate() {
            let at = at + q * S::LANES;
            *sum = s.fma(s.load_padded(a, at), s.load_padded(b, at), *sum);
        }
    }
    let mut lanes = [0.0; 16];
    s.store_padded(s.add(s.add(sums[0], sums[1]), s.add(sums[2], sums[3])), &mut lanes, 0);
    lanes.iter().sum()
}
