//! The fully connected layer.

use super::add_bias;
use crate::param::{Fans, Param, Role};
use crate::{Element, Var, module};

/// A fully connected layer, y = x W^T + b: `[N, inputs]` to `[N, outputs]`.
pub struct Linear<E: Element> {
    /// W, `[outputs, inputs]` as in PyTorch.
    pub weight: Param<E>,
    /// b, `[outputs]`.
    pub bias: Option<Param<E>>,
}
module!(Linear { weight, bias });

impl<E: Element> Linear<E> {
    /// Creates a layer with a bias.
    pub fn new(inputs: usize, outputs: usize) -> Self {
        let fans = Fans { fan_in: inputs as f64, fan_out: outputs as f64 };
        Linear {
            weight: Param::new([outputs, inputs], Role::Weight(fans)),
            bias: Some(Param::new([outputs], Role::Bias(fans))),
        }
    }

    /// Returns the layer without its bias.
    #[must_use]
    pub fn without_bias(self) -> Self {
        Linear { bias: None, ..self }
    }

    /// Returns x W^T + b.
    ///
    /// # Panics
    /// If the shape of x is not `[N, inputs]`.
    #[track_caller]
    pub fn forward(&self, x: &Var<E>) -> Var<E> {
        self.forward_with(x, &self.weight.var())
    }

    /// Returns x W^T + b for a given W instead of the layer's own weight, for example the layer's
    /// weight after normalisation.
    ///
    /// # Panics
    /// Under the conditions of [`forward`](Self::forward).
    #[track_caller]
    pub fn forward_with(&self, x: &Var<E>, weight: &Var<E>) -> Var<E> {
        let [outputs, inputs] = self.weight.shape().matrix();
        assert!(
            x.shape().rank() == 2 && x.dims()[1] == inputs,
            "Linear({inputs} -> {outputs}): input of shape {}, need [N, {inputs}]",
            x.shape()
        );
        add_bias(x.matmul_flags(false, weight, true), &self.bias)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Module, Tensor};

    #[test]
    fn is_a_matrix_product_and_a_sum() {
        let mut layer = Linear::<f64>::new(3, 2);
        let weight = Tensor::from_slice([2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let bias = Tensor::from_slice([2], &[10.0, 20.0]);
        layer.load_state(&[("weight".into(), weight), ("bias".into(), bias)]).unwrap();
        let x = Var::constant(Tensor::from_slice([1, 3], &[1.0, -1.0, 2.0]));
        assert_eq!(layer.forward(&x).value().data(), [15.0, 31.0]);
        let layer = layer.without_bias();
        assert_eq!(layer.forward(&x).value().data(), [5.0, 11.0]);
        assert_eq!(layer.state().len(), 1);
    }

    #[test]
    #[should_panic(expected = "Linear(3 -> 2): input of shape [4, 5], need [N, 3]")]
    fn names_what_does_not_fit() {
        Linear::<f32>::new(3, 2).forward(&Var::constant(Tensor::zeros([4, 5])));
    }
}
