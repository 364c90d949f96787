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
//! TileRows of 8 or 12 x 2 vectors with AVX-512 and of 6 x 2 with AVX2 fill the registers and keep
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
//! A panel can also be wide, with tiles of 6 x 4 vectors ([`wide_panel`]). It is not prefetched
//! here.
//!
//! [`wide_panel`]: crate::tuning::InstructionSet::wide_panel
//!
//! A caller that knows what it reads after this panel passes that memory as [`Next`]. Its cache
//! lines are prefetched into L2, a few at a time. All lines at once would delay the loads of the
//! tile. See docs/design/prefetching.md.

use super::next::Next;
use super::operands::{Lhs, Out, Rhs, TileRows, Write, extent};
use super::tile::tile;
use super::{Shared, Simd};
use crate::tuning::gemm::STEPS_PER_PREFETCH;

/// [`Simd::panel`] with tiles of `MR` rows and `NV` vectors, and wide tiles of `WR` rows and `WV`
/// vectors.
///
/// # Safety
/// See [`Simd::panel`].
#[inline(always)]
pub(super) unsafe fn panel<S: Simd, const MR: usize, const NV: usize, const WR: usize, const WV: usize>(
    s: S,
    [rows, k, cols]: [usize; 3],
    a: Lhs<'_>,
    b: Rhs<'_>,
    c: Out<'_>,
) {
    assert!(S::PANEL == NV * S::LANES && S::WIDE_PANEL == WV * S::LANES);
    assert!(cols <= S::WIDE_PANEL, "panel: {cols} columns");
    a.check(rows, k);
    if let TileRows::Of(tile) | TileRows::Packed(tile) = a.tile_rows {
        assert!((1..=WR).contains(&tile), "panel: tiles of {tile} rows");
    }
    let width = match cols {
        _ if cols > S::PANEL => cols.next_multiple_of(S::LANES),
        _ if cols > S::LANES => S::PANEL,
        _ => S::LANES,
    };
    assert!(b.data.len() >= extent(a.runs * k, b.row_stride, width, 1), "panel: B is too short");
    // SAFETY: the caller's promise is passed on, and the operands were checked.
    unsafe {
        match cols {
            0 => {}
            _ if cols == S::LANES => tiles::<S, MR, 1, false>(s, [rows, k], a, b, c),
            _ if cols < S::PANEL => narrow(s, [rows, k, cols], a, b, c),
            _ if cols == S::PANEL && b.row_stride == S::PANEL => {
                tiles::<S, MR, NV, true>(s, [rows, k], a, b, c)
            }
            _ if cols == S::PANEL => tiles::<S, MR, NV, false>(s, [rows, k], a, b, c),
            _ if cols == S::WIDE_PANEL => tiles::<S, WR, WV, false>(s, [rows, k], a, b, c),
            _ => {
                s.panel([rows, k, S::PANEL], a, b, c);
                let rest = Rhs::new(&b.data[S::PANEL..], b.row_stride);
                s.panel([rows, k, cols - S::PANEL], a, rest, Out { at: c.at + S::PANEL, ..c });
            }
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
    let per_run = (k - k % 4).div_ceil(STEPS_PER_PREFETCH);
    let tile_rows = if let TileRows::Of(rows) | TileRows::Packed(rows) = a.tile_rows { rows } else { MR };
    let mut ahead = b.next.lines((rows / tile_rows).max(1) * a.runs * per_run);
    let b = (b.data.as_ptr(), b.row_stride);
    let mut i = 0;
    while i < rows {
        let left = rows - i;
        // A tile of four rows would read B for half as many products as a tile of eight.
        let step = match a.tile_rows {
            TileRows::Of(rows) | TileRows::Packed(rows) => rows.min(left),
            TileRows::Usual if MR == 8 && left > 8 && left % 8 == 4 => 12,
            TileRows::Usual => MR.min(left),
        };
        // SAFETY: rows i..i + step of A and of C, and all of B, are inside their slices.
        unsafe {
            let from = a.data.as_ptr().wrapping_add(a.tile(i, k));
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
    const HIGHEST: usize = 8;
    const WIDEST: usize = 64;
    let width = if cols <= S::LANES { S::LANES } else { S::PANEL };
    let mut tile = [0.0f32; HIGHEST * WIDEST];
    c.data.rows(c.at, rows, c.row_stride, cols);
    let step = match a.tile_rows {
        TileRows::Of(rows) | TileRows::Packed(rows) => rows,
        TileRows::Usual => HIGHEST,
    };
    for i in (0..rows).step_by(step) {
        let height = step.min(rows - i);
        // One prefetch of the next panel is enough.
        let b = if i == 0 { b } else { Rhs { next: Next::default(), ..b } };
        let part = Lhs { data: &a.data[a.tile(i, k).min(a.data.len())..], ..a };
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
                let in_place = [Lhs::new(&numbers, k, 1), Lhs::new(&numbers, 1, rows)];
                let tiles = in_place.map(|a| a.in_tiles_of(5));
                for a in in_place.into_iter().chain(tiles).chain([Lhs::packed(&numbers, 6)]) {
                    let a = Lhs { runs, run_stride: 0, ..a };
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
                    unsafe {
                        panel::<Portable, { PORTABLE.tile_rows }, 8, { PORTABLE.wide_rows }, 8>(
                            s, size, a, b, c,
                        )
                    };
                    assert_eq!(
                        portable::PREFETCHED.take(),
                        want,
                        "{rows} rows, k = {k}, strides {}, {}, {:?}",
                        a.row_stride,
                        a.k_stride,
                        a.tile_rows
                    );
                }
            }
        }
    }
}
