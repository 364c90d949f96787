//! The weight gradient, in which the inner dimension is the tiles.
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
//! Both operands are read in the layout in which they were written: the micro-kernel reads d^ by
//! columns. One task sums each element of the filter in the order of the tiles, so no partial sums
//! are merged.
//!
//! In a round, threads read the transforms of other threads. If the sums of a whole filter are
//! small and there are many tiles, tasks are shares of the tiles instead. Each task then computes
//! all stages of its share in its own cache:
//!
//! ```text
//!     for each share of the tiles                                                        (parallel)
//!         for each group of tiles
//!             d^ = B^T d B,  y^ = A y A^T
//!             for each point, panel of n                  m += (d^)^T y^
//!         w_bar of the share = G^T m G
//!     w_bar = the sum over shares, in their order
//! ```

use super::data;
use super::filter;
use super::points::{OperandOut, Points, Transformed};
use super::tiling::Tiling;
use super::transform::{Form, N};
use crate::memory::{Buffer, Scratch};
use crate::parallel;
use crate::simd;
use crate::simd::{Lhs, Rhs, Shared, Simd};
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

/// Computes w_bar as the sum over shares of `share` tiles.
fn by_shares<S: Simd, F: Form>(s: S, t: &Tiling, x: &[f32], y_bar: &[f32], w_bar: &mut [f32], share: usize) {
    let (k, n, count) = (t.filter_rows(), t.channels[1], t.count());
    let few = whole_images(t, SHARE_TILES);
    let (x_layout, y_layout) = (Points::operand(few, k), Points::operand(few, n));
    let product = Points::product(k, n, S::PANEL);
    let mut parts = Buffer::take(count.div_ceil(share) * w_bar.len());
    let scratch = Scratch::reserve([x_layout.len(), y_layout.len(), product.len()]);
    parallel::for_each_chunk(parts.as_mut_slice(), w_bar.len(), |i, part| {
        let [x_hat, y_hat, mut m] = scratch.take();
        let mut operands = Operands { data: [x_hat, y_hat], layout: [x_layout, y_layout] };
        let end = ((i + 1) * share).min(count);
        for start in (i * share..end).step_by(few) {
            let tiles = start..(start + few).min(end);
            // SAFETY: only this task accesses the operands.
            unsafe { load::<S, F>(s, t, [x, y_bar], tiles.clone(), operands.out(&tiles)) };
            for (point, m) in m.as_mut_slice().chunks_mut(product.point_stride).take(N * N).enumerate() {
                for rows in x_layout.blocks() {
                    for columns in y_layout.blocks() {
                        let sums = Sums {
                            data: &mut m[product.at(rows.start, columns.start)..],
                            row_stride: product.row_stride,
                            accumulate: start > i * share,
                        };
                        let block = Block { rows: rows.clone(), columns };
                        multiply(s, operands.get(), point, t.rows_with(point, &tiles), block, sums);
                    }
                }
            }
        }
        let (m, all) =
            (Transformed { data: m.as_slice(), layout: product }, Block { rows: 0..k, columns: 0..n });
        // SAFETY: only this task accesses `part`.
        unsafe { finish::<S, F>(s, t, m, all, Shared::new(part)) };
    });
    parallel::sum_in_order(parts.as_slice(), w_bar);
}

/// Computes w_bar block by block of the filter, with the tiles in rounds.
fn by_rounds<S: Simd, F: Form>(s: S, t: &Tiling, x: &[f32], y_bar: &[f32], w_bar: &mut [f32]) {
    let (k, n, count) = (t.filter_rows(), t.channels[1], t.count());
    let round = count.min(whole_images(t, ROUND));
    let layout = [k, n].map(|cols| Points::operand(round, cols));
    let mut operands = Operands { data: layout.map(|layout| Buffer::take(layout.len())), layout };
    let blocks = Blocks::new(k, n);
    let product = Points::product(ROWS, blocks.columns, S::PANEL);
    let w_bar = Shared::new(w_bar);
    let finish = |m: &[f32], block: Block| {
        // SAFETY: each task finishes its own rows and columns.
        unsafe { finish::<S, F>(s, t, Transformed { data: m, layout: product }, block, w_bar) }
    };
    // If there are few blocks, their sums are small enough to be kept, and a task can be a part of
    // a block.
    let by_points = blocks.count() < BLOCKS;
    let whole = !by_points && count == round;
    let mut kept = (!whole).then(|| Buffer::take(blocks.count() * product.len()));
    for start in (0..count).step_by(round) {
        let tiles = start..(start + round).min(count);
        let all = operands.out(&tiles);
        parallel::for_each(tiles.len().div_ceil(TILES), |task| {
            let first = start + task * TILES;
            let own = first..(first + TILES).min(tiles.end);
            // SAFETY: each task writes the rows of its own tiles.
            unsafe { load::<S, F>(s, t, [x, y_bar], own, all) };
        });
        let multiply = |i: usize, point: usize, m: &mut [f32]| {
            let sums = Sums { data: m, row_stride: product.row_stride, accumulate: start > 0 };
            multiply(s, operands.get(), point, t.rows_with(point, &tiles), blocks.get(i), sums);
        };
        let whole_block = |i: usize, m: &mut [f32]| {
            m.chunks_mut(product.point_stride).take(N * N).enumerate().for_each(|(p, m)| multiply(i, p, m));
            if tiles.end == count {
                finish(m, blocks.get(i));
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
            let Block { rows, columns } = blocks.get(i);
            let rows = rows.start + skip..rows.end.min(rows.start + skip + ROWS_TO_FINISH);
            let m = &kept.as_slice()[i * product.len() + product.at(skip, 0)..];
            finish(m, Block { rows, columns });
        });
    }
}

/// d^ and y^ of some tiles.
struct Operands {
    data: [Buffer<f32>; 2],
    layout: [Points; 2],
}

impl Operands {
    /// Returns the operands for writing, with rows for `tiles`.
    fn out<'a>(&'a mut self, tiles: &'a Range<usize>) -> [OperandOut<'a>; 2] {
        let [x_hat, y_hat] = self.data.each_mut().map(|data| Shared::new(data.as_mut_slice()));
        let [x_layout, y_layout] = self.layout;
        [
            OperandOut { data: x_hat, layout: x_layout, tiles },
            OperandOut { data: y_hat, layout: y_layout, tiles },
        ]
    }

    /// Returns the operands for reading.
    fn get(&self) -> [Transformed<'_>; 2] {
        [0, 1].map(|i| Transformed { data: self.data[i].as_slice(), layout: self.layout[i] })
    }
}

/// The blocks of the filter, of [`ROWS`] rows and a number of columns.
struct Blocks {
    /// The number of rows and columns of the filter.
    size: [usize; 2],
    /// The number of columns of a block.
    columns: usize,
}

impl Blocks {
    /// Returns narrower blocks if there would be too few for several threads.
    fn new(k: usize, n: usize) -> Self {
        let mut columns = COLUMNS;
        while columns > MIN_COLUMNS && k.div_ceil(ROWS) * n.div_ceil(columns) < BLOCKS {
            columns /= 2;
        }
        Blocks { size: [k, n], columns }
    }

    fn across(&self) -> usize {
        self.size[1].div_ceil(self.columns)
    }

    fn count(&self) -> usize {
        self.size[0].div_ceil(ROWS) * self.across()
    }

    fn get(&self, i: usize) -> Block {
        let ([k, n], row, column) = (self.size, i / self.across() * ROWS, i % self.across() * self.columns);
        Block { rows: row..(row + ROWS).min(k), columns: column..(column + self.columns).min(n) }
    }
}

/// A block: rows and columns of the filter.
struct Block {
    rows: Range<usize>,
    columns: Range<usize>,
}

/// The sums of a block at one point. They are overwritten or added to.
struct Sums<'a> {
    data: &'a mut [f32],
    row_stride: usize,
    accumulate: bool,
}

/// Computes m (+)= (d^)^T y^ at one point, for a block of the filter. The sum is over rows `with`
/// of the operands.
fn multiply<S: Simd>(
    s: S,
    [x_hat, y_hat]: [Transformed<'_>; 2],
    point: usize,
    with: Range<usize>,
    Block { rows, columns }: Block,
    sums: Sums<'_>,
) {
    let from = |operand: Transformed<'_>, column: usize| {
        point * operand.layout.point_stride + operand.layout.at(with.start, column)
    };
    let a = &x_hat.data[from(x_hat, rows.start)..];
    for column in columns.clone().step_by(S::PANEL) {
        let a = Lhs::new(a, 1, x_hat.layout.row_stride);
        let b = Rhs::new(&y_hat.data[from(y_hat, column)..], y_hat.layout.row_stride);
        let size = [rows.len(), with.len(), S::PANEL.min(columns.end - column)];
        let to = &mut sums.data[column - columns.start..];
        let to = simd::Block::new(to, [size[0], size[2]], sums.row_stride);
        s.panel_into(size, a, b, to, sums.accumulate);
    }
}

/// Transforms `tiles` into d^ and y^, in their rows of `to`.
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
        || {
            // SAFETY: the caller's promise is passed on.
            unsafe {
                data::input(s, t, x, tiles.clone(), x_hat);
                data::output_adjoint::<S, F>(s, t, y_bar, tiles, y_hat);
            }
        },
    );
}

/// Computes w_bar from the sums of a block of the filter.
///
/// # Safety
/// No other task may access these elements of `w_bar` meanwhile.
unsafe fn finish<S: Simd, F: Form>(
    s: S,
    t: &Tiling,
    m: Transformed<'_>,
    Block { rows, columns }: Block,
    w_bar: Shared<'_>,
) {
    s.vectorize(
        #[inline(always)]
        || {
            // SAFETY: the caller's promise is passed on.
            unsafe { filter::adjoint::<S, F>(s, t, m, rows, columns, w_bar) };
        },
    );
}

/// Returns `tiles`, rounded up to whole images if some tiles are short.
fn whole_images(t: &Tiling, tiles: usize) -> usize {
    if t.all_full() { tiles } else { tiles.div_ceil(t.per_image()) * t.per_image() }
}
