//! The variational autoencoder: Kingma & Welling, "Auto-encoding variational Bayes" (ICLR 2014),
//! arXiv:1312.6114; Doersch, "Tutorial on variational autoencoders" (2016), arXiv:1606.05908.
//!
//! The model in five lines:
//!
//! * A decoder gives the distribution p(x|z) of an image x given z ~ N(0, I). Given z, the pixels
//!   are independent Bernoulli or normal variables.
//! * An encoder gives q(z|x) = N(mu(x), diag sigma^2(x)), which approximates the posterior p(z|x).
//! * The evidence lower bound is log p(x) >= E over q(z|x) of log p(x|z) - KL(q(z|x) || p(z)) (eq.
//!   3). Adam maximises it over the parameters of both networks at once.
//! * Its gradient flows through the sample z = mu + sigma eps, where eps ~ N(0, I) (section 2.4).
//!   The KL divergence has a closed form (appendix B).
//! * With k samples, E log 1/k sum over i of p(x, z_i) / q(z_i|x) is a tighter bound (Burda et al.
//!   2016, eq. 8), which converges to log p(x) as k grows.
//!
//! [`networks`] holds the two networks. `adjoint-variational` trains and evaluates them. This crate
//! does no input or output and reads no clock.
//!
//! This example learns 4x4 images with one white column. The negative bound decreases:
//!
//! ```
//! use adjoint_nn::{Stream, Tensor};
//! use adjoint_vae::{Activation, Architecture, Body, vae};
//! use adjoint_variational::Settings;
//!
//! let body = Body::Mlp { hidden: vec![16], activation: Activation::Tanh };
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
//! assert!(last < 0.5 * first, "from {first} to {last} nats per image");
//! ```
#![forbid(unsafe_code)]

pub mod networks;

pub use networks::{Activation, Architecture, Body, Decoder, Encoder, Vae, vae};
