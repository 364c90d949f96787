//! The division of a product into tasks for few tiles and a large filter. First all tiles are
//! transformed. Then each task computes some columns of the filter and of the product.
//!
//! ```text
//!     for each group of tiles                         d^ = B^T d B                       (parallel)
//!     for each group of columns                                                          (parallel)
//!         for each block of k                         g^ = G g G^T
//!             for each point, panel of n              m += d^ g^
//!         Y = A^T m A
//! ```
//!
//! Each element of the filter is transformed and used by one task only, and its 25 points never
//! leave the cache. If there are few groups of columns, the groups are computed one after another.
//! Each group is then divided into tasks twice: into parts of the filter for the transform, and
//! into points for the product.

use super::filter::{self, FilterOut, Side};
use super::points::{Operand, Points, Transformed};
use super::tiling::Tiling;
use super::transform::{Form, N};
use super::{Operands, Part, load, store};
use crate::memory::Scratch;
use crate::parallel;
use crate::simd::{Block, Columns, Lhs, Shared, Simd};
use crate::tuning::cache::PAD;
use crate::tuning::winograd::MIN_TASKS;
use crate::tuning::winograd::by_columns::{COLUMNS, ROWS_OF_PART, TILES};

/// Computes y from x and w, or x_bar from y_bar and w. `block` is the number of rows of the filter
/// that are transformed at once.
pub(super) fn run<S: Simd, F: Form>(
    s: S,
    t: &Tiling,
    side: Side,
    Operands { from, w, to }: Operands<'_>,
    block: usize,
) {
    let ([k, n], count) = (side.size(t), t.count());
    let hat = load_all::<S, F>(s, t, side, from, k);

    let to = Shared::new(to);
    let width = COLUMNS.max(S::PANEL);
    let (tasks, widest) = (n.div_ceil(width), width.min(n).next_multiple_of(S::PANEL));
    let scratch =
        Scratch::reserve([N * N * (block * widest + PAD), Points::product(count, widest, S::PANEL).len()]);
    // If there are few groups of columns, they are computed one after another. Tasks are then parts
    // of the filter for the transform, and points for the product.
    let few = tasks < MIN_TASKS;
    let each = |parallel: bool, tasks: usize, f: &(dyn Fn(usize) + Sync)| match parallel {
        true => parallel::for_each(tasks, f),
        false => (0..tasks).for_each(f),
    };
    each(!few, tasks, &|task| {
        let columns = task * width..((task + 1) * width).min(n);
        let wide = columns.len().next_multiple_of(S::PANEL);
        let product = Points::product(count, wide, S::PANEL);
        let point_stride = block * wide + PAD;
        let [mut filter, mut m] = scratch.take();
        for start in (0..k).step_by(block) {
            let rows = start..(start + block).min(k);
            let own = Shared::new(filter.as_mut_slice());
            let height = if few { ROWS_OF_PART } else { block };
            let parts = rows.len().div_ceil(height);
            each(few, parts * wide / S::PANEL, &|i| {
                let (first, column) = (start + i % parts * height, i / parts * S::PANEL);
                let at = column * rows.len() + (first - start) * S::PANEL;
                let (rows, column) = (first..(first + height).min(rows.end), columns.start + column);
                let to = FilterOut { data: own, at, point_stride };
                s.vectorize(
                    #[inline(always)]
                    // SAFETY: only this task accesses `filter`, and each part has its own rows and
                    // columns.
                    || unsafe { filter::transform::<S, F>(s, t, (w, side), rows, column, to) },
                );
            });
            let (filter, sums) = (filter.as_slice(), Shared::new(m.as_mut_slice()));
            each(few, N * N, &|point| {
                // SAFETY: only this task accesses `m`, and each point has its own sums.
                let sums = unsafe { sums.slice(point * product.point_stride, product.point_stride) };
                let with = t.rows_with(point, &(0..count));
                let a = Lhs::new(hat.from(point, with.start, start), hat.layout.row_stride, 1);
                let b = Columns::packed::<S>(&filter[point * point_stride..], false);
                let to = &mut sums[product.at(with.start, 0)..];
                let to = Block::new(to, [with.len(), columns.len()], product.row_stride);
                s.product_into(rows.len(), a, b, to, start > 0);
            });
        }
        let m = Transformed { data: m.as_slice(), layout: product };
        // SAFETY: each task writes its own columns.
        unsafe { store::<S, F>(s, t, side, m, &Part { tiles: 0..count, columns }, to) };
    });
}

/// Returns d^, the transforms of all tiles. It has `k` columns.
fn load_all<S: Simd, F: Form>(s: S, t: &Tiling, side: Side, from: &[f32], k: usize) -> Operand {
    let (count, mut hat) = (t.count(), Operand::take(t.count(), k));
    let all = 0..count;
    let to = hat.out(&all);
    parallel::for_each(count.div_ceil(TILES), |task| {
        let tiles = task * TILES..((task + 1) * TILES).min(count);
        // SAFETY: each task writes the rows of its own tiles.
        unsafe { load::<S, F>(s, t, side, from, tiles, to) };
    });
    hat
}
