//! Kernels that move numbers without changing them: permuting axes, copying a block along an axis,
//! and gathering rows.

use crate::Element;
use crate::memory::Buffer;
use crate::parallel::for_each_chunk;
use crate::size;
use crate::tuning::tasks::CHUNK;

/// y = x with its axes reordered: axis `a` of y is axis `axes[a]` of x. The shape of x is `dims`.
///
/// # Panics
/// If `axes` is not a permutation, or the length of a slice differs from the shape.
#[track_caller]
#[inline(never)]
pub fn permute<E: Element>(x: &[E], dims: [usize; 4], axes: [usize; 4], y: &mut [E]) {
    let mut seen = axes;
    seen.sort_unstable();
    assert!(seen == [0, 1, 2, 3], "permute: {axes:?} is not an order of four axes");
    let len = size::len(&dims);
    assert!(
        x.len() == len && y.len() == len,
        "permute: {} to {} elements of shape {dims:?}",
        x.len(),
        y.len()
    );
    let strides = [dims[1] * dims[2] * dims[3], dims[2] * dims[3], dims[3], 1];
    let ([_, d1, d2, d3], [s0, s1, s2, s3]) = (axes.map(|a| dims[a]), axes.map(|a| strides[a]));
    if len == 0 {
        return;
    }
    // Lines of y along its last axis. A task has several lines, or a part of a long one.
    let lines = (CHUNK / d3).max(1);
    for_each_chunk(y, lines * d3, |t, y| {
        for (l, y) in y.chunks_exact_mut(d3).enumerate() {
            let line = t * lines + l;
            let (i, j, k) = (line / (d1 * d2), line / d2 % d1, line % d2);
            let from = i * s0 + j * s1 + k * s2;
            for_each_chunk(y, CHUNK, |part, y| {
                for (q, y) in (part * CHUNK..).zip(y) {
                    *y = x[from + q * s3];
                }
            });
        }
    });
}

/// The shape of a tensor around one axis: `[outer, axis, inner]`.
#[derive(Clone, Copy, Debug)]
pub struct AxisView {
    /// The product of the sizes before the axis.
    pub outer: usize,
    /// The size of the axis.
    pub axis: usize,
    /// The product of the sizes after the axis.
    pub inner: usize,
}

impl AxisView {
    /// Returns whether the view has `elements` elements, and its axis has positions `start..start +
    /// len`.
    fn has(self, elements: usize, start: usize, len: usize) -> bool {
        size::checked_len(&[self.outer, self.axis, self.inner]) == Some(elements)
            && start.checked_add(len).is_some_and(|end| end <= self.axis)
    }
}

/// Copies positions `x_start..x_start + len` of an axis of `x` to positions `y_start..y_start +
/// len` of this axis of `y`. The other elements of `y` do not change. Narrowing, padding and
/// concatenating tensors use this copy.
///
/// # Panics
/// If a range exceeds its axis, or `outer` or `inner` differ.
#[track_caller]
#[inline(never)]
pub fn copy_block<E: Element>(
    (x, from, x_start): (&[E], AxisView, usize),
    (y, to, y_start): (&mut [E], AxisView, usize),
    len: usize,
) {
    assert!(
        from.outer == to.outer
            && from.inner == to.inner
            && from.has(x.len(), x_start, len)
            && to.has(y.len(), y_start, len),
        "copy_block: {len} positions from {x_start} of {from:?} to {y_start} of {to:?}"
    );
    let (xs, ys) = (from.axis * from.inner, to.axis * to.inner);
    if ys == 0 || len == 0 {
        return;
    }
    let (skip, n) = (y_start * to.inner, len * to.inner);
    let blocks = (CHUNK / ys).max(1);
    for_each_chunk(y, blocks * ys, |t, y| {
        for (k, y) in y.chunks_exact_mut(ys).enumerate() {
            let source = (t * blocks + k) * xs + x_start * from.inner;
            copy(&x[source..source + n], &mut y[skip..skip + n]);
        }
    });
}

/// Copies row `rows[i]` of `x` to row i of `y`. Rows have `columns` numbers.
///
/// # Panics
/// If an index is out of range or `y` has another length.
#[track_caller]
#[inline(never)]
pub fn gather_rows<E: Element>(x: &[E], columns: usize, rows: &[usize], y: &mut [E]) {
    assert_eq!(y.len(), size::len(&[rows.len(), columns]), "gather: output length");
    if columns == 0 {
        return;
    }
    check_rows("gather", rows, x.len() / columns);
    let of_task = (CHUNK / columns).max(1);
    for_each_chunk(y, of_task * columns, |t, y| {
        for (row, y) in rows[t * of_task..].iter().zip(y.chunks_exact_mut(columns)) {
            copy(&x[row * columns..][..columns], y);
        }
    });
}

/// Copies `x` to `y`, in parallel if it is long.
fn copy<E: Element>(x: &[E], y: &mut [E]) {
    for_each_chunk(y, CHUNK, |t, y| y.copy_from_slice(&x[t * CHUNK..][..y.len()]));
}

/// The adjoint of [`gather_rows`]: row r of `x_bar` becomes the sum of all rows i of `y_bar` with
/// `rows[i]` = r. The rows are added in the order of i and in `f64`.
///
/// # Panics
/// If an index is out of range or `y_bar` has another length.
#[track_caller]
#[inline(never)]
pub fn scatter_add_rows<E: Element>(y_bar: &[E], columns: usize, rows: &[usize], x_bar: &mut [E]) {
    assert_eq!(y_bar.len(), size::len(&[rows.len(), columns]), "scatter: input length");
    if columns == 0 {
        return;
    }
    check_rows("scatter", rows, x_bar.len() / columns);
    let mut sums = Buffer::<f64>::zeroed(x_bar.len());
    for (i, &r) in rows.iter().enumerate() {
        for (sum, &y) in sums.as_mut_slice()[r * columns..][..columns].iter_mut().zip(&y_bar[i * columns..]) {
            *sum += y.f64();
        }
    }
    x_bar.iter_mut().zip(sums.as_slice()).for_each(|(x, &sum)| *x = E::of(sum));
}

/// Checks that all indices in `rows` are rows of a table of `count` rows.
///
/// # Panics
/// If an index is not below `count`.
#[track_caller]
pub fn check_rows(what: &str, rows: &[usize], count: usize) {
    if let Some(row) = rows.iter().find(|&&row| row >= count) {
        panic!("{what}: row {row} of a table of {count} rows");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference;
    use crate::reference::testing::{Dice, integers};

    #[test]
    fn copy_block_equals_the_definition() {
        let mut dice = Dice(4);
        for _ in 0..200 {
            let [outer, inner, len] = [dice.roll(1, 40), dice.roll(1, 300), dice.roll(0, 4)];
            let (x_start, y_start) = (dice.roll(0, 3), dice.roll(0, 3));
            let view = |axis| AxisView { outer, axis, inner };
            let (from, to) = (view(x_start + len + dice.roll(0, 3)), view(y_start + len + dice.roll(0, 3)));
            let size = |v: AxisView| v.outer * v.axis * v.inner;
            let (x, before) = (integers(size(from), 1), integers(size(to), 2));
            let (mut got, mut want) = (before.clone(), before);
            copy_block((&x, from, x_start), (&mut got, to, y_start), len);
            let shape = |v: AxisView| [v.outer, v.axis, v.inner];
            reference::copy_block((&x, shape(from), x_start), (&mut want, shape(to), y_start), len);
            assert_eq!(got, want, "{len} from {x_start} of {from:?} to {y_start} of {to:?}");
        }
    }

    #[test]
    fn permute_equals_the_definition_and_inverts() {
        let mut dice = Dice(3);
        let orders = [[0, 1, 2, 3], [0, 2, 3, 1], [0, 3, 1, 2], [3, 2, 0, 1], [2, 3, 1, 0], [1, 0, 3, 2]];
        for order in orders {
            let dims: [usize; 4] = std::array::from_fn(|_| dice.roll(1, 6));
            let x = integers(dims.iter().product(), 1);
            let mut y = vec![f64::NAN; x.len()];
            permute(&x, dims, order, &mut y);
            assert_eq!(y, reference::permute(&x, dims, order), "{dims:?} {order:?}");
            let to = order.map(|a| dims[a]);
            let inverse = std::array::from_fn(|a| order.iter().position(|&o| o == a).unwrap_or(4));
            let mut back = vec![f64::NAN; x.len()];
            permute(&y, to, inverse, &mut back);
            assert_eq!(back, x);
        }
    }

    #[test]
    fn gather_and_scatter_equal_the_definitions() {
        let mut dice = Dice(6);
        for _ in 0..100 {
            let (count, columns) = (dice.roll(1, 9), dice.roll(1, 40));
            let rows: Vec<usize> = (0..dice.roll(0, 12)).map(|_| dice.roll(0, count - 1)).collect();
            let (table, y_bar) = (integers(count * columns, 2), integers(rows.len() * columns, 3));
            let (mut y, mut x_bar) = (vec![f64::NAN; y_bar.len()], vec![f64::NAN; table.len()]);
            gather_rows(&table, columns, &rows, &mut y);
            scatter_add_rows(&y_bar, columns, &rows, &mut x_bar);
            assert_eq!(y, reference::gather_rows(&table, columns, &rows));
            assert_eq!(x_bar, reference::scatter_add_rows(&y_bar, columns, &rows, count));
        }
    }

    /// [`scatter_add_rows`] adds a million equal rows accurately. A running sum in `f32` would have
    /// a large error.
    #[test]
    fn a_row_that_is_taken_often_keeps_its_digits() {
        let n = 1 << 20;
        let mut x_bar = [f32::NAN; 2];
        scatter_add_rows(&vec![0.1; n], 1, &vec![1; n], &mut x_bar);
        assert_eq!(x_bar, [0.0, (n as f64 * f64::from(0.1f32)) as f32]);
    }

    /// The kernels divide long lines, blocks and rows into several tasks, even if there is only one
    /// line, block or row.
    #[test]
    fn few_lines_are_work_for_several_threads() {
        use crate::{isa::Isa, parallel::work::speedup};
        let n = 8 * CHUNK + 3;
        let (x, mut y) = (integers(2 * n, 1), vec![f64::NAN; 2 * n]);
        let by = |run: &mut (dyn FnMut() + Send)| speedup(Isa::Portable, run);
        assert!(by(&mut || permute(&x[..n], [1, 1, n, 1], [0, 1, 3, 2], &mut y[..n])) > 4.0);
        assert_eq!(x[..n], y[..n]);
        let view = AxisView { outer: 1, axis: 2, inner: n };
        assert!(by(&mut || copy_block((&x, view, 0), (&mut y, view, 1), 1)) > 4.0);
        assert_eq!(x[..n], y[n..]);
        assert!(by(&mut || gather_rows(&x, n, &[1], &mut y[..n])) > 4.0);
        assert_eq!(x[n..], y[..n]);
    }

    #[test]
    #[should_panic(expected = "row 5 of a table of 5 rows")]
    fn gather_rejects_a_row_out_of_range() {
        gather_rows(&[0.0f32; 15], 3, &[5], &mut [0.0; 3]);
    }

    /// Row 2^63 of a table with two columns would start at 2^64, which wraps to 0.
    #[test]
    #[should_panic(expected = "scatter: row 9223372036854775808 of a table of 4 rows")]
    fn scatter_rejects_a_row_that_wraps() {
        scatter_add_rows(&[1.0f32; 2], 2, &[1 << 63], &mut [0.0; 8]);
    }

    #[test]
    #[should_panic(expected = "copy_block: 2 positions from 18446744073709551615")]
    fn copy_block_rejects_a_range_that_wraps() {
        let view = AxisView { outer: 1, axis: 4, inner: 1 };
        copy_block((&[0.0f32; 4], view, usize::MAX), (&mut [0.0; 4], view, 0), 2);
    }

    #[test]
    #[should_panic(expected = "an array of shape [4294967296, 4294967296, 1, 1]")]
    fn permute_rejects_a_shape_that_wraps() {
        permute(&[0.0f32; 0], [1 << 32, 1 << 32, 1, 1], [0, 1, 2, 3], &mut []);
    }
}
