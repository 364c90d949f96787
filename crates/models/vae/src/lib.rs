//! The variational autoencoder: Kingma & Welling, "Auto-encoding variational Bayes" (ICLR 2014), arXiv:1312.6114; Doersch,
//! "Tutorial on variational autoencoders" (2016), arXiv:1606.05908.
//!
//! The model in five lines:
//!
//! * An image x comes from z ~ N(0, I) through a decoder, p(x|z), whose pixels are independent Bernoulli or normal variables.
//! * An encoder gives q(z|x) = N(mu(x), diag sigma^2(x)), an approximation of the posterior p(z|x).
//! * log p(x) >= E over q(z|x) of log p(x|z) - KL(q(z|x) || p(z)), the evidence lower bound (eq. 3), which Adam ascends in
//!   both networks at once.
//! * Its gradient passes the sample: z = mu + sigma eps with eps ~ N(0, I) (section 2.4), and the divergence has a closed form (appendix B).
//! * With k samples, E log 1/k sum over i of p(x, z_i) / q(z_i|x) is a tighter bound (Burda et al. 2016, eq. 8), and the
//!   likelihood itself as k grows.
//!
//! [`networks`] holds the two networks; how they learn, and what they are worth, is `adjoint-variational`'s. Nothing here reads,
//! writes or looks at a clock.
#![forbid(unsafe_code)]

pub mod networks;

pub use networks::{Architecture, Body, Decoder, Encoder, Vae, vae};
