//! The micro-kernel: a panel of a matrix product, for all products of the project.
//!
//! C is cut into tiles of MR rows by one panel of NV vectors, whose MR x NV partial sums stay in registers for the whole
//! inner dimension:
//!
//! ```text
//!     for p in 0..k                        B[p, :]   NV vectors, loaded once, used MR times
//!         for i in 0..MR                   A[i, p]   one number, broadcast, used NV times
//!             C[i, :] += A[i, p] B[p, :]   MR x NV fused multiply-adds
//! ```
//!
//! 8 x 2 vectors of 16 with AVX-512 and 6 x 2 of 8 with AVX2 fill the registers and keep both multipliers busy. A is read
//! where it lies, by any row and column stride, so neither A nor its transpose is ever packed; B wants rows of a panel's
//! width at a fixed distance, which a packed B and an unpacked one of whole panels both have.

use super::{Shared, Simd};

/// The left operand: element (i, p) is `data[i * row_stride + p * k_stride]`.
#[derive(Clone, Copy)]
pub(crate) struct Lhs<'a> {
    pub(crate) data: &'a [f32],
    pub(crate) row_stride: usize,
    pub(crate) k_stride: usize,
}

/// The right operand: element (p, j) is `data[p * row_stride + j]`. `PANEL` elements of every row must exist.
#[derive(Clone, Copy)]
pub(crate) struct Rhs<'a> {
    pub(crate) data: &'a [f32],
    pub(crate) row_stride: usize,
}

/// The output: element (i, j) is `data[at + i * row_stride + j]`.
#[derive(Clone, Copy)]
pub(crate) struct Out<'a> {
    pub(crate) data: Shared<'a>,
    pub(crate) at: usize,
    pub(crate) row_stride: usize,
    /// Add to what is there?
    pub(crate) accumulate: bool,
}

/// Elements that a strided view of `rows` rows of `cols` elements spans.
pub(super) fn extent(rows: usize, stride: usize, cols: usize, col_stride: usize) -> usize {
    if rows == 0 || cols == 0 { 0 } else { (rows - 1) * stride + (cols - 1) * col_stride + 1 }
}

/// [`Simd::panel`] by tiles of `MR` rows and `NV` vectors.
///
/// # Safety
/// That of [`Simd::panel`].
#[inline(always)]
pub(super) unsafe fn panel<S: Simd, const MR: usize, const NV: usize>(
    s: S,
    [rows, k, cols]: [usize; 3],
    a: Lhs<'_>,
    b: Rhs<'_>,
    c: Out<'_>,
) {
    assert!(cols <= S::PANEL && S::PANEL == NV * S::LANES);
    assert!(a.data.len() >= extent(rows, a.row_stride, k, a.k_stride), "panel: A is too short");
    assert!(b.data.len() >= extent(k, b.row_stride, S::PANEL, 1), "panel: B is too short");
    if cols < S::PANEL {
        // SAFETY: the caller's promise is passed on.
        return unsafe { narrow::<S, MR, NV>(s, [rows, k, cols], a, b, c) };
    }
    // SAFETY: the elements of C exist and are ours by the caller's promise.
    let out = unsafe { c.data.slice(c.at, extent(rows, c.row_stride, cols, 1)) }.as_mut_ptr();
    let mut i = 0;
    while i < rows {
        let step = MR.min(rows - i);
        // SAFETY: rows i..i + step of A, all of B and rows i..i + step of C lie inside the slices checked above.
        unsafe {
            let (a, c) = (
                (a.data.as_ptr().add(i * a.row_stride), a.row_stride, a.k_stride),
                (out.add(i * c.row_stride), c.row_stride, c.accumulate),
            );
            let b = (b.data.as_ptr(), b.row_stride);
            match step {
                1 => tile::<S, 1, NV>(s, k, a, b, c),
                2 => tile::<S, 2, NV>(s, k, a, b, c),
                3 => tile::<S, 3, NV>(s, k, a, b, c),
                4 => tile::<S, 4, NV>(s, k, a, b, c),
                5 => tile::<S, 5, NV>(s, k, a, b, c),
                6 if MR > 6 => tile::<S, 6, NV>(s, k, a, b, c),
                7 if MR > 7 => tile::<S, 7, NV>(s, k, a, b, c),
                _ => tile::<S, MR, NV>(s, k, a, b, c),
            }
        }
        i += step;
    }
}

/// A panel with fewer columns than registers: computed whole, in tiles beside C, and copied.
///
/// # Safety
/// That of [`Simd::panel`].
#[inline(never)]
unsafe fn narrow<S: Simd, const MR: usize, const NV: usize>(
    s: S,
    [rows, k, cols]: [usize; 3],
    a: Lhs<'_>,
    b: Rhs<'_>,
    c: Out<'_>,
) {
    const TILE: usize = 8;
    let mut tile = [0.0f32; TILE * 64];
    for i in (0..rows).step_by(TILE) {
        let height = TILE.min(rows - i);
        let part = Lhs { data: &a.data[(i * a.row_stride).min(a.data.len())..], ..a };
        let whole = Out { data: Shared::new(&mut tile), at: 0, row_stride: S::PANEL, accumulate: false };
        // SAFETY: `tile` is this function's own.
        unsafe { s.panel([height, k, S::PANEL], part, b, whole) };
        for (r, tile) in tile.chunks_exact(S::PANEL).take(height).enumerate() {
            // SAFETY: the elements of C exist and are ours by the caller's promise.
            let row = unsafe { c.data.slice(c.at + (i + r) * c.row_stride, cols) };
            for (c_ij, t) in row.iter_mut().zip(tile) {
                *c_ij = if c.accumulate { *c_ij + t } else { *t };
            }
        }
    }
}

/// One tile: `MR` rows by `NV` vectors.
///
/// # Safety
/// For i < MR, p < k, j < NV * LANES: `a.0 + i a.1 + p a.2` and `b.0 + p b.1 + j` can be read, `c.0 + i c.1 + j` can be
/// read and written, and nobody else accesses the latter.
#[inline(always)]
unsafe fn tile<S: Simd, const MR: usize, const NV: usize>(
    s: S,
    k: usize,
    (a, a_row, a_k): (*const f32, usize, usize),
    (b, b_row): (*const f32, usize),
    (c, c_row, accumulate): (*mut f32, usize, bool),
) {
    let mut sums = [[s.zero(); NV]; MR];
    for p in 0..k {
        // SAFETY: `p < k`, `i < MR`, `j < NV` are in the ranges that the caller promised.
        unsafe {
            let (a, b) = (a.add(p * a_k), b.add(p * b_row));
            let mut row = [s.zero(); NV];
            for (j, row) in row.iter_mut().enumerate() {
                *row = s.load(std::slice::from_raw_parts(b.add(j * S::LANES), S::LANES));
            }
            for (i, sums) in sums.iter_mut().enumerate() {
                let a_ip = s.splat(*a.add(i * a_row));
                for (sum, &row) in sums.iter_mut().zip(&row) {
                    *sum = s.fma(a_ip, row, *sum);
                }
            }
        }
    }
    for (i, sums) in sums.iter().enumerate() {
        for (j, &sum) in sums.iter().enumerate() {
            // SAFETY: as above; the slices of different (i, j) are disjoint and live one at a time.
            let c = unsafe { std::slice::from_raw_parts_mut(c.add(i * c_row + j * S::LANES), S::LANES) };
            s.store(if accumulate { s.add(s.load(c), sum) } else { sum }, c);
        }
    }
}
