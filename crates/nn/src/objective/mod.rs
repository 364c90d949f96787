//! The losses of the papers, computed from logits.
//!
//! The output of D is its *logit* l, with D(x) = sigma(l). Then log D and log(1 - D) are softplus
//! functions of l. They and their gradients are exact even for logits so large that sigma(l) rounds
//! to 0 or 1. All functions are losses to be *minimised*, except those with value or likelihood in
//! their name.
//!
//! The adversarial losses are means over the batch. The terms of the ELBO are *sums* over the
//! elements of a sample. They have one value per sample, `[N]`, in nats. The loss of a VAE is the
//! mean of these values. Importance weights need the value of each sample.

mod adversarial;
mod elbo;
mod penalty;

pub use adjoint_tensor::LogMeanExp;
pub use adversarial::{
    AdversarialLoss, discriminator_loss, gan_value, generator_minimax, generator_non_saturating,
    hinge_discriminator, hinge_generator, least_squares_discriminator, least_squares_generator,
    wasserstein_critic, wasserstein_generator,
};
pub use elbo::{
    bernoulli_log_likelihood, gaussian_log_likelihood, importance_weighted_bound, kl_standard_normal,
    kl_standard_normal_terms, reparameterise,
};
pub(crate) use penalty::between;
pub use penalty::{gradient_penalty, r1};

use crate::{Element, Tensor, Var};

/// Mean binary cross entropy of m logits l_i with one target probability for all:
///
/// > -(1/m) sum over i of \[ target log sigma(l_i) + (1 - target) log(1 - sigma(l_i)) \]
///
/// With target 1 this is -E log D; with target 0 it is -E log(1 - D). It is exact for finite logits
/// of any size ([`Var::binary_cross_entropy`]).
///
/// # Panics
/// If the target is not between 0 and 1.
#[track_caller]
pub fn bce<E: Element>(logits: &Var<E>, target: f64) -> Var<E> {
    assert!((0.0..=1.0).contains(&target), "bce: the target {target} is not between 0 and 1");
    logits.binary_cross_entropy(&Var::constant(Tensor::scalar(target))).mean()
}

/// Sums the elements of each sample, that is, sums over all axes except the first: `[N, ...]` to
/// `[N]`.
#[track_caller]
fn sum_samples<E: Element>(x: &Var<E>) -> Var<E> {
    assert!(x.shape().rank() > 0, "a scalar has no samples");
    let n = x.dims()[0];
    let [_, features] = x.shape().around(0);
    x.reshape([n, features]).sum_to([n, 1]).reshape([n])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Stream;
    use adjoint_autodiff::gradcheck;

    #[test]
    fn gradients() {
        gradcheck::assert_cases("bce", 30, |s| {
            let n = 1 + s.below(6);
            let target = [0.0, 0.1, 0.9, 1.0][s.below(4)];
            (vec![s.normal_tensor([n, 1], 0.0, 3.0)], move |x: &[Var<f64>]| bce(&x[0], target))
        });
    }

    #[test]
    fn is_the_entropy_where_the_logits_say_the_target() {
        for target in [0.1f64, 0.5, 0.9] {
            let logit = (target / (1.0 - target)).ln();
            let entropy = -(target * target.ln() + (1.0 - target) * (1.0 - target).ln());
            let x = Var::leaf(Tensor::full([3], logit));
            let loss = bce(&x, target);
            assert!((loss.item() - entropy).abs() < 1e-15);
            assert!(loss.gradients(&[&x])[0].data().iter().all(|g| g.abs() < 1e-16), "a minimum");
        }
    }

    /// At l = +-80 the value of a hard target is |l| or e^-|l| up to rounding, also in `f32`. The
    /// gradient is sigma(l) - target.
    #[test]
    fn is_exact_at_80() {
        let tiny = (-80f64).exp();
        for (logit, target, value, gradient) in [
            (80.0, 1.0, tiny, -tiny),
            (-80.0, 1.0, 80.0, -1.0),
            (80.0, 0.0, 80.0, 1.0),
            (-80.0, 0.0, tiny, tiny),
            (80.0, 0.75, 20.0, 0.25),
        ] {
            let x = Var::leaf(Tensor::full([1], logit as f32));
            let loss = bce(&x, target);
            let near = |got: f64, want: f64| (got / want - 1.0).abs() < 1e-6;
            assert!(near(loss.item(), value), "bce({logit}, {target}) = {}", loss.item());
            let g = loss.gradients(&[&x])[0].item();
            assert!(near(g, gradient), "the gradient of bce({logit}, {target}) is {g}");
        }
    }

    #[test]
    fn is_a_mean_over_the_batch() {
        let x: Tensor<f64> = Stream::new(1, "logits", 0).normal_tensor([8, 1], 0.0, 2.0);
        let each: f64 = x.data().iter().map(|&l| bce(&Var::constant(Tensor::full([1], l)), 0.9).item()).sum();
        assert!((bce(&Var::constant(x), 0.9).item() - each / 8.0).abs() < 1e-14);
    }
}
