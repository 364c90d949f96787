//! The weight gradient: the inner dimension is the tiles.
//!
//! ```text
//!     for each round of tiles
//!         for each few tiles                          d^ = B^T d B,  y^ = A y A^T        (parallel)
//!         for each block of the filter                                                   (parallel)
//!             for each point, panel of n              m += (d^)^T y^
//!     w_bar = G^T m G                                 in the last round
//! ```
//!
//! Both operands are read as they were written: the micro-kernel takes d^ by columns. Each element of the filter is summed
//! by one task in the order of the tiles, so no partial sums are ever merged.

use super::data;
use super::filter;
use super::tiling::{Points, Tiling};
use super::transform::{Form, N};
use crate::memory::{Buffer, Scratch};
use crate::parallel;
use crate::simd::{Lhs, Rhs, Rows, Shared, Simd};
use std::ops::Range;

/// Tiles of a round: their transforms should stay in the cache until they are multiplied.
const ROUND: usize = 256;
/// Tiles that one task transforms.
const TILES: usize = 8;
/// Rows and columns of the filter in one task, of 25 points; divisors of the operands' block.
const ROWS: usize = 64;
const COLUMNS: usize = 128;

/// w_bar from x and y_bar.
pub(super) fn run<S: Simd, F: Form>(s: S, t: &Tiling, x: &[f32], y_bar: &[f32], w_bar: &mut [f32]) {
    let (k, n, count) = (t.phase_channels(), t.channels[1], t.count());
    let round = count.min(ROUND);
    let (x_layout, y_layout) = (Points::operand(round, k), Points::operand(round, n));
    let (mut x_hat, mut y_hat) = (Buffer::take(x_layout.len()), Buffer::take(y_layout.len()));
    let columns = columns_per_task(k, n);
    let across = n.div_ceil(columns);
    let tasks = k.div_ceil(ROWS) * across;
    let product = Points::product(ROWS, columns, S::PANEL);
    let w_bar = Shared::new(w_bar);
    let rounds = count.div_ceil(round);
    // With one round, the sums of a block need not outlive its task.
    let mut kept = (rounds > 1).then(|| Buffer::take(tasks * product.len()));
    for start in (0..count).step_by(round) {
        let tiles = start..(start + round).min(count);
        let (x_all, y_all) = (Shared::new(x_hat.as_mut_slice()), Shared::new(y_hat.as_mut_slice()));
        parallel::for_each(tiles.len().div_ceil(TILES), |task| {
            let first = task * TILES;
            let tiles = start + first..(start + first + TILES).min(tiles.end);
            s.vectorize(
                #[inline(always)]
                || {
                    // SAFETY: each task writes the rows of its own tiles.
                    unsafe {
                        data::input(s, t, x, tiles.clone(), (x_all, x_layout, first));
                        data::output_adjoint::<S, F>(s, t, y_bar, tiles, (y_all, y_layout, first));
                    }
                },
            );
        });
        let (x_hat, y_hat) = ((x_hat.as_slice(), x_layout), (y_hat.as_slice(), y_layout));
        let block = |task: usize, m: &mut [f32]| {
            let (row, column) = (task / across * ROWS, task % across * columns);
            let (rows, columns) = (row..(row + ROWS).min(k), column..(column + columns).min(n));
            multiply(
                s,
                x_hat,
                y_hat,
                tiles.len(),
                (rows.clone(), columns.clone()),
                (&mut *m, product, start > 0),
            );
            if tiles.end == count {
                s.vectorize(
                    #[inline(always)]
                    || {
                        // SAFETY: each task writes its own rows and columns.
                        unsafe { filter::adjoint::<S, F>(s, t, (m, product), rows, columns, w_bar) };
                    },
                );
            }
        };
        match &mut kept {
            Some(kept) => parallel::for_each_chunk(kept.as_mut_slice(), product.len(), block),
            None => {
                let scratch = Scratch::reserve([product.len()]);
                parallel::for_each(tasks, |task| {
                    let [mut m] = scratch.take();
                    block(task, m.as_mut_slice());
                });
            }
        }
    }
}

/// m (+)= (d^)^T y^ at every point, for some rows and columns.
fn multiply<S: Simd>(
    s: S,
    (x_hat, x_layout): (&[f32], Points),
    (y_hat, y_layout): (&[f32], Points),
    tiles: usize,
    (rows, columns): (Range<usize>, Range<usize>),
    (m, product, accumulate): (&mut [f32], Points, bool),
) {
    for point in 0..N * N {
        let a = &x_hat[point * x_layout.point_stride + x_layout.at(0, rows.start)..];
        for column in columns.clone().step_by(S::PANEL) {
            let a = Lhs::new(a, 1, x_layout.row_stride);
            let b = &y_hat[point * y_layout.point_stride + y_layout.at(0, column)..];
            let b = Rhs { data: b, row_stride: y_layout.row_stride };
            let to = Rows {
                at: point * product.point_stride + column - columns.start,
                row_stride: product.row_stride,
                accumulate,
            };
            let cols = S::PANEL.min(columns.end - column);
            s.panel_into([rows.len(), tiles, cols], a, b, m, to);
        }
    }
}

/// Narrower blocks where there would be too few for several threads.
fn columns_per_task(k: usize, n: usize) -> usize {
    let mut columns = COLUMNS;
    while columns > 32 && k.div_ceil(ROWS) * n.div_ceil(columns) < 8 {
        columns /= 2;
    }
    columns
}
