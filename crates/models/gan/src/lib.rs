//! The original GAN: Goodfellow et al., "Generative adversarial nets" (NeurIPS 2014),
//! arXiv:1406.2661.
//!
//! The model in five lines:
//!
//! * G maps noise z to a sample, D maps a sample to the probability that it is data; both are
//!   multilayer perceptrons (section 5).
//! * They play  min over G, max over D of  V(D, G) = E log D(x) + E log(1 - D(G(z)))  (eq. 1), by
//!   Algorithm 1.
//! * For a given G the best D is p_data / (p_data + p_g) (eq. 2, proposition 1).
//! * Against this D, V is -log 4 plus twice the Jensen-Shannon divergence of p_data and p_g (eq.
//!   6). Its minimum, -log 4, is reached at p_g = p_data, where D = 1/2 (theorem 1).
//! * Samples are either images in \[-1, 1\], if G ends in a tanh, or points without bounds, if G
//!   does not.
//!
//! [`networks`] holds the two networks. `adjoint-adversarial` implements the game that they play.
//! This crate does no input or output and reads no clock.
//!
//! This example learns points on the line y = x of the plane:
//!
//! ```
//! use adjoint_adversarial::{Penalty, Round, Settings};
//! use adjoint_gan::{Architecture, gan};
//! use adjoint_nn::layers::{Dropout, Norm};
//! use adjoint_nn::{Mode, Stream, Var};
//!
//! let architecture = Architecture {
//!     sample: vec![2],
//!     bounded: false,
//!     latent: 2,
//!     g_hidden: vec![16],
//!     d_hidden: vec![32],
//!     g_norm: Norm::None,
//!     d_norm: Norm::None,
//!     d_dropout: Dropout::default(),
//! };
//! let settings = Settings { lr: 0.005, penalty: Penalty::R1, penalty_weight: 0.1, ..Settings::default() };
//! let mut model = gan::<f32>(&architecture, settings, 1);
//! let noise = |purpose, step| Stream::new(1, purpose, step).normal_tensor([64, 2], 0.0, 1.0);
//! for step in 0..400 {
//!     let x = Stream::new(1, "data", step).normal_tensor([64, 1], 0.0, 1.0).expand([64, 2]);
//!     model.step(step, [Round::new(x, noise("noise", step))]);
//! }
//!
//! let samples = model.generator.forward(&Var::constant(noise("samples", 0)), Mode::Eval);
//! let (mut along, mut across) = (0.0, 0.0);
//! for point in samples.value().data().chunks_exact(2) {
//!     along += (point[0] + point[1]).abs();
//!     across += (point[0] - point[1]).abs();
//! }
//! assert!(across < 0.3 * along, "extent {across} across the line, {along} along the line");
//! ```
#![forbid(unsafe_code)]

pub mod networks;

pub use networks::{Architecture, Discriminator, Gan, Generator, gan};
