//! Learning a model with latent variables by a bound: Kingma & Welling, "Auto-encoding variational Bayes" (ICLR 2014),
//! arXiv:1312.6114; Burda, Grosse & Salakhutdinov, "Importance weighted autoencoders" (ICLR 2016), arXiv:1509.00519.
//!
//! A decoder gives p(x|z) of z ~ N(0, I), an encoder q(z|x), an approximation of the posterior. Both ascend
//!
//! > log p(x) >= E over q(z|x) of log p(x|z) - KL(q(z|x) || p(z))     (eq. 3)
//!
//! or a tighter bound at once. Nothing of that depends on what the networks are made of, so it stands here once: [`Autoencoder`] is the
//! algorithm over any [`Encoder`] and [`Decoder`], [`Settings`] are its variants (likelihoods, bounds, estimators). A model crate brings
//! its two networks and is done.
//!
//! [`autoencoder`] holds one training step, [`settings`] its variants, [`evaluation`] bounds and likelihoods of a trained model, [`cost`]
//! what a step costs. Nothing here reads, writes or looks at a clock.
#![forbid(unsafe_code)]

pub mod autoencoder;
pub mod cost;
pub mod evaluation;
pub mod settings;

pub use autoencoder::{Autoencoder, Decoder, Encoder, Loss, Networks, Report};
pub use evaluation::{Bound, BoundSummary};
pub use settings::{Estimator, Likelihood, Objective, Settings};
