//! The transforms of w: G g G^T into the panels that products read, and the adjoint G^T m G.

use super::points::Transformed;
use super::tiling::Tiling;
use super::transform::{Form, N};
use crate::simd::{Shared, Simd};
use crate::tuning::winograd::ROWS_AHEAD;
use std::ops::Range;

/// The product that the transformed filter is used in: y from x, or x_bar from y_bar.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// The filter in y = x conv w: its rows are the channels of all phases of x, and its columns
    /// are the channels of y.
    Forward,
    /// The transposed filter in x_bar: its rows are the channels of y, and its columns are the
    /// channels of all phases of x.
    Adjoint,
}

/// The side of the square blocks in which w is transposed.
const SQUARE: usize = 16;

/// Memory for the transformed filter or for a part of it, to which [`transform`] writes.
#[derive(Clone, Copy)]
pub(super) struct FilterOut<'a> {
    pub(super) data: Shared<'a>,
    /// The offset of the first element of point 0.
    pub(super) at: usize,
    /// The distance between the same element of two neighbouring points.
    pub(super) point_stride: usize,
}

/// Computes g^ = G g G^T for `rows` of the filter and the panel of columns from `column` on. Row k
/// of the panel is stored at `at + k PANEL` of each point, with k counted from the first of `rows`.
/// The panel may have more columns than the filter. These additional columns are 0.
///
/// # Safety
/// No other task may access these elements of `to` meanwhile.
#[inline(always)]
pub(super) unsafe fn transform<S: Simd, F: Form>(
    s: S,
    t: &Tiling,
    (w, side): (&[f32], Side),
    rows: Range<usize>,
    column: usize,
    FilterOut { data: to, at, point_stride }: FilterOut<'_>,
) {
    let mut squares = [[0.0; SQUARE * SQUARE]; 9];
    for block in (column..column + S::PANEL).step_by(SQUARE) {
        for first in rows.clone().step_by(SQUARE) {
            if side == Side::Adjoint {
                transpose(s, t, F::R, w, [block, first], &mut squares);
            }
            for row in first..rows.end.min(first + SQUARE) {
                prefetch(s, t, F::R, (w, side), [row, block]);
                let taps = taps(t, F::R, (w, side), [row, block], &squares);
                let lines = at + block - column + (row - rows.start) * S::PANEL;
                for lane in (0..SQUARE).step_by(S::LANES) {
                    F::filter(
                        s,
                        #[inline(always)]
                        |d, e| s.load_padded(taps[d][e], lane),
                        #[inline(always)]
                        |i, j, v| {
                            let at = lines + lane + (i * N + j) * point_stride;
                            // SAFETY: only this task accesses these rows and columns, by the
                            // caller's promise.
                            s.store(v, unsafe { to.slice(at, S::LANES) });
                        },
                    );
                }
            }
        }
    }
}

/// Prefetches weights that are transformed soon after row `row` of the block of columns at
/// `column`. They are short runs far apart, whose addresses the processor does not predict.
#[inline(always)]
fn prefetch<S: Simd>(s: S, t: &Tiling, r: usize, (w, side): (&[f32], Side), [row, column]: [usize; 2]) {
    // The channels of x and of y whose weights are prefetched. On the adjoint side, these are one
    // row of the next square, so that a square is prefetched while its predecessor is transformed.
    let [x, y] = match side {
        Side::Forward => [row + ROWS_AHEAD, column],
        Side::Adjoint => [column + row % SQUARE, (row / SQUARE + 1) * SQUARE],
    };
    let (phase, channel) = (x / t.channels[0], x % t.channels[0]);
    for (d, e) in (0..r).flat_map(|d| (0..r).map(move |e| (d, e))) {
        if let Some(line) = t.weight_row(phase, channel, [d, e]) {
            s.prefetch(w.as_ptr().wrapping_add(line + y));
        }
    }
}

/// Returns one slice for each tap: the elements in row `row` of the filter, from column `column`
/// on. The slice is empty if the filter has no such elements.
#[inline(always)]
fn taps<'a>(
    t: &Tiling,
    r: usize,
    (w, side): (&'a [f32], Side),
    [row, column]: [usize; 2],
    squares: &'a [[f32; SQUARE * SQUARE]; 9],
) -> [[&'a [f32]; 3]; 3] {
    let mut taps: [[&[f32]; 3]; 3] = [[&[]; 3]; 3];
    for (d, taps) in taps.iter_mut().take(r).enumerate() {
        for (e, tap) in taps.iter_mut().take(r).enumerate() {
            *tap = match side {
                Side::Adjoint => &squares[d * r + e][row % SQUARE * SQUARE..][..SQUARE],
                Side::Forward => t
                    .weight_row(row / t.channels[0], row % t.channels[0], [d, e])
                    .and_then(|at| w[at..at + t.g.out_channels].get(column..))
                    .unwrap_or(&[]),
            };
        }
    }
    taps
}

/// Transposes one square block of w for every tap. In w, the rows of the block are channels of a
/// phase of x, and its columns are channels of y. The first channel of x in the block is `column`,
/// counted over all phases. The first channel of y is `row`.
#[inline(always)]
fn transpose<S: Simd>(
    s: S,
    t: &Tiling,
    r: usize,
    w: &[f32],
    [column, row]: [usize; 2],
    squares: &mut [[f32; SQUARE * SQUARE]; 9],
) {
    let (phase, channel) = (column / t.channels[0], column % t.channels[0]);
    let (ci, co) = (t.g.in_channels, t.g.out_channels);
    for d in 0..r {
        for e in 0..r {
            let square = &mut squares[d * r + e];
            let from = if phase < t.phases() { t.weight_row(phase, channel, [d, e]) } else { None };
            match from {
                Some(from) if channel + SQUARE <= ci && row + SQUARE <= co => {
                    for i in [0, 8] {
                        for j in [0, 8] {
                            s.transpose8(
                                &w[from + row + i * co + j..],
                                co,
                                &mut square[j * SQUARE + i..],
                                SQUARE,
                            );
                        }
                    }
                }
                _ => {
                    square.fill(0.0);
                    let Some(from) = from else { continue };
                    for i in 0..SQUARE.min(ci - channel) {
                        for j in 0..SQUARE.min(co.saturating_sub(row)) {
                            square[j * SQUARE + i] = w[from + i * co + row + j];
                        }
                    }
                }
            }
        }
    }
}

/// Computes w_bar = G^T m G for the rows `rows` and the columns `columns` of the filter, as
/// [`Side::Forward`] counts them. Row 0 and column 0 of `m` are the first of these rows and
/// columns.
///
/// # Safety
/// No other task may access these elements of `w_bar` meanwhile.
#[inline(always)]
pub(super) unsafe fn adjoint<S: Simd, F: Form>(
    s: S,
    t: &Tiling,
    m: Transformed<'_>,
    rows: Range<usize>,
    columns: Range<usize>,
    w_bar: Shared<'_>,
) {
    let end = columns.end.min(t.g.out_channels);
    for row in rows.clone() {
        for column in (columns.start..end).step_by(S::LANES) {
            let at = m.layout.at(row - rows.start, column - columns.start);
            F::filter_adjoint(
                s,
                #[inline(always)]
                |i, j| s.load(&m.data[at + (i * N + j) * m.layout.point_stride..]),
                #[inline(always)]
                |d, e, v| {
                    if let Some(line) = t.weight_row(row / t.channels[0], row % t.channels[0], [d, e]) {
                        // SAFETY: only this task accesses these rows and columns, by the caller's
                        // promise.
                        let lanes = unsafe { w_bar.slice(line + column, S::LANES.min(end - column)) };
                        s.store_padded(v, lanes, 0);
                    }
                },
            );
        }
    }
}
