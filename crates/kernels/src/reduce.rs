//! Sums.
//!
//! A sum is divided into pieces of a fixed size. A piece is added up in a fixed number of lanes.
//! Each lane is a running sum of at most 64 numbers. The pieces are added in order, in `f64`. So
//! the result does not depend on the number of threads, and the error does not grow with the
//! length.

mod lanes;

use crate::Element;
use crate::memory::Buffer;
use crate::parallel::for_each_chunk;
use crate::simd::level;
use crate::size;
use crate::tuning::tasks::CHUNK;
pub(crate) use lanes::squares_of_chunk;
pub use lanes::sum_of_squares;
use lanes::{LANES, sum_block};

/// The largest number of terms of a running sum in the type of its terms. Longer sums are in `f64`.
const TERMS: usize = 64;

/// The largest number of columns of a piece that has more than [`TERMS`] rows.
const WIDEST: usize = CHUNK / TERMS;

/// Sums `x` over every axis where `y_dims` has size 1, and writes the sums to `y`. Shapes with
/// fewer than four axes have ones in front.
///
/// # Panics
/// If another axis of `x_dims` and `y_dims` differs, or the length of a slice differs from its
/// shape.
#[track_caller]
#[inline(never)]
pub fn sum_to<E: Element>((x, x_dims): (&[E], [usize; 4]), (y, y_dims): (&mut [E], [usize; 4])) {
    let fits = x_dims.iter().zip(&y_dims).all(|(&x, &y)| x == y || y == 1);
    let has = |len: usize, dims: [usize; 4]| size::checked_len(&dims) == Some(len);
    let sized = has(x.len(), x_dims) && has(y.len(), y_dims);
    assert!(
        fits && sized,
        "sum_to: {} elements of shape {x_dims:?} do not fit shape {y_dims:?} with {} elements",
        x.len(),
        y.len()
    );
    let mut dims = x_dims;
    let mut current: Option<Buffer<E>> = None;
    // Sums one run of neighbouring axes after another. The last sum is written to y.
    while let Some(run) = first_run(dims, y_dims) {
        let shape = [
            dims[..run.start].iter().product(),
            dims[run.clone()].iter().product(),
            dims[run.end..].iter().product::<usize>(),
        ];
        dims[run].fill(1);
        let from = current.as_ref().map_or(x, Buffer::as_slice);
        if first_run(dims, y_dims).is_none() {
            return sum_axis(from, shape, y);
        }
        let mut next = Buffer::take(shape[0] * shape[2]);
        sum_axis(from, shape, next.as_mut_slice());
        current = Some(next);
    }
    y.copy_from_slice(x);
}

/// Returns the first range of consecutive axes over which an array of shape `dims` must be summed
/// to get shape `to`. (An axis of size 1 in both shapes may belong to the range or not.)
fn first_run(dims: [usize; 4], to: [usize; 4]) -> Option<std::ops::Range<usize>> {
    let start = (0..4).find(|&a| dims[a] != to[a])?;
    let end = (start..4).find(|&a| to[a] != 1).unwrap_or(4);
    Some(start..end)
}

/// y\[o, i\] = sum over n of x\[o, n, i\], for x of shape `[outer, n, inner]`.
fn sum_axis<E: Element>(x: &[E], [outer, n, inner]: [usize; 3], y: &mut [E]) {
    if n == 0 || inner == 0 {
        return y.fill(E::ZERO);
    }
    // The number of rows, of `inner` numbers each, in a piece. It is at least 32 if x has
    // that many rows, so that the partial sums are much shorter than x.
    let rows = if inner == 1 { CHUNK } else { (CHUNK / inner).max(32) }.min(n);
    let pieces = n.div_ceil(rows);
    let level = level();
    let sum_piece = |piece: usize, out: &mut [E]| {
        let (o, p) = (piece / pieces, piece % pieces);
        let end = ((p + 1) * rows).min(n);
        let x = &x[(o * n + p * rows) * inner..(o * n + end) * inner];
        if inner > CHUNK {
            return for_each_chunk(out, CHUNK, |t, out| {
                level.vectorize(
                    #[inline(always)]
                    || sum_rows((&x[t * CHUNK..], inner), [], out, |x, []| x),
                );
            });
        }
        level.vectorize(
            #[inline(always)]
            || match inner {
                // The sums of blocks, which have `TERMS` numbers per lane, are added up in `f64`.
                1 => out[0] = E::of(x.chunks(TERMS * LANES).map(|block| sum_block(block).f64()).sum()),
                _ => in_blocks(
                    [x],
                    [],
                    [out],
                    #[inline(always)]
                    |[x], [], [out]| sum_rows((x, out.len()), [], out, |x, []| x),
                ),
            },
        );
    };
    // If pieces are small, a task has several of them.
    let batch = (CHUNK / (rows * inner)).max(1);
    let run = |out: &mut [E]| {
        for_each_chunk(out, batch * inner, |t, out| {
            for (k, out) in out.chunks_exact_mut(inner).enumerate() {
                sum_piece(t * batch + k, out);
            }
        });
    };
    if pieces == 1 {
        return run(y);
    }
    let mut partial = Buffer::take(outer * pieces * inner);
    run(partial.as_mut_slice());
    let partial = partial.as_slice();
    let sums = (CHUNK / pieces).max(1);
    for_each_chunk(y, sums, |t, y| {
        for (at, y) in (t * sums..).zip(y) {
            let (o, i) = (at / inner, at % inner);
            let piece = |p: usize| partial[(o * pieces + p) * inner + i].f64();
            *y = E::of((0..pieces).map(piece).sum());
        }
    });
}

/// Computes N sums of each column over the rows of a piece. `add` gets a block of rows of the M
/// inputs, and K numbers for each column. It writes the N sums of each column over the block. This
/// function adds up the sums of all blocks in `f64`. If rows have few columns, several rows are
/// joined into one long row.
#[inline(always)]
pub(crate) fn in_blocks<E: Element, const M: usize, const K: usize, const N: usize>(
    inputs: [&[E]; M],
    of_column: [&[E]; K],
    mut out: [&mut [E]; N],
    add: impl Fn([&[E]; M], [&[E]; K], [&mut [E]; N]),
) {
    let (len, columns) = (inputs[0].len(), out[0].len());
    if len <= TERMS * columns {
        return add(inputs, of_column, out);
    }
    let wide = columns * (LANES / columns).max(1);
    let of_column = of_column.map(|of| Row::repeated(of, wide));
    let (mut sums, mut totals) = ([Row([E::ZERO; WIDEST]); N], [Row([0.0; WIDEST]); N]);
    let mut start = 0;
    while start < len {
        // The last rows do not fill a wide row and are added one by one.
        let width = if len - start < wide { columns } else { wide };
        let block = start..start + (len - start).min(TERMS * width) / width * width;
        start = block.end;
        let (inputs, of_column) =
            (inputs.map(|x| &x[block.clone()]), of_column.each_ref().map(|of| &of.0[..width]));
        add(inputs, of_column, sums.each_mut().map(|sums| &mut sums.0[..width]));
        for (totals, sums) in totals.iter_mut().zip(&sums) {
            totals.0[..width].iter_mut().zip(&sums.0).for_each(|(total, sum)| *total += sum.f64());
        }
    }
    for (out, totals) in out.iter_mut().zip(&totals) {
        for (j, out) in out.iter_mut().enumerate() {
            *out = E::of(totals.0[j..wide].iter().step_by(columns).sum());
        }
    }
}

/// A row of up to [`WIDEST`] columns. It starts at a cache line, so no vector crosses one.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Row<T>([T; WIDEST]);

impl<E: Element> Row<E> {
    /// Returns a row of `width` numbers that repeats the numbers `of`, which are one per column.
    #[inline(always)]
    fn repeated(of: &[E], width: usize) -> Self {
        let mut row = Row([E::ZERO; WIDEST]);
        row.0[..width].chunks_exact_mut(of.len()).for_each(|copy| copy.copy_from_slice(of));
        row
    }
}

/// sum\[j\] = the sum over all rows of term(x\[row, j\], the K numbers of column j), in the order
/// of the rows. A row starts `stride` numbers after the row before.
#[inline(always)]
pub(crate) fn sum_rows<E: Element, const K: usize>(
    (mut rows, stride): (&[E], usize),
    of_column: [&[E]; K],
    sum: &mut [E],
    term: impl Fn(E, [E; K]) -> E,
) {
    let columns = sum.len();
    let of_column = of_column.map(|of| &of[..columns]);
    sum.fill(E::ZERO);
    // The sums are read and written once per four rows. The rows are still added one after another.
    while rows.len() >= 3 * stride + columns {
        let [a, b, c, d] = [0, 1, 2, 3].map(|q| &rows[q * stride..][..columns]);
        for j in 0..columns {
            let of = of_column.map(|of| of[j]);
            sum[j] = sum[j] + term(a[j], of) + term(b[j], of) + term(c[j], of) + term(d[j], of);
        }
        rows = rows.get(4 * stride..).unwrap_or_default();
    }
    for row in rows.chunks(stride) {
        for j in 0..columns {
            sum[j] += term(row[j], of_column.map(|of| of[j]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference;
    use crate::reference::testing::{Dice, assert_same_bits, integers, wave};

    #[test]
    fn sum_to_equals_the_definition() {
        let mut dice = Dice(2);
        for _ in 0..500 {
            let x_dims: [usize; 4] = std::array::from_fn(|_| dice.roll(1, 6));
            let y_dims = x_dims.map(|d| if dice.roll(0, 2) == 0 { d } else { 1 });
            let x = integers(x_dims.iter().product(), 7);
            let mut got = vec![f64::NAN; y_dims.iter().product()];
            sum_to((&x, x_dims), (&mut got, y_dims));
            assert_eq!(got, reference::sum_to(&x, x_dims, y_dims), "{x_dims:?} to {y_dims:?}");
        }
    }

    #[test]
    fn long_sums_are_exact_on_integers_and_close_otherwise() {
        for dims in [[1, 1, 1, 100_003], [1, 1, 50_001, 3], [3, 1, 40_000, 1], [1, 70, 1, 20_000]] {
            let x = integers(dims.iter().product(), 8);
            for keep in [[false; 4], [true, false, false, true]] {
                let y_dims = std::array::from_fn(|a| if keep[a] { dims[a] } else { 1 });
                let mut got = vec![f64::NAN; y_dims.iter().product()];
                sum_to((&x, dims), (&mut got, y_dims));
                assert_eq!(got, reference::sum_to(&x, dims, y_dims), "{dims:?} to {y_dims:?}");
            }
        }
        let x: Vec<f32> = (0..3_000_000).map(|i| 1.0 + (i % 7) as f32 * 0.1).collect();
        let mut got = [0.0];
        sum_to((&x, [1, 1, 1, x.len()]), (&mut got, [1; 4]));
        let exact: f64 = x.iter().map(|&x| f64::from(x)).sum();
        assert!((f64::from(got[0]) / exact - 1.0).abs() < 1e-6, "{} against {exact}", got[0]);
    }

    /// Sums of many rows of 0.1 are accurate. Each step of a running sum in `f32` is rounded. With
    /// equal terms, many of these errors have the same sign and add up.
    #[test]
    fn sums_of_many_rows_keep_their_digits() {
        for columns in [1, 2, 3, 5, 16, 64, 300, 700] {
            let rows = (1 << 20) / columns;
            let x = vec![0.1f32; rows * columns];
            for [outer, rows] in [[1, rows], [4, rows / 4]] {
                let mut y = vec![0.0; outer * columns];
                let dims = [1, outer, rows, columns];
                sum_to((&x[..outer * rows * columns], dims), (&mut y, [1, outer, 1, columns]));
                let exact = rows as f64 * f64::from(0.1f32);
                let worst = y.iter().map(|&y| (f64::from(y) / exact - 1.0).abs()).fold(0.0, f64::max);
                // 64 numbers are added in f32. Each addition has an error below 2^-24 of the sum.
                assert!(worst < 1e-6, "{rows} rows of {columns} columns: off by {worst:e}");
            }
        }
    }

    /// Few long rows are divided into tasks of some columns. The sums of pieces are also added by
    /// several tasks.
    #[test]
    fn few_rows_are_work_for_several_threads() {
        use crate::{isa::Isa, parallel::work::speedup};
        for [rows, columns] in [[3, 8 * CHUNK + 5], [1000, 4096]] {
            let (x, mut y) = (integers(rows * columns, 4), vec![f64::NAN; columns]);
            let (x_dims, y_dims) = ([1, 1, rows, columns], [1, 1, 1, columns]);
            let by = speedup(Isa::Portable, || sum_to((&x, x_dims), (&mut y, y_dims)));
            assert!(by > 4.0, "{rows} x {columns}: {by}");
            assert_eq!(y, reference::sum_to(&x, x_dims, y_dims));
        }
    }

    #[test]
    fn same_bits_for_any_number_of_threads() {
        let x = wave(300_000, 1.0);
        for (x_dims, y_dims) in [([1, 1, 1, 300_000], [1; 4]), ([1, 10, 1_000, 30], [1, 1, 1, 30])] {
            assert_same_bits(&format!("{x_dims:?} to {y_dims:?}"), || {
                let mut y = vec![0.0; y_dims.iter().product()];
                sum_to((&x, x_dims), (&mut y, y_dims));
                y
            });
        }
    }
}
