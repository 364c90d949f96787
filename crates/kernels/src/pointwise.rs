//! Elementwise maps, with broadcasting.
//!
//! Shapes have four sizes. A shape with fewer axes has ones in front: a vector of n is `[1, 1, 1,
//! n]`. If an operand has size 1 along an axis, it is repeated along that axis of the output.
//! Broadcasting goes once through the output, in runs of consecutive elements. Along a run, every
//! operand either advances by one or does not move. So the inner loops are plain vector loops.
//!
//! To vectorise such a loop, the compiler must know that a store to the output does not change the
//! variables captured by `f`. So `f` is `Copy`, and each loop moves its own copy into its closure.
//! Callers also capture numbers by value. A number behind a reference would be read again after
//! each store.
//!
//! [`map`] uses the widest vectors, because functions such as e^x and tanh take long to compute.
//! The other functions use the widest vectors only for arrays that fit in the caches. Loops over
//! longer arrays are bound by memory (`Level::over`).

use crate::Element;
use crate::parallel::for_each_chunk;
use crate::simd::level;
use crate::size;
use crate::tuning::tasks::CHUNK;

/// y\[i\] = f(x\[i\]). The elements of x can have another type, such as bytes.
///
/// # Panics
/// If the lengths differ.
#[track_caller]
#[inline(never)]
pub fn map<X: Copy + Sync, E: Element>(x: &[X], y: &mut [E], f: impl Fn(X) -> E + Copy + Sync) {
    assert_eq!(x.len(), y.len(), "map: input and output lengths differ");
    let level = level();
    for_each_chunk(y, CHUNK, |t, y| {
        level.vectorize(
            #[inline(always)]
            move || {
                for (y, &x) in y.iter_mut().zip(&x[t * CHUNK..]) {
                    *y = f(x);
                }
            },
        );
    });
}

/// y\[i\] = f(a\[i\], b\[i\])
///
/// # Panics
/// If the lengths differ.
#[track_caller]
#[inline(never)]
pub fn zip<E: Element>(a: &[E], b: &[E], y: &mut [E], f: impl Fn(E, E) -> E + Copy + Sync) {
    assert!(
        a.len() == y.len() && b.len() == y.len(),
        "zip: the lengths {}, {} and {} differ",
        a.len(),
        b.len(),
        y.len()
    );
    pairs(&Walk::straight(y.len()), a, b, y, f);
}

/// y\[i\] = f(y\[i\], x\[i\])
///
/// # Panics
/// If the lengths differ.
#[track_caller]
#[inline(never)]
pub fn update<E: Element>(y: &mut [E], x: &[E], f: impl Fn(E, E) -> E + Copy + Sync) {
    assert_eq!(x.len(), y.len(), "update: input and output lengths differ");
    let level = level().over(y.len());
    for_each_chunk(y, CHUNK, |t, y| {
        level.vectorize(
            #[inline(always)]
            move || {
                for (y, &x) in y.iter_mut().zip(&x[t * CHUNK..]) {
                    *y = f(*y, x);
                }
            },
        );
    });
}

/// y = f(a, b) with `a` and `b` broadcast to the shape of `y`.
///
/// # Panics
/// If a shape does not broadcast to that of `y`, or the length of a slice differs from its shape.
#[track_caller]
#[inline(never)]
pub fn zip_broadcast<E: Element>(
    (a, a_dims): (&[E], [usize; 4]),
    (b, b_dims): (&[E], [usize; 4]),
    (y, y_dims): (&mut [E], [usize; 4]),
    f: impl Fn(E, E) -> E + Copy + Sync,
) {
    pairs(&Walk::new([(a.len(), a_dims), (b.len(), b_dims)], (y.len(), y_dims)), a, b, y, f);
}

/// y = f(a, b) for all elements of a walk. [`zip`] and [`zip_broadcast`] both call this function,
/// so its loops are compiled once for each `f`.
fn pairs<E: Element>(walk: &Walk<2>, a: &[E], b: &[E], y: &mut [E], f: impl Fn(E, E) -> E + Copy + Sync) {
    walk.runs(
        y,
        #[inline(always)]
        move |y, [i, j], steps| {
            let (a, b) = (&a[i..], &b[j..]);
            match steps {
                [1, 1] => each(y.iter_mut().zip(a).zip(b), move |((y, &a), &b)| *y = f(a, b)),
                [1, _] => {
                    let b = b[0];
                    each(y.iter_mut().zip(a), move |(y, &a)| *y = f(a, b));
                }
                [_, 1] => {
                    let a = a[0];
                    each(y.iter_mut().zip(b), move |(y, &b)| *y = f(a, b));
                }
                _ => y.fill(f(a[0], b[0])),
            }
        },
    );
}

/// y = x repeated along the axes in which x has size 1.
///
/// # Panics
/// As [`zip_broadcast`].
#[track_caller]
#[inline(never)]
pub fn expand<E: Element>((x, x_dims): (&[E], [usize; 4]), (y, y_dims): (&mut [E], [usize; 4])) {
    let walk = Walk::new([(x.len(), x_dims)], (y.len(), y_dims));
    walk.runs(
        y,
        #[inline(always)]
        move |y, [i], [step]| if step == 1 { y.copy_from_slice(&x[i..i + y.len()]) } else { y.fill(x[i]) },
    );
}

#[inline(always)]
fn each<I: Iterator>(items: I, f: impl FnMut(I::Item)) {
    items.for_each(f);
}

/// The order in which a kernel goes through its output, of up to four axes, and its N operands,
/// which are broadcast to the output.
struct Walk<const N: usize> {
    /// The sizes of the axes outside the runs.
    outer: [usize; 4],
    /// The distance in operand n between consecutive positions along each outer axis. It is 0 if
    /// the operand is repeated along the axis.
    strides: [[usize; 4]; N],
    /// The length of a run, and the step of operand n per element of the run: 1 or 0.
    run: usize,
    steps: [usize; N],
}

impl<const N: usize> Walk<N> {
    /// Returns the walk of operands that have the shape of the output: a single run.
    fn straight(len: usize) -> Self {
        Walk { outer: [1; 4], strides: [[0; 4]; N], run: len, steps: [1; N] }
    }

    #[track_caller]
    fn new(operands: [(usize, [usize; 4]); N], (y_len, y): (usize, [usize; 4])) -> Self {
        assert_eq!(
            y_len,
            size::len(&y),
            "broadcast: the output has {y_len} elements, which does not fit shape {y:?}"
        );
        for (len, dims) in operands {
            let fits = dims.iter().zip(&y).all(|(&d, &y)| d == y || d == 1);
            assert!(
                fits && Some(len) == size::checked_len(&dims),
                "broadcast: {len} elements of shape {dims:?} to shape {y:?}"
            );
        }
        let mut strides = operands.map(|(_, dims)| {
            let mut dense = 1;
            let mut strides = [0; 4];
            for axis in (0..4).rev() {
                strides[axis] = if dims[axis] == 1 { 0 } else { dense };
                dense *= dims[axis];
            }
            strides
        });
        // Extends the run over the last axes, as long as every operand is either contiguous along
        // all of them or repeated along all of them.
        let (mut outer, mut run) = (y, 1);
        let mut steps: Option<[usize; N]> = None;
        for axis in (0..4).rev() {
            if outer[axis] == 1 {
                continue;
            }
            let next: [usize; N] = std::array::from_fn(|n| usize::from(strides[n][axis] != 0));
            let continues = steps.is_none_or(|s| s == next);
            if !continues {
                break;
            }
            steps = Some(next);
            run *= outer[axis];
            outer[axis] = 1;
            for s in &mut strides {
                s[axis] = 0;
            }
        }
        Walk { outer, strides, run, steps: steps.unwrap_or([1; N]) }
    }

    /// Calls `f(piece of y, start of each operand, step of each operand)` for each piece of y. A
    /// piece is a run, or a part of a run if a chunk ends inside it. Threads share the chunks of y.
    fn runs<E: Element>(&self, y: &mut [E], f: impl Fn(&mut [E], [usize; N], [usize; N]) + Copy + Sync) {
        let level = level().over(y.len());
        for_each_chunk(y, CHUNK, |t, mut rest| {
            level.vectorize(
                #[inline(always)]
                move || {
                    let at = t * CHUNK;
                    let mut row = self.row(at / self.run);
                    let mut column = at % self.run;
                    while !rest.is_empty() {
                        let len = rest.len().min(self.run - column);
                        let (piece, tail) = std::mem::take(&mut rest).split_at_mut(len);
                        f(piece, std::array::from_fn(|n| row.starts[n] + column * self.steps[n]), self.steps);
                        rest = tail;
                        column = 0;
                        self.advance(&mut row);
                    }
                },
            );
        });
    }

    fn row(&self, mut number: usize) -> Row<N> {
        let mut row = Row { index: [0; 4], starts: [0; N] };
        for axis in (0..4).rev() {
            row.index[axis] = number % self.outer[axis];
            number /= self.outer[axis];
            for (start, strides) in row.starts.iter_mut().zip(&self.strides) {
                *start += row.index[axis] * strides[axis];
            }
        }
        row
    }

    /// Advances to the next run. It does not divide, because runs may be as short as a vector, and
    /// a division would take a large part of the time.
    #[inline(always)]
    fn advance(&self, row: &mut Row<N>) {
        for axis in (0..4).rev() {
            let carries = row.index[axis] + 1 == self.outer[axis];
            let back = if carries { row.index[axis] } else { 0 };
            row.index[axis] = if carries { 0 } else { row.index[axis] + 1 };
            for (start, strides) in row.starts.iter_mut().zip(&self.strides) {
                *start = if carries { *start - back * strides[axis] } else { *start + strides[axis] };
            }
            if !carries {
                return;
            }
        }
    }
}

/// A run of the walk: its index along the outer axes, and the start of each operand.
struct Row<const N: usize> {
    index: [usize; 4],
    starts: [usize; N],
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::{self, Isa};
    use crate::reference;
    use crate::reference::testing::{Dice, integers, wave};

    #[test]
    fn broadcasting_equals_the_definition() {
        let mut dice = Dice(1);
        for _ in 0..500 {
            let y_dims: [usize; 4] = std::array::from_fn(|_| dice.roll(1, 5));
            let mut pick = || y_dims.map(|d| if dice.roll(0, 2) == 0 { 1 } else { d });
            let (a_dims, b_dims) = (pick(), pick());
            let a = integers(a_dims.iter().product(), 3);
            let b = integers(b_dims.iter().product(), 4);
            let mut got = vec![f64::NAN; y_dims.iter().product()];
            zip_broadcast((&a, a_dims), (&b, b_dims), (&mut got, y_dims), |a, b| 10.0 * a - b);
            let (wide_a, wide_b) =
                (reference::expand(&a, a_dims, y_dims), reference::expand(&b, b_dims, y_dims));
            let want: Vec<f64> = wide_a.iter().zip(&wide_b).map(|(a, b)| 10.0 * a - b).collect();
            assert_eq!(got, want, "{a_dims:?} and {b_dims:?} to {y_dims:?}");
            expand((&a, a_dims), (&mut got, y_dims));
            assert_eq!(got, wide_a, "{a_dims:?} to {y_dims:?}");
        }
    }

    /// Every instruction set gives the results of scalar code. Products and sums are rounded
    /// separately, so the vector length must not matter.
    #[test]
    fn every_instruction_set_gives_the_bits_of_scalar_code() {
        let n = 2 * CHUNK + 41;
        let (a, b) = (wave(n, 1.0), wave(n, 0.3));
        let rows = |[i, j]: [usize; 2]| [1, 1, i, j];
        let f = |a: f32, b: f32| (a * b + 0.1) / (b * b + 1.0) + a;
        let scalar =
            |b: &dyn Fn(usize) -> f32| -> Vec<_> { (0..n).map(|i| f(a[i], b(i)).to_bits()).collect() };
        let whole = scalar(&|i| b[i]);
        let with_number = scalar(&|_| b[5]);
        let with_row = scalar(&|i| b[i % 7]);
        assert!(n.is_multiple_of(7));
        for isa in Isa::ALL.into_iter().filter(|isa| isa.supported()) {
            let on = |run: &(dyn Fn(&mut [f32]) + Sync)| -> Vec<_> {
                let mut y = a.clone();
                isa::with(isa, || run(&mut y));
                y.iter().map(|y| y.to_bits()).collect()
            };
            assert!(on(&|y| zip(&a, &b, y, f)) == whole, "zip, {isa}");
            assert!(on(&|y| update(y, &b, f)) == whole, "update, {isa}");
            assert!(on(&|y| map(&a, y, |a| f(a, b[5]))) == with_number, "map, {isa}");
            let broadcast = |b, b_dims, y: &mut [f32]| {
                zip_broadcast((&a, rows([n / 7, 7])), (b, rows(b_dims)), (y, rows([n / 7, 7])), f);
            };
            assert!(on(&|y| broadcast(&b[5..6], [1, 1], y)) == with_number, "a number, {isa}");
            assert!(on(&|y| broadcast(&b[..7], [1, 7], y)) == with_row, "a row, {isa}");
        }
    }

    #[test]
    fn large_runs_are_cut_at_the_right_places() {
        let n = 3 * CHUNK + 5;
        let x = integers(2 * n, 5);
        let mut got = vec![0.0; 2 * n];
        zip_broadcast((&x, [1, 1, 2, n]), (&[3.0, 4.0], [1, 1, 2, 1]), (&mut got, [1, 1, 2, n]), |a, b| {
            a * b
        });
        assert!((0..2 * n).all(|i| got[i] == x[i] * if i < n { 3.0 } else { 4.0 }));
    }

    #[test]
    #[should_panic(expected = "to shape [1, 1, 2, 4]")]
    fn rejects_shapes_that_do_not_broadcast() {
        expand((&[1.0f32; 3], [1, 1, 1, 3]), (&mut [0.0; 8], [1, 1, 2, 4]));
    }
}
