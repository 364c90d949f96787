//! Many tiles, a filter that fits the cache: transform the filter once, then hand out tiles.
//!
//! ```text
//!     for each panel of the filter                    g^ = G g G^T                       (parallel)
//!     for each few tiles                              d^ = B^T d B                       (parallel)
//!         for each point, block of k, panel of n      m += d^ g^
//!         Y = A^T m A
//! ```
//!
//! A task's d^ and m stay in the cache between their passes.

use super::filter::{self, Side};
use super::tiling::{Points, Tiling};
use super::transform::{Form, N};
use super::{Operands, load, store};
use crate::memory::{Buffer, Scratch};
use crate::parallel;
use crate::simd::{Lhs, Rhs, Rows, Shared, Simd};

/// Tiles of a task.
const TILES: usize = 64;
/// Tasks that are enough to share among a few threads.
const TASKS: usize = 8;

/// y from x and w, or x_bar from y_bar and w.
pub(super) fn run<S: Simd, F: Form>(s: S, t: &Tiling, side: Side, Operands { from, w, to }: Operands<'_>) {
    let [k, n] = side.size(t);
    let layout = Points::operand(1, k);
    let wide = n.next_multiple_of(S::PANEL);
    let point_stride = k * wide + 16;
    let mut filter = Buffer::take(N * N * point_stride);
    let shared = Shared::new(filter.as_mut_slice());
    let panels = wide / S::PANEL;
    let blocks: Vec<_> = layout.blocks().collect();
    parallel::for_each(blocks.len() * panels, |task| {
        let (rows, column) = (blocks[task / panels].clone(), task % panels * S::PANEL);
        let at = rows.start * wide + column * rows.len();
        s.vectorize(
            #[inline(always)]
            || {
                // SAFETY: each task writes the panel of one block of rows.
                unsafe {
                    let to = (shared, at, point_stride);
                    filter::transform::<S, F>(s, t, (w, side), rows, column..column + S::PANEL, to);
                }
            },
        );
    });
    let filter = filter.as_slice();

    let to = Shared::new(to);
    let tiles = tiles_per_task(t, side);
    let scratch = Scratch::reserve([
        Points::operand(tiles.min(t.count()), k).len(),
        Points::product(tiles.min(t.count()), n, S::PANEL).len(),
    ]);
    parallel::for_each(t.count().div_ceil(tiles), |task| {
        let tiles = task * tiles..((task + 1) * tiles).min(t.count());
        let (operand, product) = (Points::operand(tiles.len(), k), Points::product(tiles.len(), n, S::PANEL));
        let [mut hat, mut m] = scratch.take();
        let all = (Shared::new(hat.as_mut_slice()), operand, &tiles);
        // SAFETY: `hat` is this task's own.
        unsafe { load::<S, F>(s, t, side, from, tiles.clone(), all) };
        let (hat, sums) = (hat.as_slice(), m.as_mut_slice());
        for point in 0..N * N {
            let with = t.rows_with(point, &tiles);
            for rows in &blocks {
                let a = &hat[point * operand.point_stride + operand.at(with.start, rows.start)..];
                let b = &filter[point * point_stride + rows.start * wide..];
                for column in (0..wide).step_by(S::PANEL) {
                    let a = Lhs::new(a, operand.row_stride, 1);
                    let b = Rhs::new(&b[column * rows.len()..], S::PANEL);
                    let to = Rows {
                        at: point * product.point_stride + with.start * product.row_stride + column,
                        row_stride: product.row_stride,
                        accumulate: rows.start > 0,
                    };
                    s.panel_into([with.len(), rows.len(), S::PANEL.min(n - column)], a, b, sums, to);
                }
            }
        }
        // SAFETY: each task writes its own tiles of y, or whole images of x_bar.
        unsafe { store::<S, F>(s, t, side, (m.as_slice(), product), tiles, 0..n, to) };
    });
}

/// Whole images where tiles overlap in the result, because they are added up, and where some are short.
fn tiles_per_task(t: &Tiling, side: Side) -> usize {
    let tiles = TILES.min((t.count() / TASKS).next_multiple_of(8)).max(8);
    match (tiles / t.per_image(), side) {
        (0, Side::Forward) if t.all_full() => tiles,
        (images, _) => images.max(1) * t.per_image(),
    }
}
