//! The micro-kernel. It computes a panel of a matrix product. The matrix products of
//! `gemm/blocked/` and of the convolutions use it.
//!
//! C is divided into tiles of MR rows by one panel of NV vectors. The MR x NV partial sums of a
//! tile stay in registers for the whole inner dimension. They start at 0 or at C ([`Write`]):
//!
//! ```text
//!     for p in 0..k                        B[p, :]   NV vectors, loaded once, used MR times
//!         for i in 0..MR                   A[i, p]   one number, broadcast, used NV times
//!             C[i, :] += A[i, p] B[p, :]   MR x NV fused multiply-adds
//! ```
//!
//! Each element of C adds its products in the order of p. The sizes of tiles do not change its bits
//! (docs/design/determinism.md).
//!
//! Tiles of 8 or 12 x 2 vectors with AVX-512 and of 6 x 2 with AVX2 fill the registers and keep
//! both multipliers busy ([`tuning`](crate::tuning)). A is read in place, by rows or by columns:
//! one of its strides is 1. So neither A nor its transpose needs packing. The inner dimension of A
//! can consist of several runs, like the windows of a convolution in an image. The rows of B have
//! as many columns as a panel, and a fixed distance. This is the case if B is packed, and also for
//! a panel of an unpacked B.
//!
//! B is prefetched. All tiles of a panel read the same part of B, and the first tile finds it in L3
//! or in memory. Without prefetching, the processor would wait for each cache line, which takes a
//! noticeable part of the time of the whole product. If A is read by rows, B is prefetched only if
//! its rows are contiguous, because the addresses are then known at compile time. If A is read by
//! columns, B is prefetched only for large tiles, which AVX2 does not have.
//!
//! A caller that knows what it reads after this panel passes that memory as [`Next`]. Its cache
//! lines are prefetched into L2, a few at a time. All lines at once would delay the loads of the
//! tile. See docs/design/prefetching.md.

use super::next::{Lines, Next};
use super::operands::{Lhs, Out, Rhs, Write, extent};
use super::{Shared, Simd};
use crate::tuning::cache::LINE;
use crate::tuning::gemm::{PREFETCHING_TILE, ROWS_AHEAD, STEPS_PER_PREFETCH};

/// [`Simd::panel`] with tiles of `MR` rows and `NV` vectors.
///
/// # Safety
/// See [`Simd::panel`].
#[inline(always)]
pub(super) unsafe fn panel<S: Simd, const MR: usize, const NV: usize>(
    s: S,
    [rows, k, cols]: [usize; 3],
    a: Lhs<'_>,
    b: Rhs<'_>,
    c: Out<'_>,
) {
    assert!(cols <= S::PANEL && S::PANEL == NV * S::LANES);
    a.check(rows, k);
    let width = if cols <= S::LANES { S::LANES } else { S::PANEL };
    assert!(b.data.len() >= extent(a.runs * k, b.row_stride, width, 1), "panel: B is too short");
    // SAFETY: the caller's promise is passed on, and the operands were checked.
    unsafe {
        match cols {
            0 => {}
            _ if cols == S::LANES => tiles::<S, MR, 1, false>(s, [rows, k], a, b, c),
            _ if cols < S::PANEL => narrow(s, [rows, k, cols], a, b, c),
            _ if b.row_stride == S::PANEL => tiles::<S, MR, NV, true>(s, [rows, k], a, b, c),
            _ => tiles::<S, MR, NV, false>(s, [rows, k], a, b, c),
        }
    }
}

/// Computes all rows of a panel of `NV` vectors. If B is `DENSE`, its rows are contiguous.
///
/// # Safety
/// See [`Simd::panel`]. The operands must be long enough.
#[inline(always)]
unsafe fn tiles<S: Simd, const MR: usize, const NV: usize, const DENSE: bool>(
    s: S,
    [rows, k]: [usize; 2],
    a: Lhs<'_>,
    b: Rhs<'_>,
    c: Out<'_>,
) {
    let out = c.data.rows(c.at, rows, c.row_stride, NV * S::LANES);
    let per_run = if a.k_stride == 1 { (k - k % 4).div_ceil(STEPS_PER_PREFETCH) } else { 1 };
    let mut ahead = b.next.lines((rows / MR).max(1) * a.runs * per_run);
    let b = (b.data.as_ptr(), b.row_stride);
    let mut i = 0;
    while i < rows {
        let left = rows - i;
        // A tile of four rows would read B for half as many products as a tile of eight.
        let step = if MR == 8 && left > 8 && left % 8 == 4 { 12 } else { MR.min(left) };
        // SAFETY: rows i..i + step of A and of C, and all of B, are inside their slices.
        unsafe {
            let from = a.data.as_ptr().wrapping_add(i * a.row_stride);
            let c = (out.add(i * c.row_stride), c.row_stride, c.write);
            match step {
                1 => tile::<S, 1, NV, DENSE>(s, k, (from, a), b, c, &mut ahead),
                2 => tile::<S, 2, NV, DENSE>(s, k, (from, a), b, c, &mut ahead),
                3 => tile::<S, 3, NV, DENSE>(s, k, (from, a), b, c, &mut ahead),
                4 => tile::<S, 4, NV, DENSE>(s, k, (from, a), b, c, &mut ahead),
                5 => tile::<S, 5, NV, DENSE>(s, k, (from, a), b, c, &mut ahead),
                6 if MR > 6 => tile::<S, 6, NV, DENSE>(s, k, (from, a), b, c, &mut ahead),
                7 if MR > 7 => tile::<S, 7, NV, DENSE>(s, k, (from, a), b, c, &mut ahead),
                12 if MR == 8 => tile::<S, 12, NV, DENSE>(s, k, (from, a), b, c, &mut ahead),
                _ => tile::<S, MR, NV, DENSE>(s, k, (from, a), b, c, &mut ahead),
            }
        }
        i += step;
    }
}

/// Computes a panel whose last vector is partly filled. Each tile is computed with whole vectors in
/// a local array, which its columns are copied to and from.
///
/// # Safety
/// See [`Simd::panel`].
#[inline(never)]
unsafe fn narrow<S: Simd>(s: S, [rows, k, cols]: [usize; 3], a: Lhs<'_>, b: Rhs<'_>, c: Out<'_>) {
    const ROWS: usize = 8;
    const WIDEST: usize = 32;
    let width = if cols <= S::LANES { S::LANES } else { S::PANEL };
    let mut tile = [0.0f32; ROWS * WIDEST];
    c.data.rows(c.at, rows, c.row_stride, cols);
    for i in (0..rows).step_by(ROWS) {
        let height = ROWS.min(rows - i);
        // One prefetch of the next panel is enough.
        let b = if i == 0 { b } else { Rhs { next: Next::default(), ..b } };
        let part = Lhs { data: &a.data[(i * a.row_stride).min(a.data.len())..], ..a };
        // SAFETY: the rows were checked to be in C. By the caller's promise, no other thread
        // accesses them.
        let row = |r: usize| unsafe { c.data.slice(c.at + (i + r) * c.row_stride, cols) };
        if c.write != Write::Overwrite {
            for (r, tile) in tile.chunks_exact_mut(width).take(height).enumerate() {
                tile[..cols].copy_from_slice(row(r));
            }
        }
        let whole = Out { data: Shared::new(&mut tile), at: 0, row_stride: width, ..c };
        // SAFETY: `tile` is local and long enough.
        unsafe { s.panel([height, k, width], part, b, whole) };
        for (r, tile) in tile.chunks_exact(width).take(height).enumerate() {
            row(r).copy_from_slice(&tile[..cols]);
        }
    }
}

/// Computes one tile of `MR` rows by `NV` vectors. The first row of A is at `from`.
///
/// # Safety
/// It must be valid to read all elements of A (which start at `from`, with the strides of `a`) and
/// of B. It must be valid to read and write all elements of C. No other thread may access them.
#[inline(always)]
unsafe fn tile<S: Simd, const MR: usize, const NV: usize, const DENSE: bool>(
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
            if ahead.rows > 0 {
                ahead.prefetch(s);
            }
            let mut a_p = from;
            for _ in 0..k {
                // SAFETY: as above. In this case, the rows of A are neighbours in memory.
                unsafe { add_product(s, |i| *a_p.add(i), b, &mut sums) };
                // For a smaller tile, the prefetches would cost more than they save.
                if MR * NV >= PREFETCHING_TILE {
                    prefetch_row::<S, NV>(s, b.wrapping_add(ROWS_AHEAD * b_row));
                }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::testing::less;
    use crate::simd::{Portable, portable};
    use crate::tuning::PORTABLE;

    /// The micro-kernel prefetches each cache line of the next panel exactly once, for any number
    /// of tiles. A is read by rows in one case and by columns in the other.
    #[test]
    fn tiles_prefetch_all_of_the_next_panel() {
        let numbers = vec![0.0; 256 * 256];
        let next = Next { data: &numbers, rows: 70, len: 40, row_stride: 100 };
        next.lines(1).prefetch(Portable);
        let want = portable::PREFETCHED.take();
        assert_eq!(want.len(), 70 * 3);
        for rows in [1, 5, 7, 8, 12, 13, 20, 100, 128] {
            for (k, runs) in [(4, 1), (33, 1), (65, 1), (196, 1), (256, 1), (12, 4)] {
                if rows * k > less(usize::MAX, 300) {
                    continue;
                }
                for (row_stride, k_stride) in [(k, 1), (1, rows)] {
                    let a = Lhs { data: &numbers, row_stride, k_stride, runs, run_stride: 0 };
                    let b = Rhs { next, ..Rhs::new(&numbers, Portable::PANEL) };
                    let mut c = vec![0.0; rows * Portable::PANEL];
                    let c = Out {
                        data: Shared::new(&mut c),
                        at: 0,
                        row_stride: Portable::PANEL,
                        write: Write::Overwrite,
                    };
                    portable::PREFETCHED.take();
                    let (s, size) = (Portable, [rows, k, Portable::PANEL]);
                    // SAFETY: only this test accesses `c`.
                    unsafe { panel::<Portable, { PORTABLE.tile_rows }, 8>(s, size, a, b, c) };
                    assert_eq!(
                        portable::PREFETCHED.take(),
                        want,
                        "{rows} rows, k = {k}, strides {row_stride}, {k_stride}"
                    );
                }
            }
        }
    }
}
