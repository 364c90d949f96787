//! The losses of the papers, on logits.
//!
//! D's output here is always its *logit* l, with D(x) = sigma(l): log D and log(1 - D) are then
//! softplus functions, exact where sigma has long been rounded to 0 or 1, and so are their
//! gradients. Everything is to be *minimised* unless its name says value or likelihood.
//!
//! The adversarial losses are means over the batch. The pieces of the ELBO are *sums* over the
//! numbers of a sample and come one a sample, `[N]`, in nats: their mean is the loss, and
//! importance weights need them apart.

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

/// The sum over each sample, that is over all axes but the first: `[N, ...]` to `[N]`.
#[track_caller]
fn sum_samples<E: Element>(x: &Var<E>) -> Var<E> {
    assert!(x.shape().rank() > 0, "a scalar has no samples");
    let n = x.dims()[0];
    let [_, features] = x.shape().around(0);
    x.reshape([n, features]).sum_to([n, 1]).reshape([n])
}
