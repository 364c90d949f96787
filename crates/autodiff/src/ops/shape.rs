//! Sums, means, repetition and new shapes. `sum_to` and `expand` are adjoint to each other.
//! `reshape` is its own adjoint, and so is `centred`.
//!
//! Each operation is a linear map. The gradient of its input is the transpose of the map, applied
//! to the gradient of its output. Source: chapter 3 of Griewank & Walther 2008, Evaluating
//! Derivatives.

use crate::Var;
use crate::graph::record;
use adjoint_tensor::{Element, Shape, Tensor};

impl<E: Element> Var<E> {
    /// y = x summed over every axis along which `shape` broadcasts to x. Each element of x has
    /// weight 1 in one sum: x_bar = y_bar expanded.
    ///
    /// # Panics
    /// If `shape` does not broadcast to x's shape.
    #[must_use]
    #[track_caller]
    pub fn sum_to(&self, shape: impl Into<Shape>) -> Self {
        record("sum_to", self.value().sum_to(shape), [self], self.shape(), |&shape, bw| {
            bw.wrt(0, |g| g.expand(shape));
        })
    }

    /// y = x repeated to fill `shape`. x_bar = y_bar summed over the repetitions.
    ///
    /// # Panics
    /// If x does not broadcast to `shape`.
    #[must_use]
    #[track_caller]
    pub fn expand(&self, shape: impl Into<Shape>) -> Self {
        record("expand", self.value().expand(shape), [self], self.shape(), |&shape, bw| {
            bw.wrt(0, |g| g.sum_to(shape));
        })
    }

    /// y = x with another shape of the same size. x_bar = y_bar with the shape of x.
    ///
    /// # Panics
    /// If the sizes differ.
    #[must_use]
    #[track_caller]
    pub fn reshape(&self, shape: impl Into<Shape>) -> Self {
        record("reshape", self.value().reshape(shape), [self], self.shape(), |&shape, bw| {
            bw.wrt(0, |g| g.reshape(shape));
        })
    }

    /// y = sum of all elements, a scalar. x_bar = y_bar everywhere.
    #[must_use]
    pub fn sum(&self) -> Self {
        self.sum_to(Shape::SCALAR)
    }

    /// y = mean of all n elements, a scalar. x_bar = y_bar / n everywhere.
    #[must_use]
    pub fn mean(&self) -> Self {
        self.mean_to(Shape::SCALAR)
    }

    /// y = mean over every axis along which `shape` broadcasts to x. If each mean is over n
    /// elements, x_bar = y_bar / n expanded.
    ///
    /// # Panics
    /// As [`Var::sum_to`].
    #[must_use]
    #[track_caller]
    pub fn mean_to(&self, shape: impl Into<Shape>) -> Self {
        let shape = shape.into();
        self.sum_to(shape).scale(shape.len() as f64 / self.shape().len() as f64)
    }

    /// y = x minus its mean over every axis along which `shape` broadcasts to x. This is a
    /// projection, whose matrix 1 - 1 1^T / n is symmetric: x_bar = y_bar minus its mean.
    ///
    /// This operation subtracts the mean twice. The mean of numbers far from zero has a rounding
    /// error, which can be as large as the differences between the numbers. The second mean that is
    /// subtracted is this rounding error.
    ///
    /// # Panics
    /// As [`Var::sum_to`].
    #[must_use]
    #[track_caller]
    pub fn centred(&self, shape: impl Into<Shape>) -> Self {
        centred(self, shape.into())
    }
}

/// Computes [`Var::centred`]. The method is compiled once for each type of its argument, this
/// function only once.
#[track_caller]
#[inline(never)]
fn centred<E: Element>(x: &Var<E>, shape: Shape) -> Var<E> {
    let y = minus_mean(&minus_mean(x.value(), shape), shape);
    record("centred", y, [x], shape, |&shape, bw| bw.wrt(0, |g| centred(g, shape)))
}

#[track_caller]
fn minus_mean<E: Element>(x: &Tensor<E>, shape: Shape) -> Tensor<E> {
    let per_mean = E::of(shape.len() as f64 / x.shape().len() as f64);
    let mean = x.sum_to(shape).map(move |sum| sum * per_mean);
    x.zip(&mean, |x, mean| x - mean)
}

#[cfg(test)]
mod tests {
    use crate::Var;
    use crate::gradcheck::{assert_cases, random_broadcast, random_shape, random_tensor};
    use adjoint_tensor::{Shape, Tensor};

    #[test]
    fn gradients() {
        assert_cases("sum_to", 100, |s| {
            let from = random_shape(s);
            let to = random_broadcast(s, from);
            (vec![random_tensor(s, from, &[])], move |x: &[Var<f64>]| x[0].sum_to(to).square())
        });
        assert_cases("mean_to", 100, |s| {
            let from = random_shape(s);
            let to = random_broadcast(s, from);
            (vec![random_tensor(s, from, &[])], move |x: &[Var<f64>]| x[0].mean_to(to).square())
        });
        assert_cases("centred", 100, |s| {
            let from = random_shape(s);
            let to = random_broadcast(s, from);
            (vec![random_tensor(s, from, &[])], move |x: &[Var<f64>]| x[0].centred(to).square())
        });
        assert_cases("expand", 100, |s| {
            let to = random_shape(s);
            let from = random_broadcast(s, to);
            (vec![random_tensor(s, from, &[])], move |x: &[Var<f64>]| x[0].expand(to).square())
        });
        assert_cases("reshape", 100, |s| {
            let from = random_shape(s);
            (vec![random_tensor(s, from, &[])], move |x: &[Var<f64>]| x[0].reshape([from.len()]).square())
        });
        assert_cases("sum and mean", 100, |s| {
            let shape = random_shape(s);
            (vec![random_tensor(s, shape, &[])], |x: &[Var<f64>]| x[0].sum().square() * x[0].square().mean())
        });
    }

    #[test]
    fn values() {
        let x = Var::constant(Tensor::from_slice([2, 3], &[1.0f64, 2.0, 3.0, 4.0, 5.0, 6.0]));
        assert_eq!(x.mean().item(), 3.5);
        assert_eq!(x.sum_to([2, 1]).value().data(), &[6.0, 15.0]);
        assert_eq!(x.mean_to(Shape::new(&[3])).value().data(), &[2.5, 3.5, 4.5]);
        assert_eq!(x.centred([2, 1]).value().data(), &[-1.0, 0.0, 1.0, -1.0, 0.0, 1.0]);
    }
}
