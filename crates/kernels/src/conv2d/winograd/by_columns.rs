//! Few tiles, a large filter: transform all tiles; tasks are columns of the filter.
//!
//! ```text
//!     for each few tiles                              d^ = B^T d B                       (parallel)
//!     for each few columns                                                               (parallel)
//!         for each block of k                         g^ = G g G^T
//!             for each point, panel of n              m += d^ g^
//!         Y = A^T m A
//! ```
//!
//! Each element of the filter is transformed and used by one task only, and its 25 points never
//! leave the cache.

use super::filter::{self, FilterOut, Side};
use super::points::{OperandOut, Points, Transformed};
use super::tiling::Tiling;
use super::transform::{Form, N};
use super::{Operands, Part, load, store};
use crate::memory::{Buffer, Scratch};
use crate::parallel;
use crate::simd::{Lhs, Rhs, Rows, Shared, Simd};
use crate::tuning::cache::PAD;
use crate::tuning::winograd::by_columns::{COLUMNS, ROWS, TILES};

/// y from x and w, or x_bar from y_bar and w.
pub(super) fn run<S: Simd, F: Form>(s: S, t: &Tiling, side: Side, Operands { from, w, to }: Operands<'_>) {
    let ([k, n], count) = (side.size(t), t.count());
    let operand = Points::operand(count, k);
    let mut hat = Buffer::take(operand.len());
    let shared = Shared::new(hat.as_mut_slice());
    parallel::for_each(count.div_ceil(TILES), |task| {
        let tiles = task * TILES..((task + 1) * TILES).min(count);
        let to = OperandOut { data: shared, layout: operand, tiles: &(0..count) };
        // SAFETY: each task writes the rows of its own tiles.
        unsafe { load::<S, F>(s, t, side, from, tiles, to) };
    });
    let hat = hat.as_slice();

    let to = Shared::new(to);
    let width = COLUMNS.max(S::PANEL);
    let widest = width.min(n).next_multiple_of(S::PANEL);
    let scratch =
        Scratch::reserve([N * N * (ROWS * widest + PAD), Points::product(count, widest, S::PANEL).len()]);
    parallel::for_each(n.div_ceil(width), |task| {
        let columns = task * width..((task + 1) * width).min(n);
        let wide = columns.len().next_multiple_of(S::PANEL);
        let product = Points::product(count, wide, S::PANEL);
        let point_stride = ROWS * wide + PAD;
        let [mut filter, mut m] = scratch.take();
        for start in (0..k).step_by(ROWS) {
            let rows = start..(start + ROWS).min(k);
            let own = FilterOut { data: Shared::new(filter.as_mut_slice()), at: 0, point_stride };
            s.vectorize(
                #[inline(always)]
                || {
                    let columns = columns.start..columns.start + wide;
                    // SAFETY: `filter` is this task's own.
                    unsafe { filter::transform::<S, F>(s, t, (w, side), rows.clone(), columns, own) };
                },
            );
            let (filter, sums) = (filter.as_slice(), m.as_mut_slice());
            for point in 0..N * N {
                let with = t.rows_with(point, &(0..count));
                let a = &hat[point * operand.point_stride + operand.at(with.start, start)..];
                for column in (0..wide).step_by(S::PANEL) {
                    let a = Lhs::new(a, operand.row_stride, 1);
                    let b = &filter[point * point_stride + column * rows.len()..];
                    let b = Rhs::new(b, S::PANEL);
                    let to = Rows {
                        at: point * product.point_stride + with.start * product.row_stride + column,
                        row_stride: product.row_stride,
                        accumulate: start > 0,
                    };
                    let cols = S::PANEL.min(columns.len() - column);
                    s.panel_into([with.len(), rows.len(), cols], a, b, sums, to);
                }
            }
        }
        let m = Transformed { data: m.as_slice(), layout: product };
        let part = Part { tiles: 0..count, own: 0..count, columns };
        // SAFETY: each task writes its own columns.
        unsafe { store::<S, F>(s, t, side, m, &part, to) };
    });
}
