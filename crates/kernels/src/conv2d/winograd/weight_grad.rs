//! The weight gradient. Its matrix products sum over the tiles.
//!
//! ```text
//!     for each round of tiles
//!         for each group of tiles                     d^ = B^T d B,  y^ = A y A^T        (parallel)
//!         for each block of the filter                                                   (parallel)
//!             for each point                                         (parallel if there are few blocks)
//!                 for each panel of n                 m += (d^)^T y^
//!     w_bar = G^T m G                                 in the last round, or after it
//! ```
//!
//! No operand is copied to another layout: the micro-kernel reads d^ by columns. Each element of
//! the filter is summed by one task, in the order of the tiles, so there are no partial sums to
//! add.
//!
//! In a round, threads read tiles that other threads have transformed. This is avoided if the sums
//! of a whole filter are small and there are many tiles. Tasks are then shares of the tiles, and
//! each task computes all stages of its share in its own cache:
//!
//! ```text
//!     for each share of the tiles                                                        (parallel)
//!         for each group of tiles
//!             d^ = B^T d B,  y^ = A y A^T
//!             for each point, panel of n                  m += (d^)^T y^
//!         w_bar of the share = G^T m G
//!     w_bar = the sum over shares, in their order
//! ```

use super::points::{Operand, OperandOut, Points, Transformed};
use super::tiling::Tiling;
use super::transform::{Form, N};
use super::{data, filter};
use crate::memory::{Buffer, Scratch};
use crate::parallel;
use crate::simd::{Block, Columns, Lhs, Pieces, Rhs, Shared, Simd};
use crate::tuning::winograd::weight_grad::{
    BLOCKS, COLUMNS, MAX_SHARES, MIN_COLUMNS, MIN_SHARES, ROUND, ROWS, ROWS_TO_FINISH, SHARE_TILES,
    SMALL_FILTER, TILES,
};
use std::ops::Range;

/// Computes w_bar from x and y_bar.
pub(super) fn run<S: Simd, F: Form>(s: S, t: &Tiling, x: &[f32], y_bar: &[f32], w_bar: &mut [f32]) {
    let shares = t.count() / SHARE_TILES;
    if t.filter_rows() * t.channels[1] <= SMALL_FILTER && shares >= MIN_SHARES {
        by_shares::<S, F>(s, t, x, y_bar, w_bar, whole_images(t, t.count().div_ceil(shares.min(MAX_SHARES))));
    } else {
        by_rounds::<S, F>(s, t, x, y_bar, w_bar);
    }
}

/// Divides the tiles into shares of `share` tiles. Computes w_bar of each share, and adds them up.
fn by_shares<S: Simd, F: Form>(s: S, t: &Tiling, x: &[f32], y_bar: &[f32], w_bar: &mut [f32], share: usize) {
    let (k, n, count) = (t.filter_rows(), t.channels[1], t.count());
    let few = whole_images(t, SHARE_TILES);
    let (x_layout, y_layout) = (Points::operand(few, k), Points::operand(few, n));
    let product = Points::product(k, n, S::PANEL);
    let mut parts = Buffer::take(count.div_ceil(share) * w_bar.len());
    let scratch = Scratch::reserve([x_layout.len(), y_layout.len(), product.len()]);
    parallel::for_each_chunk(parts.as_mut_slice(), w_bar.len(), |i, part| {
        let [x_hat, y_hat, mut m] = scratch.take();
        let mut operands =
            [Operand { data: x_hat, layout: x_layout }, Operand { data: y_hat, layout: y_layout }];
        let end = ((i + 1) * share).min(count);
        for start in (i * share..end).step_by(few) {
            let tiles = start..(start + few).min(end);
            // SAFETY: only this task accesses the operands.
            unsafe {
                load::<S, F>(s, t, [x, y_bar], tiles.clone(), operands.each_mut().map(|o| o.out(&tiles)))
            };
            for (point, m) in m.as_mut_slice().chunks_mut(product.point_stride).take(N * N).enumerate() {
                for rows in x_layout.blocks() {
                    for columns in y_layout.blocks() {
                        let with = t.rows_with(point, &tiles);
                        let to = &mut m[product.at(rows.start, columns.start)..];
                        let to = (to, product.row_stride, start > i * share);
                        multiply(s, &operands, point, with, [rows.clone(), columns], to);
                    }
                }
            }
        }
        let m = Transformed { data: m.as_slice(), layout: product };
        // SAFETY: only this task accesses `part`.
        unsafe { finish::<S, F>(s, t, m, [0..k, 0..n], Shared::new(part)) };
    });
    parallel::sum_in_order(parts.as_slice(), w_bar);
}

/// Computes w_bar in rounds. A round adds the products of some of the tiles to the sums of all
/// blocks of the filter.
fn by_rounds<S: Simd, F: Form>(s: S, t: &Tiling, x: &[f32], y_bar: &[f32], w_bar: &mut [f32]) {
    let (k, n, count) = (t.filter_rows(), t.channels[1], t.count());
    let round = count.min(whole_images(t, ROUND));
    let mut operands = [k, n].map(|cols| Operand::take(round, cols));
    let blocks = blocks_of(k, n);
    let product = Points::product(ROWS, blocks.part[3], S::PANEL);
    let w_bar = Shared::new(w_bar);
    let finish = |m: &[f32], block: [Range<usize>; 2]| {
        let m = Transformed { data: m, layout: product };
        // SAFETY: each task finishes its own rows and columns.
        unsafe { finish::<S, F>(s, t, m, block, w_bar) }
    };
    // If there are few blocks, their sums are small enough to be kept, and a task can be a part of
    // a block.
    let by_points = blocks.count() < BLOCKS;
    let whole = !by_points && count == round;
    let mut kept = (!whole).then(|| Buffer::take(blocks.count() * product.len()));
    for start in (0..count).step_by(round) {
        let tiles = start..(start + round).min(count);
        let all = operands.each_mut().map(|operand| operand.out(&tiles));
        parallel::for_each(tiles.len().div_ceil(TILES), |task| {
            let first = start + task * TILES;
            let own = first..(first + TILES).min(tiles.end);
            // SAFETY: each task writes the rows of its own tiles.
            unsafe { load::<S, F>(s, t, [x, y_bar], own, all) };
        });
        let multiply = |i: usize, point: usize, m: &mut [f32]| {
            let to = (m, product.row_stride, start > 0);
            multiply(s, &operands, point, t.rows_with(point, &tiles), block(&blocks, i), to);
        };
        let whole_block = |i: usize, m: &mut [f32]| {
            m.chunks_mut(product.point_stride).take(N * N).enumerate().for_each(|(p, m)| multiply(i, p, m));
            if tiles.end == count {
                finish(m, block(&blocks, i));
            }
        };
        match &mut kept {
            Some(kept) if by_points => {
                let kept = Shared::new(kept.as_mut_slice());
                parallel::for_each(blocks.count() * N * N, |task| {
                    let (i, point) = (task / (N * N), task % (N * N));
                    let at = i * product.len() + point * product.point_stride;
                    // SAFETY: each task writes one point of one block.
                    multiply(i, point, unsafe { kept.slice(at, product.point_stride) });
                });
            }
            Some(kept) => parallel::for_each_chunk(kept.as_mut_slice(), product.len(), whole_block),
            None => {
                let scratch = Scratch::reserve([product.len()]);
                parallel::for_each(blocks.count(), |i| {
                    let [mut m] = scratch.take();
                    whole_block(i, m.as_mut_slice());
                });
            }
        }
    }
    if let Some(kept) = kept.filter(|_| by_points) {
        let tasks_of_block = ROWS / ROWS_TO_FINISH;
        parallel::for_each(blocks.count() * tasks_of_block, |task| {
            let (i, skip) = (task / tasks_of_block, task % tasks_of_block * ROWS_TO_FINISH);
            let [rows, columns] = block(&blocks, i);
            let rows = rows.start + skip..rows.end.min(rows.start + skip + ROWS_TO_FINISH);
            let m = &kept.as_slice()[i * product.len() + product.at(skip, 0)..];
            finish(m, [rows, columns]);
        });
    }
}

/// Divides the filter into blocks of [`ROWS`] rows and [`COLUMNS`] columns. Blocks have fewer
/// columns if there would otherwise be too few blocks for several threads.
fn blocks_of(k: usize, n: usize) -> Pieces {
    let mut columns = COLUMNS;
    while columns > MIN_COLUMNS && k.div_ceil(ROWS) * n.div_ceil(columns) < BLOCKS {
        columns /= 2;
    }
    Pieces::new([1, 1, k, n], [1, 1, ROWS, columns])
}

/// Returns the rows and columns of block `i`.
fn block(blocks: &Pieces, i: usize) -> [Range<usize>; 2] {
    let [_, _, rows, columns] = blocks.get(i);
    [rows, columns]
}

/// Computes (d^)^T y^ at one point, for a block of the filter. The sum is over the rows `with` of
/// both operands, which are tiles. The result is added to `m` if `accumulate`, and overwrites `m`
/// otherwise. Neighbouring rows of `m` are `row_stride` numbers apart.
fn multiply<S: Simd>(
    s: S,
    [x_hat, y_hat]: &[Operand; 2],
    point: usize,
    with: Range<usize>,
    [rows, columns]: [Range<usize>; 2],
    (m, row_stride, accumulate): (&mut [f32], usize, bool),
) {
    let a = Lhs::new(x_hat.from(point, with.start, rows.start), 1, x_hat.layout.row_stride);
    let b = Rhs::new(y_hat.from(point, with.start, columns.start), y_hat.layout.row_stride);
    let b = Columns::in_place::<S>(b);
    s.product_into(with.len(), a, b, Block::new(m, [rows.len(), columns.len()], row_stride), accumulate);
}

/// Transforms the tiles `tiles` of x and y_bar, and writes them to their rows of d^ (`x_hat`) and
/// y^ (`y_hat`).
///
/// # Safety
/// No other task may access these rows meanwhile.
unsafe fn load<S: Simd, F: Form>(
    s: S,
    t: &Tiling,
    [x, y_bar]: [&[f32]; 2],
    tiles: Range<usize>,
    [x_hat, y_hat]: [OperandOut<'_>; 2],
) {
    s.vectorize(
        #[inline(always)]
        // SAFETY: the caller's promise is passed on.
        || unsafe {
            data::load::<S, F, true>(s, t, x, tiles.clone(), x_hat);
            data::load::<S, F, false>(s, t, y_bar, tiles, y_hat);
        },
    );
}

/// Computes the block `rows` x `columns` of w_bar from its sums `m`.
///
/// # Safety
/// No other task may access these elements of `w_bar` meanwhile.
unsafe fn finish<S: Simd, F: Form>(
    s: S,
    t: &Tiling,
    m: Transformed<'_>,
    [rows, columns]: [Range<usize>; 2],
    w_bar: Shared<'_>,
) {
    s.vectorize(
        #[inline(always)]
        // SAFETY: the caller's promise is passed on.
        || unsafe { filter::adjoint::<S, F>(s, t, m, rows, columns, w_bar) },
    );
}

/// Returns the number of tiles `tiles`. If some tiles of the layer are short, it is rounded up to
/// whole images.
fn whole_images(t: &Tiling, tiles: usize) -> usize {
    if t.all_full() { tiles } else { tiles.div_ceil(t.per_image()) * t.per_image() }
}
