//! Softmax along the last axis (the classes), its logarithm, and log-sum-exp.
//!
//! Source: Bridle 1990, Probabilistic interpretation of feedforward classification network outputs,
//! with relationships to statistical pattern recognition.

use super::record_by_output;
use crate::Var;
use crate::graph::record;
use adjoint_tensor::Element;

impl<E: Element> Var<E> {
    /// y_i = e^(x_i) / sum over j of e^(x_j).
    ///
    /// dy_i/dx_j = y_i (\[i = j\] - y_j), so x_bar = y (y_bar - sum over the row of y_bar y).
    #[must_use]
    pub fn softmax(&self) -> Self {
        record_by_output("softmax", self, self.value().softmax(), |y, g| {
            y * (g - (g * y).sum_to(y.shape().per_row()))
        })
    }

    /// y_i = x_i - ln sum over j of e^(x_j).
    ///
    /// dy_i/dx_j = \[i = j\] - e^(y_j), so x_bar = y_bar - e^y (sum over the row of y_bar).
    #[must_use]
    pub fn log_softmax(&self) -> Self {
        record_by_output("log_softmax", self, self.value().log_softmax(), |y, g| {
            g - y.exp() * g.sum_to(y.shape().per_row())
        })
    }

    /// y = ln sum over i of e^(x_i) of each row; the last axis gets size 1. dy/dx_i = e^(x_i - y),
    /// which is the softmax of the row. So x_bar = y_bar softmax(x). The rule computes the softmax
    /// from x, which is accurate even if y is much larger than 1.
    #[must_use]
    pub fn log_sum_exp(&self) -> Self {
        record("log_sum_exp", self.value().log_sum_exp(), [self], self.clone(), |x, bw| {
            bw.wrt(0, |g| g * x.softmax());
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::Var;
    use crate::gradcheck::{assert_cases, random_shape, random_tensor};
    use adjoint_tensor::Tensor;

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
        assert_cases("log_sum_exp", 100, |s| {
            let shape = random_shape(s);
            (vec![random_tensor(s, shape, &[])], |x: &[Var<f64>]| x[0].log_sum_exp())
        });
    }

    /// The gradients of a row add up to 1 even if its inputs are huge. The gradient of an input of
    /// -inf is 0.
    #[test]
    fn gradients_of_log_sum_exp_at_the_edges() {
        let x = Var::leaf(Tensor::from_slice([2, 2], &[-1e9f32, -1e9, f32::NEG_INFINITY, 0.0]));
        let y = x.log_sum_exp();
        assert_eq!(y.value().data(), [-1e9, 0.0]);
        assert_eq!(y.gradients(&[&x])[0].data(), [0.5, 0.5, 0.0, 1.0]);
    }
}
