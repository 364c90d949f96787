//! The losses of the papers, on logits.
//!
//! D's output here is always its *logit* l, with D(x) = sigma(l): log D and log(1 - D) are then softplus functions,
//! exact where sigma has long been rounded to 0 or 1, and so are their gradients. Everything is to be *minimised*
//! unless its name says value or likelihood. A loss over a batch is a mean over its samples.

mod adversarial;
mod cross_entropy;

pub use adversarial::{
    AdversarialLoss, UnknownLoss, discriminator_loss, gan_value, generator_minimax, generator_non_saturating,
    hinge_discriminator, hinge_generator, least_squares_discriminator, least_squares_generator,
    wasserstein_critic, wasserstein_generator,
};
pub use cross_entropy::bce;
