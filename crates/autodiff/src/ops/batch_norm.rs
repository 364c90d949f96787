//! Batch normalisation (Ioffe & Szegedy 2015) and the activation that follows it. Fused kernels
//! compute the value and the first derivative. Second derivatives come from a definition of batch
//! norm with primitive operations.
//!
//! Source: Ioffe & Szegedy 2015, Batch normalization: accelerating deep network training by
//! reducing internal covariate shift, section 3. Algorithm 1 is the value, and the chain rule after
//! it is the first derivative.

use crate::Var;
use crate::graph::{record, recording};
use adjoint_kernels::batch_norm::{self as kernels, Activation, Channels, Gradients, Statistics};
use adjoint_tensor::{Element, Tensor};

/// The result of a training-mode batch norm.
pub struct BatchNorm<E: Element> {
    /// The normalised and activated values, in the shape of the input.
    pub y: Var<E>,
    /// mu, the mean of each channel, of shape `[C]`.
    pub mean: Tensor<E>,
    /// sigma^2, the biased variance of each channel, of shape `[C]`.
    pub variance: Tensor<E>,
}

struct Saved<E: Element> {
    x: Var<E>,
    gamma: Var<E>,
    beta: Var<E>,
    mean: Tensor<E>,
    residual: Tensor<E>,
    variance: Tensor<E>,
    eps: f64,
    activation: Activation,
}

impl<E: Element> Saved<E> {
    fn channels(&self) -> Channels<'_, E> {
        Channels {
            mean: self.mean.data(),
            residual: self.residual.data(),
            variance: self.variance.data(),
            gamma: self.gamma.value().data(),
            beta: self.beta.value().data(),
            eps: self.eps,
        }
    }
}

impl<E: Element> Var<E> {
    /// Normalises each channel (the last axis) over all other axes with the mean and variance of
    /// the batch:
    ///
    /// > y = gamma x^ + beta,   x^ = (x - mu) / sqrt(sigma^2 + eps)
    ///
    /// with gamma and beta of shape `[C]`. mu and sigma^2 depend on x. So the means of y_bar and of
    /// y_bar x^ appear in the gradient:
    ///
    /// > beta_bar = sum of y_bar,   gamma_bar = sum of y_bar x^,
    /// > x_bar = gamma / sqrt(sigma^2 + eps) (y_bar - beta_bar / m - x^ gamma_bar / m)
    ///
    /// where m is the number of values per channel (Ioffe & Szegedy 2015, section 3).
    /// docs/batch_norm.md derives the formulas.
    ///
    /// # Panics
    /// If gamma or beta does not have one number per channel, or a channel has no value.
    #[track_caller]
    pub fn batch_norm(&self, gamma: &Var<E>, beta: &Var<E>, eps: f64) -> BatchNorm<E> {
        self.batch_norm_activated(gamma, beta, eps, Activation::Identity)
    }

    /// Applies [`batch_norm`](Var::batch_norm), and then the activation f to its result z. The
    /// activation needs no passes over memory of its own:
    ///
    /// > y = f(z),   z = gamma x^ + beta
    ///
    /// The gradients are those of batch norm with y_bar f'(z) in place of y_bar. z is not saved,
    /// because the backward pass recomputes z from x.
    ///
    /// # Panics
    /// As [`batch_norm`](Var::batch_norm).
    #[track_caller]
    pub fn batch_norm_activated(
        &self,
        gamma: &Var<E>,
        beta: &Var<E>,
        eps: f64,
        activation: Activation,
    ) -> BatchNorm<E> {
        let c = self.dims().last().copied().unwrap_or(1);
        assert!(
            gamma.dims() == [c] && beta.dims() == [c] && self.shape().rank() > 0,
            "batch_norm: input {}, gamma {}, beta {}: need one gamma and beta per channel (the last axis)",
            self.shape(),
            gamma.shape(),
            beta.shape()
        );
        let [mut mean, mut residual, mut variance] = [(); 3].map(|()| Tensor::zeros([c]));
        let statistics = Statistics {
            mean: mean.data_mut(),
            residual: residual.data_mut(),
            variance: variance.data_mut(),
        };
        kernels::statistics(self.value().data(), statistics);
        let saved = Saved {
            x: self.clone(),
            gamma: gamma.clone(),
            beta: beta.clone(),
            mean: mean.clone(),
            residual,
            variance: variance.clone(),
            eps,
            activation,
        };
        let y = Tensor::build(self.shape(), |y| {
            kernels::normalise_activated(self.value().data(), saved.channels(), activation, y);
        });
        let y = record("batch_norm", y, [self, gamma, beta], saved, |s, bw| {
            if recording() {
                return bw.by_definition(&[&s.x, &s.gamma, &s.beta], |v| {
                    definition(v[0], v[1], v[2], s.eps).activated(s.activation)
                });
            }
            let (mut gamma_bar, mut beta_bar) =
                (Tensor::zeros(s.gamma.shape()), Tensor::zeros(s.beta.shape()));
            let x_bar = Tensor::build(s.x.shape(), |x_bar| {
                let (x, y_bar) = (s.x.value().data(), bw.y_bar().value().data());
                let (gamma_bar, beta_bar) = (gamma_bar.data_mut(), beta_bar.data_mut());
                let into = Gradients { x_bar, gamma_bar, beta_bar };
                kernels::backward_activated(x, y_bar, s.channels(), s.activation, into);
            });
            for (i, gradient) in [x_bar, gamma_bar, beta_bar].into_iter().enumerate() {
                bw.wrt(i, |_| Var::constant(gradient));
            }
        });
        BatchNorm { y, mean, variance }
    }

    /// Applies batch norm in evaluation mode, with given statistics of shape `[C]`. This is an
    /// affine map of each channel: y = gamma (x - mean) / sqrt(variance + eps) + beta.
    ///
    /// # Panics
    /// If the statistics, gamma and beta do not broadcast to the input.
    #[track_caller]
    #[must_use]
    pub fn batch_norm_eval(
        &self,
        gamma: &Var<E>,
        beta: &Var<E>,
        mean: &Tensor<E>,
        variance: &Tensor<E>,
        eps: f64,
    ) -> Self {
        let rstd = variance.map(|v| E::of(1.0 / (v.f64() + eps).sqrt()));
        let scale = gamma * &Var::constant(rstd);
        (self - &Var::constant(mean.clone())) * scale + beta
    }
}

/// Batch norm with primitive operations. It computes the same function as the kernels. Second
/// derivatives are computed by differentiating this definition.
fn definition<E: Element>(x: &Var<E>, gamma: &Var<E>, beta: &Var<E>, eps: f64) -> Var<E> {
    let centred = x.centred(gamma.shape());
    let variance = centred.square().mean_to(gamma.shape());
    gamma * (centred / (variance + eps).sqrt()) + beta
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradcheck::{assert_cases, random_size, random_tensor};
    use adjoint_tensor::{Shape, Stream};

    fn inputs(s: &mut Stream) -> Vec<Tensor<f64>> {
        let c = random_size(s);
        // At least three rows. With two rows and eps = 0, x^ is +-1 for every x, and every
        // derivative with respect to x is 0.
        let shape = if s.below(2) == 0 {
            Shape::new(&[3 + s.below(5), c])
        } else {
            Shape::new(&[3 + s.below(2), random_size(s), random_size(s), c])
        };
        let channel = Shape::new(&[c]);
        vec![random_tensor(s, shape, &[]), random_tensor(s, channel, &[]), random_tensor(s, channel, &[])]
    }

    #[test]
    fn gradients() {
        // With a large eps, the result is smooth on the scale of the differences even if all values
        // of a batch are close together.
        assert_cases("batch_norm", 100, |s| {
            (inputs(s), |v: &[Var<f64>]| v[0].batch_norm(&v[1], &v[2], 0.1).y)
        });
        assert_cases("batch_norm definition", 100, |s| {
            (inputs(s), |v: &[Var<f64>]| definition(&v[0], &v[1], &v[2], 0.1))
        });
        assert_cases("batch_norm_eval", 100, |s| {
            let inputs = inputs(s);
            let channel = inputs[1].shape();
            let (mean, variance) =
                (random_tensor(s, channel, &[]), random_tensor(s, channel, &[]).map(f64::abs));
            (inputs, move |v: &[Var<f64>]| v[0].batch_norm_eval(&v[1], &v[2], &mean, &variance, 0.1))
        });
    }

    #[test]
    fn gradients_through_the_activation() {
        assert_cases("batch_norm_activated", 100, |s| {
            let activation = Activation::LeakyRelu([0.0, 0.2][s.below(2)]);
            // No z is near the kink, where a central difference would use both sides.
            let inputs = loop {
                let inputs = inputs(s);
                let v: Vec<_> = inputs.iter().cloned().map(Var::constant).collect();
                if definition(&v[0], &v[1], &v[2], 0.1).value().data().iter().all(|z| z.abs() > 0.005) {
                    break inputs;
                }
            };
            // The result is squared, so that a wrong second derivative of the activation is
            // detected.
            (inputs, move |v: &[Var<f64>]| {
                v[0].batch_norm_activated(&v[1], &v[2], 0.1, activation).y.square()
            })
        });
    }

    /// The kernels and the definition are accurate for data of 10^7 and 10^7 + 1. The mean, 10^7 +
    /// 0.5, is not representable in `f32`.
    #[test]
    fn data_far_from_zero_is_normalised_about_its_mean() {
        let channel = |value: f32| Var::leaf(Tensor::full([1], value));
        let (gamma, beta) = (channel(1.0), channel(0.0));
        let x = Var::leaf(Tensor::from_slice([2, 1], &[1e7f32, 1e7 + 1.0]));
        let y = [x.batch_norm(&gamma, &beta, 1e-5).y, definition(&x, &gamma, &beta, 1e-5)];
        for y in y {
            let near = |got: f32, want: f32| (got - want).abs() < 1e-4;
            assert!(near(y.value().data()[0], -1.0) && near(y.value().data()[1], 1.0), "{y:?}");
            let gamma_bar = (y * Var::constant(x.value().map(|x| x - 1e7))).gradients(&[&gamma]);
            assert!(near(gamma_bar[0].item() as f32, 1.0), "{gamma_bar:?}");
        }
    }

    /// The gradient is finite if a square root follows a ReLU whose output is 0. The slope of the
    /// square root at 0 is infinite, but the slope of the ReLU there is 0.
    #[test]
    fn an_infinite_gradient_does_not_pass_the_activation() {
        let channel = |value: f64| Var::leaf(Tensor::full([1], value));
        let x = Var::leaf(Tensor::from_slice([4, 1], &[-3.0f64, 1.0, -1.0, 3.0]));
        let v = [x, channel(1.0), channel(0.0)];
        let all: Vec<&Var<f64>> = v.iter().collect();
        let fused = v[0].batch_norm_activated(&v[1], &v[2], 0.1, Activation::RELU).y.sqrt();
        let plain = definition(&v[0], &v[1], &v[2], 0.1).relu().sqrt();
        let second = |y: &Var<f64>| {
            let slopes = y.differentiable_gradients(&all);
            let squares = slopes.iter().map(|g| g.square().sum());
            squares.reduce(|a, b| a + b).expect("three slopes").gradients(&all)
        };
        let pairs = fused.gradients(&all).into_iter().zip(plain.gradients(&all));
        for (a, b) in pairs.chain(second(&fused).into_iter().zip(second(&plain))) {
            let close = |a: &f64, b: &f64| (a - b).abs() <= 1e-12 * (1.0 + b.abs());
            assert!(a.data().iter().zip(b.data()).all(|(a, b)| close(a, b)), "{a:?} and {b:?}");
        }
    }

    #[test]
    fn the_kernels_agree_with_the_definition() {
        for i in 0..60 {
            let v: Vec<_> = inputs(&mut Stream::new(2, "agree", i)).into_iter().map(Var::leaf).collect();
            let activation =
                [Activation::Identity, Activation::LeakyRelu(0.2), Activation::RELU][i as usize % 3];
            let (fused, plain) = (
                v[0].batch_norm_activated(&v[1], &v[2], 1e-5, activation).y,
                definition(&v[0], &v[1], &v[2], 1e-5).activated(activation),
            );
            let all: Vec<&Var<f64>> = v.iter().collect();
            let weights = Var::constant(Stream::new(2, "weights", i).normal_tensor(fused.shape(), 0.0, 1.0));
            let pairs =
                (&fused * &weights).gradients(&all).into_iter().zip((&plain * &weights).gradients(&all));
            for (a, b) in pairs.chain([(fused.into_value(), plain.into_value())]) {
                let difference = a.zip(&b, |a, b| (a - b).abs() / (1.0 + b.abs()));
                assert!(difference.data().iter().all(|&d| d < 1e-9), "{a:?} and {b:?}");
            }
        }
    }

    #[test]
    fn normalised_channels_have_mean_beta_and_deviation_gamma() {
        let x = Var::constant(Stream::new(1, "x", 0).normal_tensor::<f64>([64, 5, 5, 2], 3.0, 4.0));
        let channel = |values: &[f64]| Var::constant(Tensor::from_slice([2], values));
        let y = x.batch_norm(&channel(&[2.0, 0.5]), &channel(&[-1.0, 7.0]), 0.0).y;
        let mean = y.mean_to([2]);
        let deviation = (&y - &mean).square().mean_to([2]).sqrt();
        for (got, want) in [(mean, [-1.0, 7.0]), (deviation, [2.0, 0.5])] {
            assert!(got.value().data().iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-12));
        }
    }
}
