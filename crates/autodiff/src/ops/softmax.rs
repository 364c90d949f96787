//! Softmax along the last axis (the classes), and its logarithm.
//!
//! Source: Bridle 1990, Probabilistic interpretation of feedforward classification network outputs, with relationships to
//! statistical pattern recognition.

use crate::Var;
use crate::graph::record;
use adjoint_tensor::{Element, Shape};

impl<E: Element> Var<E> {
    /// y_i = e^(x_i) / sum over j of e^(x_j).
    ///
    /// dy_i/dx_j = y_i (\[i = j\] - y_j), so x_bar = y (y_bar - sum over the row of y_bar y).
    #[must_use]
    pub fn softmax(&self) -> Self {
        let y = self.value().softmax();
        record("softmax", y.clone(), [self], y, |y, bw| {
            let y = bw.output(y);
            bw.wrt(0, |g| &y * (g - (g * &y).sum_to(rows(y.shape()))));
        })
    }

    /// y_i = x_i - ln sum over j of e^(x_j).
    ///
    /// dy_i/dx_j = \[i = j\] - e^(y_j), so x_bar = y_bar - e^y (sum over the row of y_bar).
    #[must_use]
    pub fn log_softmax(&self) -> Self {
        let y = self.value().log_softmax();
        record("log_softmax", y.clone(), [self], y, |y, bw| {
            let y = bw.output(y);
            bw.wrt(0, |g| g - y.exp() * g.sum_to(rows(y.shape())));
        })
    }
}

/// The shape with its last axis summed away to size 1.
fn rows(shape: Shape) -> Shape {
    match shape.rank() {
        0 => shape,
        rank => shape.with(rank - 1, 1),
    }
}

#[cfg(test)]
mod tests {
    use crate::Var;
    use crate::gradcheck::{assert_cases, random_shape, random_tensor};

    #[test]
    fn gradients() {
        assert_cases("softmax", 100, |s| {
            let shape = random_shape(s);
            (vec![random_tensor(s, shape, &[])], |x: &[Var<f64>]| x[0].softmax())
        });
        assert_cases("log_softmax", 100, |s| {
            let shape = random_shape(s);
            (vec![random_tensor(s, shape, &[])], |x: &[Var<f64>]| x[0].log_softmax())
        });
    }
}
