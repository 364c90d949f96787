//! The variational autoencoder: Kingma & Welling, "Auto-encoding variational Bayes" (ICLR 2014),
//! arXiv:1312.6114; Doersch, "Tutorial on variational autoencoders" (2016), arXiv:1606.05908.
//!
//! The model in five lines:
//!
//! * An image x comes from z ~ N(0, I) through a decoder, p(x|z), whose pixels are independent
//!   Bernoulli or normal variables.
//! * An encoder gives q(z|x) = N(mu(x), diag sigma^2(x)), an approximation of the posterior p(z|x).
//! * log p(x) >= E over q(z|x) of log p(x|z) - KL(q(z|x) || p(z)), the evidence lower bound (eq.
//!   3), which Adam ascends in both networks at once.
//! * Its gradient passes the sample: z = mu + sigma eps with eps ~ N(0, I) (section 2.4), and the
//!   divergence has a closed form (appendix B).
//! * With k samples, E log 1/k sum over i of p(x, z_i) / q(z_i|x) is a tighter bound (Burda et al.
//!   2016, eq. 8), and the likelihood itself as k grows.
//!
//! [`networks`] holds the two networks; how they learn, and what they are worth, is
//! `adjoint-variational`'s. Nothing here reads, writes or looks at a clock.
//!
//! Images with one white column of four, and a bound that rises:
//!
//! ```
//! use adjoint_nn::{Stream, Tensor};
//! use adjoint_vae::{Architecture, Body, vae};
//! use adjoint_variational::Settings;
//!
//! let body = Body::Mlp { hidden: vec![16] };
//! let architecture = Architecture { image_size: 4, channels: 1, latent: 2, classes: 0, body };
//! let mut model = vae::<f32>(&architecture, Settings { lr: 0.01, ..Settings::default() }, 1);
//!
//! let images = Tensor::build([4, 4, 4, 1], |pixels| {
//!     pixels.iter_mut().enumerate().for_each(|(i, p)| *p = if i % 4 == i / 16 { 1.0 } else { 0.0 });
//! });
//! let mut loss = |step| {
//!     let eps = Stream::new(1, "eps", step).normal_tensor([4, 2], 0.0, 1.0);
//!     model.step(images.clone(), None, &eps, 1.0).loss
//! };
//! let first = loss(0);
//! let last = (1..300).map(loss).last().expect("299 steps");
//! assert!(last < 0.5 * first, "from {first} to {last} nats an image");
//! ```
#![forbid(unsafe_code)]

pub mod networks;

pub use networks::{Architecture, Body, Decoder, Encoder, Vae, vae};
