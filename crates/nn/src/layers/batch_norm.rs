//! Batch normalisation of features and of image channels.

use super::Mode;
use crate::param::{Param, Role};
use crate::{Activation, Element, Tensor, Var, module};

/// Batch normalisation (Ioffe & Szegedy 2015) of each channel. Channels are the last axis;
/// statistics are taken over all other axes:
///
/// > y = weight (x - mu) / sqrt(sigma^2 + eps) + bias
///
/// In training, mu is the mean of the batch and sigma^2 its biased variance. The running statistics
/// r are updated by r <- (1 - momentum) r + momentum s, where s is the mean or the *unbiased*
/// variance of the batch, as in PyTorch. In evaluation, mu and sigma^2 are the running statistics.
/// eps = 1e-5, momentum = 0.1.
pub struct BatchNorm<E: Element> {
    /// gamma, `[channels]`.
    pub weight: Param<E>,
    /// beta, `[channels]`.
    pub bias: Param<E>,
    /// Running mean, `[channels]`. Starts at 0.
    pub running_mean: Tensor<E>,
    /// Running variance, `[channels]`. Starts at 1.
    pub running_var: Tensor<E>,
}
module!(BatchNorm { weight, bias, running_mean, running_var });

/// [`BatchNorm`] of vectors, `[N, C]`.
pub type BatchNorm1d<E> = BatchNorm<E>;
/// [`BatchNorm`] of images, `[N, H, W, C]`.
pub type BatchNorm2d<E> = BatchNorm<E>;

/// The number that is added to the variance, as in PyTorch.
pub const BATCH_NORM_EPS: f64 = 1e-5;
const MOMENTUM: f64 = 0.1;

impl<E: Element> BatchNorm<E> {
    /// Creates a layer for inputs with `channels` channels.
    pub fn new(channels: usize) -> Self {
        BatchNorm {
            weight: Param::new([channels], Role::Scale),
            bias: Param::new([channels], Role::Shift),
            running_mean: Tensor::zeros([channels]),
            running_var: Tensor::full([channels], E::ONE),
        }
    }

    /// Returns x normalised. In training this also updates the running statistics.
    ///
    /// # Panics
    /// If x has another number of channels than the layer, or in training fewer than two values per
    /// channel.
    #[track_caller]
    pub fn forward(&mut self, x: &Var<E>, mode: Mode) -> Var<E> {
        self.forward_activated(x, mode, Activation::Identity)
    }

    /// Applies f to the result of [`forward`](Self::forward). In training, one operation computes
    /// the normalisation and f, which saves a pass over memory.
    ///
    /// # Panics
    /// Under the conditions of [`forward`](Self::forward).
    #[track_caller]
    pub fn forward_activated(&mut self, x: &Var<E>, mode: Mode, f: Activation) -> Var<E> {
        let channels = self.weight.shape().len();
        assert!(
            x.dims().last() == Some(&channels),
            "BatchNorm({channels}): input of shape {}, need {channels} channels on the last axis",
            x.shape()
        );
        let (gamma, beta) = (self.weight.var(), self.bias.var());
        if mode == Mode::Eval {
            return x
                .batch_norm_eval(&gamma, &beta, &self.running_mean, &self.running_var, BATCH_NORM_EPS)
                .activated(f);
        }
        let m = x.shape().len() / channels.max(1);
        assert!(
            m > 1,
            "BatchNorm({channels}): input of shape {}: one value per channel has no variance",
            x.shape()
        );
        let batch = x.batch_norm_activated(&gamma, &beta, BATCH_NORM_EPS, f);
        update_running(&mut self.running_mean, &batch.mean, 1.0);
        update_running(&mut self.running_var, &batch.variance, m as f64 / (m as f64 - 1.0));
        batch.y
    }
}

/// running <- (1 - momentum) running + momentum factor batch
fn update_running<E: Element>(running: &mut Tensor<E>, batch: &Tensor<E>, factor: f64) {
    let (keep, take) = (E::of(1.0 - MOMENTUM), E::of(MOMENTUM * factor));
    running.update(batch, move |r, s| keep * r + take * s);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Module, Scheme, Stream};

    fn layer() -> BatchNorm<f64> {
        let mut layer = BatchNorm::new(2);
        Scheme::pytorch().apply(&mut layer, "norm", 0);
        layer
    }

    #[test]
    fn running_statistics_follow_with_the_unbiased_variance() {
        let mut layer = layer();
        // Channel 0 has the values 0 and 4, so mean 2 and unbiased variance 8. Channel 1 has 1 and
        // 1.
        let x = Var::constant(Tensor::from_slice([2, 2], &[0.0, 1.0, 4.0, 1.0]));
        layer.forward(&x, Mode::Train);
        let close =
            |t: &Tensor<f64>, want: [f64; 2]| t.data().iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-15);
        assert!(close(&layer.running_mean, [0.2, 0.1]));
        assert!(close(&layer.running_var, [0.9 + 0.8, 0.9]));
        let before = layer.state();
        layer.forward(&x, Mode::Eval);
        assert!(before.iter().zip(layer.state()).all(|((_, a), (_, b))| a.data() == b.data()));
    }

    #[test]
    fn evaluation_of_an_image_does_not_depend_on_its_batch() {
        let mut layer = layer();
        let x = Var::constant(Stream::new(1, "x", 0).normal_tensor([8, 3, 3, 2], 5.0, 2.0));
        for _ in 0..200 {
            layer.forward(&x, Mode::Train);
        }
        let (all, one) = (layer.forward(&x, Mode::Eval), layer.forward(&x.narrow(0, 3, 1), Mode::Eval));
        assert_eq!(all.narrow(0, 3, 1).value().data(), one.value().data());
        // The running statistics have converged, so evaluation gives the same result as training
        // except for the factor m/(m-1) of the variance.
        let trained = layer.forward(&x, Mode::Train);
        let largest = (trained - all).value().data().iter().fold(0.0f64, |m, d| m.max(d.abs()));
        assert!(largest < 0.03, "{largest}");
    }

    #[test]
    #[should_panic(expected = "BatchNorm(2): input of shape [1, 2]: one value per channel has no variance")]
    fn a_single_value_has_no_variance() {
        layer().forward(&Var::constant(Tensor::zeros([1, 2])), Mode::Train);
    }

    #[test]
    #[should_panic(expected = "BatchNorm(2): input of shape [4, 3], need 2 channels")]
    fn names_what_does_not_fit() {
        layer().forward(&Var::constant(Tensor::zeros([4, 3])), Mode::Eval);
    }
}
