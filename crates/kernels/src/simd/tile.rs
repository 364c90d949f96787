//! One tile of the micro-kernel (`panel.rs`): the loop over the inner dimension, with all sums in
//! registers.

use super::Simd;
use super::next::Lines;
use super::operands::{Lhs, TileRows, Write};
use crate::tuning::cache::LINE;
use crate::tuning::gemm::{PREFETCHING_TILE, ROWS_AHEAD, STEPS_PER_PREFETCH};

/// Computes one tile of `MR` rows by `NV` vectors. The first row of A is at `from`.
///
/// # Safety
/// It must be valid to read all elements of A (which start at `from`, with the strides of `a`) and
/// of B. It must be valid to read and write all elements of C. No other thread may access them.
#[inline(always)]
pub(super) unsafe fn tile<S: Simd, const MR: usize, const NV: usize, const DENSE: bool>(
    s: S,
    k: usize,
    (from, a): (*const f32, Lhs<'_>),
    (mut b, b_row): (*const f32, usize),
    (c, c_row, write): (*mut f32, usize, Write),
    ahead: &mut Lines,
) {
    let mut sums = [[s.zero(); NV]; MR];
    for (i, sums) in sums.iter_mut().enumerate() {
        for (j, sum) in sums.iter_mut().enumerate() {
            let c = c.wrapping_add(i * c_row + j * S::LANES);
            if write == Write::Continue {
                // SAFETY: by the caller's promise. C is not written while the slice exists.
                *sum = s.load(unsafe { std::slice::from_raw_parts(c, S::LANES) });
                // The next tile starts with its part of C, which is not in L1.
                s.prefetch(c.wrapping_add(MR * c_row));
            } else {
                // C is used after the sums are computed, and is not in L1.
                s.prefetch(c);
            }
        }
    }
    for run in 0..a.runs {
        let from = from.wrapping_add(run * a.run_stride);
        if a.k_stride == 1 {
            let rows: [*const f32; MR] = std::array::from_fn(|i| from.wrapping_add(i * a.row_stride));
            // Four steps share one pointer per row, which saves instructions for addresses.
            for p in (0..k - k % 4).step_by(4) {
                // Convolutions have nothing to prefetch, and their runs are so short that the check
                // inside `prefetch` would cost time.
                if p % STEPS_PER_PREFETCH == 0 && ahead.rows > 0 {
                    ahead.prefetch(s);
                }
                // SAFETY: run, p + 3, i < MR and j < NV are in the ranges that the caller promised.
                b = unsafe { along_rows::<S, MR, NV, DENSE, 4>(s, &rows, p, (b, b_row), &mut sums) };
            }
            for p in k - k % 4..k {
                // SAFETY: as above.
                b = unsafe { along_rows::<S, MR, NV, DENSE, 1>(s, &rows, p, (b, b_row), &mut sums) };
            }
        } else {
            // For a smaller tile, the prefetches would cost more than they save. Packed operands
            // are prefetched as a whole.
            let prefetch =
                MR * NV >= PREFETCHING_TILE && NV * S::LANES == S::PANEL && a.tile_rows == TileRows::Usual;
            let mut a_p = from;
            for p in (0..k - k % 4).step_by(4) {
                if p % STEPS_PER_PREFETCH == 0 && ahead.rows > 0 {
                    ahead.prefetch(s);
                }
                // SAFETY: as above. In this case, the rows of A are neighbours in memory.
                unsafe {
                    along_columns::<S, MR, NV, 4>(s, (a_p, a.k_stride), (b, b_row), prefetch, &mut sums)
                };
                (a_p, b) = (a_p.wrapping_add(4 * a.k_stride), b.wrapping_add(4 * b_row));
            }
            for _ in k - k % 4..k {
                // SAFETY: as above.
                unsafe {
                    along_columns::<S, MR, NV, 1>(s, (a_p, a.k_stride), (b, b_row), prefetch, &mut sums)
                };
                (a_p, b) = (a_p.wrapping_add(a.k_stride), b.wrapping_add(b_row));
            }
        }
    }
    for (i, sums) in sums.iter().enumerate() {
        for (j, &sum) in sums.iter().enumerate() {
            // SAFETY: as above. The slices of different (i, j) are disjoint, and only one exists at
            // once.
            let c = unsafe { std::slice::from_raw_parts_mut(c.add(i * c_row + j * S::LANES), S::LANES) };
            s.store(if write == Write::Add { s.add(s.load(c), sum) } else { sum }, c);
        }
    }
}

/// Adds `STEPS` products to each sum of a tile. They are the products of the elements p to p +
/// `STEPS` - 1 of `MR` rows of A with `STEPS` rows of B, the first at `b`. Returns the address of
/// the next row of B.
///
/// # Safety
/// It must be valid to read these elements of A and rows of B.
#[inline(always)]
unsafe fn along_rows<S: Simd, const MR: usize, const NV: usize, const DENSE: bool, const STEPS: usize>(
    s: S,
    rows: &[*const f32; MR],
    p: usize,
    (mut b, b_row): (*const f32, usize),
    sums: &mut [[S::V; NV]; MR],
) -> *const f32 {
    for q in 0..STEPS {
        // SAFETY: by the caller's promise, for i < MR.
        unsafe { add_product(s, |i| *rows[i].add(p + q), b, sums) };
        if DENSE {
            // If B is packed, the next panel follows this panel in memory.
            prefetch_row::<S, NV>(s, b.wrapping_add(ROWS_AHEAD * NV * S::LANES));
        }
        b = b.wrapping_add(b_row);
    }
    b
}

/// Adds `STEPS` products to each sum of a tile. They are the products of `STEPS` columns of A, of
/// which the first is at `a`, with `STEPS` rows of B, of which the first is at `b`.
///
/// # Safety
/// It must be valid to read `MR` elements of these columns of A, and these rows of B.
#[inline(always)]
unsafe fn along_columns<S: Simd, const MR: usize, const NV: usize, const STEPS: usize>(
    s: S,
    (a, k_stride): (*const f32, usize),
    (b, b_row): (*const f32, usize),
    prefetch: bool,
    sums: &mut [[S::V; NV]; MR],
) {
    for q in 0..STEPS {
        // SAFETY: by the caller's promise, for i < MR.
        unsafe { add_product(s, |i| *a.add(q * k_stride + i), b.add(q * b_row), sums) };
    }
    if prefetch {
        (0..STEPS).for_each(|q| prefetch_row::<S, NV>(s, b.wrapping_add((ROWS_AHEAD + q) * b_row)));
    }
}

/// Prefetches the part of a row of B that is in the panel, at `b`.
#[inline(always)]
fn prefetch_row<S: Simd, const NV: usize>(s: S, b: *const f32) {
    (0..NV * S::LANES).step_by(LINE).for_each(|at| s.prefetch(b.wrapping_add(at)));
}

/// C\[i, :\] += a(i) b for i < `MR`. Each row of C, and b, has `NV` SIMD vectors.
///
/// # Safety
/// `a(i)` must be safe to call for i < MR, and `NV` vectors must be readable at `b`.
#[inline(always)]
unsafe fn add_product<S: Simd, const MR: usize, const NV: usize>(
    s: S,
    a: impl Fn(usize) -> f32,
    b: *const f32,
    sums: &mut [[S::V; NV]; MR],
) {
    let mut b_p = [s.zero(); NV];
    for (j, b_pj) in b_p.iter_mut().enumerate() {
        // SAFETY: by the caller's promise.
        *b_pj = s.load(unsafe { std::slice::from_raw_parts(b.add(j * S::LANES), S::LANES) });
    }
    for (i, sums) in sums.iter_mut().enumerate() {
        let a_i = s.splat(a(i));
        for (sum, &b_pj) in sums.iter_mut().zip(&b_p) {
            *sum = s.fma(a_i, b_pj, *sum);
        }
    }
}
