//! The division of a product into tasks for many tiles and a filter that fits in the cache. First
//! the filter is transformed. Then each task computes some of the tiles.
//!
//! ```text
//!     for each panel of the filter                    g^ = G g G^T                       (parallel)
//!     for each task                                                                      (parallel)
//!         for each group of tiles                     d^ = B^T d B
//!             for each point, block of k, panel of n  m += d^ g^
//!             Y = A^T m A
//! ```
//!
//! Only a few tiles are computed at once, so d^ and m stay in the cache from one step to the next.
//! For y, a task has a few tiles. In x_bar, tiles overlap, and their contributions to a pixel are
//! added in the order of the tiles. So a task has whole images. If there are few images, it has a
//! band: some rows and columns of the tiles of an image. The tiles just above a band and to its
//! left contribute to its pixels, so the task computes these tiles too.

use super::filter::{self, FilterOut, Side};
use super::points::{Operand, Points, Transformed};
use super::tiling::Tiling;
use super::transform::{Form, N};
use super::{Operands, Part, load, store};
use crate::memory::{Buffer, Scratch};
use crate::parallel;
use crate::simd::{Block, Columns, Lhs, Pieces, Shared, Simd};
use crate::tuning::cache::PAD;
use crate::tuning::gemm::Blocks;
use crate::tuning::winograd::by_tiles::{MIN_BAND, SMALL_IMAGE, TASKS, TILES};
use std::ops::Range;

/// Computes y from x and w, or x_bar from y_bar and w.
pub(super) fn run<S: Simd, F: Form>(s: S, t: &Tiling, side: Side, Operands { from, w, to }: Operands<'_>) {
    let [k, n] = side.size(t);
    let layout = Points::operand(1, k);
    let wide = n.next_multiple_of(S::PANEL);
    let point_stride = k * wide + PAD;
    let mut filter = Buffer::take(N * N * point_stride);
    let shared = Shared::new(filter.as_mut_slice());
    let panels = wide / S::PANEL;
    let blocks: Vec<_> = layout.blocks().collect();
    parallel::for_each(blocks.len() * panels, |task| {
        let (rows, column) = (blocks[task / panels].clone(), task % panels * S::PANEL);
        let at = rows.start * wide + column * rows.len();
        let to = FilterOut { data: shared, at, point_stride };
        s.vectorize(
            #[inline(always)]
            // SAFETY: each task writes the panel of one block of rows.
            || unsafe { filter::transform::<S, F>(s, t, (w, side), rows, column, to) },
        );
    });
    let filter = filter.as_slice();
    let prefetch = filter.len() >= Blocks::active().prefetched_filter;

    let to = Shared::new(to);
    let tasks = Tasks::of(t, side);
    let scratch = Scratch::reserve([
        Points::operand(tasks.few, k).len(),
        Points::product(tasks.few, n, S::PANEL).len(),
    ]);
    let few_tiles = |t: &Tiling, tiles: Range<usize>| {
        let product = Points::product(tiles.len(), n, S::PANEL);
        let [hat, mut m] = scratch.take();
        let mut hat = Operand { data: hat, layout: Points::operand(tiles.len(), k) };
        // SAFETY: only this task accesses `hat`.
        unsafe { load::<S, F>(s, t, side, from, tiles.clone(), hat.out(&tiles)) };
        for point in 0..N * N {
            let with = t.rows_with(point, &tiles);
            for rows in &blocks {
                let a = Lhs::new(hat.from(point, with.start, rows.start), hat.layout.row_stride, 1);
                let b = &filter[point * point_stride + rows.start * wide..];
                let b = Columns::packed::<S>(b, prefetch);
                let to = &mut m.as_mut_slice()[point * product.point_stride + product.at(with.start, 0)..];
                let to = Block::new(to, [with.len(), n], product.row_stride);
                s.product_into(rows.len(), a, b, to, rows.start > 0);
            }
        }
        let m = Transformed { data: m.as_slice(), layout: product };
        let part = Part { tiles, columns: 0..n };
        // SAFETY: each task writes its own tiles of y, or its own images or bands of x_bar.
        unsafe { store::<S, F>(s, t, side, m, &part, to) };
    };
    parallel::for_each(tasks.count(), |task| {
        let (t, tiles) = tasks.get(t, task);
        tiles.clone().step_by(tasks.few).for_each(|at| few_tiles(&t, at..(at + tasks.few).min(tiles.end)));
    });
}

/// The division of tiles into tasks, from the shape alone.
pub(super) struct Tasks {
    /// The number of tiles of a task that are computed at once.
    few: usize,
    tiles: Pieces,
    /// Whether the tiles of a task are some rows and columns of tiles of an image. Otherwise they
    /// are consecutive tiles of the batch.
    bands: bool,
}

impl Tasks {
    pub(super) fn of(t: &Tiling, side: Side) -> Tasks {
        let few = TILES.min((t.count() / TASKS).next_multiple_of(8)).max(8);
        let images = few / t.per_image();
        let in_order = |own: usize| Pieces::new([1, 1, t.count(), 1], [1, 1, own, 1]);
        if images > 0 || !t.all_full() {
            let own = images.max(1) * t.per_image();
            return Tasks { few: own.min(t.count()), tiles: in_order(own), bands: false };
        }
        if side == Side::Forward {
            return Tasks { few, tiles: in_order(few), bands: false };
        }
        let (batch, [rows, columns]) = (t.g.batch, t.tiles);
        let bands =
            |tiles: usize, others: usize| tiles.div_ceil(TASKS.div_ceil(others).min(tiles / MIN_BAND).max(1));
        let height = bands(rows, batch);
        let width = bands(columns, batch * rows.div_ceil(height));
        let all = (height + 1).min(rows) * (width + 1).min(columns);
        let few = if t.per_image() <= SMALL_IMAGE { all } else { few };
        Tasks { few, tiles: Pieces::new([batch, rows, columns, 1], [1, height, width, 1]), bands: true }
    }

    pub(super) fn count(&self) -> usize {
        self.tiles.count()
    }

    /// Returns the tiles of a task, and the tiling that counts them.
    fn get(&self, t: &Tiling, task: usize) -> (Tiling, Range<usize>) {
        let [images, rows, columns, _] = self.tiles.get(task);
        if !self.bands {
            return (*t, columns);
        }
        let band = t.band(images.start, &rows, &columns);
        (band, 0..band.per_image())
    }
}
