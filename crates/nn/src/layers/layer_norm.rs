//! Layer normalisation of each sample.

use crate::param::{Param, Role};
use crate::{Element, Var, module};

/// Layer normalisation (Ba, Kiros & Hinton 2016) over the last axis:
///
/// > y = weight (x - mu) / sqrt(sigma^2 + eps) + bias
///
/// where mu is the mean and sigma^2 the biased variance of each row, and eps = 1e-5. Training and
/// evaluation do not differ.
pub struct LayerNorm<E: Element> {
    /// gamma, `[features]`.
    pub weight: Param<E>,
    /// beta, `[features]`.
    pub bias: Param<E>,
}
module!(LayerNorm { weight, bias });

const EPS: f64 = 1e-5;

impl<E: Element> LayerNorm<E> {
    /// Creates a layer for rows of `features` elements.
    pub fn new(features: usize) -> Self {
        LayerNorm { weight: Param::new([features], Role::Scale), bias: Param::new([features], Role::Shift) }
    }

    /// Returns x normalised; the shape does not change.
    ///
    /// # Panics
    /// If the size of the last axis of x is not `features`.
    #[track_caller]
    pub fn forward(&self, x: &Var<E>) -> Var<E> {
        let features = self.weight.shape().len();
        assert!(
            x.dims().last() == Some(&features),
            "LayerNorm({features}): input of shape {}, need {features} on the last axis",
            x.shape()
        );
        let rows = x.shape().per_row();
        let centred = x.centred(rows);
        let variance = centred.square().mean_to(rows);
        self.weight.var() * (centred / (variance + EPS).sqrt()) + self.bias.var()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Scheme, Stream, Tensor};

    #[test]
    fn rows_have_mean_0_and_variance_1() {
        let mut layer = LayerNorm::<f64>::new(50);
        Scheme::pytorch().apply(&mut layer, "norm", 0);
        let x = Var::constant(Stream::new(1, "x", 0).normal_tensor([3, 4, 50], 7.0, 20.0));
        let y = layer.forward(&x);
        for row in y.value().data().chunks(50) {
            let mean = row.iter().sum::<f64>() / 50.0;
            let variance = row.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / 50.0;
            assert!(mean.abs() < 1e-12 && (variance - 1.0).abs() < 1e-6, "{mean}, {variance}");
        }
        *layer.weight.value_mut() = Tensor::full([50], 2.0);
        *layer.bias.value_mut() = Tensor::full([50], 3.0);
        let scaled = layer.forward(&x);
        assert!((scaled - (2.0 * y + 3.0)).value().data().iter().all(|d| d.abs() < 1e-12));
    }

    /// The mean of 10^7 and 10^7 + 1 is not representable in `f32`.
    #[test]
    fn rows_far_from_zero_are_normalised_about_their_mean() {
        let mut layer = LayerNorm::<f32>::new(2);
        Scheme::pytorch().apply(&mut layer, "norm", 0);
        let y = layer.forward(&Var::constant(Tensor::from_slice([1, 2], &[1e7, 1e7 + 1.0])));
        assert!(y.value().data().iter().zip([-1.0, 1.0]).all(|(y, want)| (y - want).abs() < 1e-4), "{y:?}");
    }

    #[test]
    #[should_panic(expected = "LayerNorm(50): input of shape [2, 49], need 50 on the last axis")]
    fn names_what_does_not_fit() {
        LayerNorm::<f32>::new(50).forward(&Var::constant(Tensor::zeros([2, 49])));
    }
}
