//! Sums.
//!
//! A sum is cut into pieces of a fixed size; a piece is added up in a fixed number of lanes, and the pieces are added in
//! order, in `f64`. So the result has one value for every number of threads, and its error grows with the length of a
//! piece, not of the whole.

use crate::Element;
use crate::memory::Buffer;
use crate::parallel::{CHUNK, for_each_chunk};
use crate::simd::level;
use crate::size;

/// Independent running sums in a contiguous piece: enough that no vector unit waits for its last sum, a power of two to fold
/// evenly.
const LANES: usize = 64;

/// Sums `x` over every axis where `y_dims` has size 1 (shapes right-aligned to four axes).
///
/// # Panics
/// If another axis differs, or a slice does not have its shape's size.
#[track_caller]
#[inline(never)]
pub fn sum_to<E: Element>((x, x_dims): (&[E], [usize; 4]), (y, y_dims): (&mut [E], [usize; 4])) {
    let fits = x_dims.iter().zip(&y_dims).all(|(&x, &y)| x == y || y == 1);
    let has = |len: usize, dims: [usize; 4]| size::checked_len(&dims) == Some(len);
    let sized = has(x.len(), x_dims) && has(y.len(), y_dims);
    assert!(fits && sized, "sum_to: {} elements of shape {x_dims:?} to {y_dims:?} ({})", x.len(), y.len());
    let mut dims = x_dims;
    let mut current: Option<Buffer<E>> = None;
    // One run of neighbouring summed axes after the other, the last into y.
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

/// The first neighbouring axes that are still to be summed. (Axes of size 1 on both sides join either way.)
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
    // Rows of `inner` numbers per piece; at least 32 so that the partial sums stay small beside x.
    let rows = if inner == 1 { CHUNK } else { (CHUNK / inner).max(32) }.min(n);
    let pieces = n.div_ceil(rows);
    let level = level();
    let sum_piece = |piece: usize, out: &mut [E]| {
        let (o, p) = (piece / pieces, piece % pieces);
        let end = ((p + 1) * rows).min(n);
        let x = &x[(o * n + p * rows) * inner..(o * n + end) * inner];
        level.vectorize(
            #[inline(always)]
            || if inner == 1 { out[0] = sum_contiguous(x) } else { sum_rows(x, out) },
        );
    };
    // Several pieces a task where they are small.
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
    for (o, y) in y.chunks_exact_mut(inner).enumerate() {
        for (i, y) in y.iter_mut().enumerate() {
            let piece = |p: usize| partial[(o * pieces + p) * inner + i].f64();
            *y = E::of((0..pieces).map(piece).sum());
        }
    }
}

/// Sum of neighbouring numbers: blocks of 64 numbers a lane, added up in `f64`.
#[inline(always)]
fn sum_contiguous<E: Element>(x: &[E]) -> E {
    E::of(x.chunks(64 * LANES).map(|block| sum_block(block).f64()).sum())
}

/// [`LANES`] running sums of a function of the elements: the one of element i is that of lane i mod LANES.
#[inline(always)]
fn lanes<E: Element, S: Element>(x: &[E], f: impl Fn(E) -> S) -> [S; LANES] {
    let (rows, rest) = x.as_chunks::<LANES>();
    let mut sums = [S::ZERO; LANES];
    for row in rows {
        // By value: what no index reaches stays in registers.
        sums = std::array::from_fn(|i| sums[i] + f(row[i]));
    }
    for (sum, &x) in sums.iter_mut().zip(rest) {
        *sum += f(x);
    }
    sums
}

/// The running sums, folded by halves.
#[inline(always)]
fn sum_block<E: Element>(x: &[E]) -> E {
    let mut lanes = lanes(x, |x| x);
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for i in 0..width {
            lanes[i] += lanes[i + width];
        }
    }
    lanes[0]
}

/// out\[i\] = sum over rows of x\[row, i\]
#[inline(always)]
fn sum_rows<E: Element>(x: &[E], out: &mut [E]) {
    out.fill(E::ZERO);
    let (width, mut rows) = (out.len(), x);
    // Four rows between reading and writing the sums; each is still added to what the rows before it gave.
    while let Some((four, rest)) = rows.split_at_checked(4 * width) {
        let ((a, b), (c, d)) = (four[..2 * width].split_at(width), four[2 * width..].split_at(width));
        for ((((o, &a), &b), &c), &d) in out.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            *o = *o + a + b + c + d;
        }
        rows = rest;
    }
    for row in rows.chunks_exact(width) {
        for (o, &x) in out.iter_mut().zip(row) {
            *o += x;
        }
    }
}

/// Sum of the squares, in `f64`: for the norm of a gradient.
#[inline(never)]
pub fn sum_of_squares<E: Element>(x: &[E]) -> f64 {
    let mut partial = Buffer::<f64>::take(x.len().div_ceil(CHUNK));
    let level = level();
    for_each_chunk(partial.as_mut_slice(), 1, |t, out| {
        let x = &x[t * CHUNK..((t + 1) * CHUNK).min(x.len())];
        level.vectorize(
            #[inline(always)]
            || out[0] = squares_of_piece(x),
        );
    });
    partial.as_slice().iter().sum()
}

/// The running sums of the squares, added up in order.
#[inline(always)]
fn squares_of_piece<E: Element>(x: &[E]) -> f64 {
    lanes(x, |x| x.f64() * x.f64()).iter().sum()
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
        assert_eq!(sum_of_squares(&[3.0f32, 4.0]), 25.0);
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
