//! Operations that take parts of values or combine values: narrow, pad, concat, gather.
//!
//! Each operation is a linear map whose matrix has the entries 0 and 1. The gradient of its input
//! is the transposed matrix times the gradient of its output. Source: Griewank & Walther 2008,
//! Evaluating Derivatives, chapter 3.

use crate::Var;
use crate::graph::record;
use adjoint_tensor::{Element, Tensor};
use std::rc::Rc;

impl<E: Element> Var<E> {
    /// y = positions `start..start + len` of an axis. x_bar = y_bar, with zeros at all other
    /// positions.
    ///
    /// # Panics
    /// If the positions exceed the axis.
    #[must_use]
    #[track_caller]
    pub fn narrow(&self, axis: usize, start: usize, len: usize) -> Self {
        let y = self.value().narrow(axis, start, len);
        let after = self.dims()[axis] - start - len;
        record("narrow", y, [self], (axis, start, after), |&(axis, before, after), bw| {
            bw.wrt(0, |g| g.pad(axis, before, after));
        })
    }

    /// y = x with `before` zeros in front of an axis and `after` zeros behind it. x_bar = the part
    /// of y_bar at the positions of x.
    ///
    /// # Panics
    /// If there is no such axis.
    #[must_use]
    #[track_caller]
    pub fn pad(&self, axis: usize, before: usize, after: usize) -> Self {
        let y = self.value().pad(axis, before, after);
        record("pad", y, [self], (axis, before, self.dims()[axis]), |&(axis, start, len), bw| {
            bw.wrt(0, |g| g.narrow(axis, start, len));
        })
    }

    /// y = the parts one after another along an axis. The gradient of each part is its part of
    /// y_bar.
    ///
    /// # Panics
    /// If there are no parts, or their other axes differ.
    #[track_caller]
    pub fn concat(parts: &[&Var<E>], axis: usize) -> Self {
        let values: Vec<&Tensor<E>> = parts.iter().map(|p| p.value()).collect();
        let y = Tensor::concat(&values, axis);
        let sizes: Vec<usize> = parts.iter().map(|p| p.dims()[axis]).collect();
        record("concat", y, parts, (axis, sizes), |(axis, sizes), bw| {
            let mut start = 0;
            for (i, &len) in sizes.iter().enumerate() {
                bw.wrt(i, |g| g.narrow(*axis, start, len));
                start += len;
            }
        })
    }

    /// y = the given `rows` of a matrix, in this order. A row can occur several times. Row r of
    /// x_bar is the sum of all rows i of y_bar with rows\[i\] = r.
    ///
    /// # Panics
    /// If x is not a matrix or a row is out of range.
    #[must_use]
    #[track_caller]
    pub fn gather_rows(&self, rows: &[usize]) -> Self {
        gather_rows(self, rows.into())
    }
}

#[track_caller]
fn gather_rows<E: Element>(x: &Var<E>, rows: Rc<[usize]>) -> Var<E> {
    let count = x.shape().matrix()[0];
    record("gather_rows", x.value().gather_rows(&rows), [x], (rows, count), |(rows, count), bw| {
        bw.wrt(0, |g| scatter_add_rows(g, rows.clone(), *count));
    })
}

/// The adjoint of [`gather_rows`]. Its own adjoint is `gather_rows`.
fn scatter_add_rows<E: Element>(x: &Var<E>, rows: Rc<[usize]>, count: usize) -> Var<E> {
    record("scatter_add_rows", x.value().scatter_add_rows(&rows, count), [x], rows, |rows, bw| {
        bw.wrt(0, |g| gather_rows(g, rows.clone()));
    })
}

#[cfg(test)]
mod tests {
    use crate::Var;
    use crate::gradcheck::{assert_cases, random_size, random_tensor};
    use adjoint_tensor::{Shape, Stream};

    /// Returns a random shape with at least one axis, and one of its axes.
    fn shape_and_axis(s: &mut Stream) -> (Shape, usize) {
        let dims: Vec<usize> = (0..1 + s.below(4)).map(|_| random_size(s)).collect();
        (Shape::new(&dims), s.below(dims.len()))
    }

    #[test]
    fn gradients() {
        assert_cases("narrow", 100, |s| {
            let (shape, axis) = shape_and_axis(s);
            let start = s.below(shape.dims()[axis]);
            let len = 1 + s.below(shape.dims()[axis] - start);
            (vec![random_tensor(s, shape, &[])], move |x: &[Var<f64>]| x[0].narrow(axis, start, len).square())
        });
        assert_cases("pad", 100, |s| {
            let (shape, axis) = shape_and_axis(s);
            let (before, after) = (s.below(3), s.below(3));
            (vec![random_tensor(s, shape, &[])], move |x: &[Var<f64>]| x[0].pad(axis, before, after).square())
        });
        assert_cases("concat", 100, |s| {
            let (shape, axis) = shape_and_axis(s);
            let inputs = (0..1 + s.below(4))
                .map(|_| {
                    let part = shape.with(axis, random_size(s));
                    random_tensor(s, part, &[])
                })
                .collect();
            (inputs, move |x: &[Var<f64>]| Var::concat(&x.iter().collect::<Vec<_>>(), axis).square())
        });
        assert_cases("gather_rows", 100, |s| {
            let (count, columns) = (random_size(s), random_size(s));
            let rows: Vec<usize> = (0..1 + s.below(6)).map(|_| s.below(count)).collect();
            let x = random_tensor(s, Shape::new(&[count, columns]), &[]);
            (vec![x], move |x: &[Var<f64>]| x[0].gather_rows(&rows).square())
        });
    }
}
