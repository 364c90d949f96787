//! The losses of the papers, computed from logits.
//!
//! The output of D is its *logit* l, with D(x) = sigma(l). Then log D and log(1 - D) are softplus
//! functions of l. They and their gradients are exact even for logits so large that sigma(l) rounds
//! to 0 or 1. All functions are losses to be *minimised*, except those with value or likelihood in
//! their name.
//!
//! The adversarial losses are means over the batch. The terms of the ELBO are *sums* over the
//! elements of a sample. They have one value per sample, `[N]`, in nats: a VAE takes their mean as
//! loss, and importance weights need the values of single samples.

mod adversarial;
mod cross_entropy;
mod elbo;
mod penalty;

pub use adjoint_tensor::LogMeanExp;
pub use adversarial::{
    AdversarialLoss, discriminator_loss, gan_value, generator_minimax, generator_non_saturating,
    hinge_discriminator, hinge_generator, least_squares_discriminator, least_squares_generator,
    wasserstein_critic, wasserstein_generator,
};
pub use cross_entropy::bce;
pub use elbo::{
    bernoulli_log_likelihood, gaussian_log_likelihood, importance_weighted_bound, kl_standard_normal,
    kl_standard_normal_terms, reparameterise,
};
pub(crate) use penalty::between;
pub use penalty::{gradient_penalty, r1};

use crate::{Element, Var};

/// Sums the elements of each sample, that is, sums over all axes except the first: `[N, ...]` to
/// `[N]`.
#[track_caller]
fn sum_samples<E: Element>(x: &Var<E>) -> Var<E> {
    assert!(x.shape().rank() > 0, "a scalar has no samples");
    let n = x.dims()[0];
    let [_, features] = x.shape().around(0);
    x.reshape([n, features]).sum_to([n, 1]).reshape([n])
}
