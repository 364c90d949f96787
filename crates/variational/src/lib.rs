//! Learning a model with latent variables by a bound: Kingma & Welling, "Auto-encoding variational
//! Bayes" (ICLR 2014), arXiv:1312.6114; Burda, Grosse & Salakhutdinov, "Importance weighted
//! autoencoders" (ICLR 2016), arXiv:1509.00519.
//!
//! A decoder gives p(x|z) of z ~ N(0, I), an encoder q(z|x), an approximation of the posterior.
//! Both ascend
//!
//! > log p(x) >= E over q(z|x) of log p(x|z) - KL(q(z|x) || p(z))     (eq. 3)
//!
//! or a tighter bound at once. Nothing of that depends on what the networks are made of, so it
//! stands here once: [`Autoencoder`] is the algorithm over any [`Encoder`] and [`Decoder`],
//! [`Settings`] are its variants (likelihoods, bounds, estimators). A model crate brings its two
//! networks and is done.
//!
//! [`autoencoder`] holds one training step, [`settings`] its variants, [`evaluation`] bounds and
//! likelihoods of a trained model, [`cost`] what a step costs. Nothing here reads, writes or looks
//! at a clock.
//!
//! Images of two equal pixels, which are 0 or 1, need one latent number. The best model has
//! -log p(x) = log 2 = 0.69 nats:
//!
//! ```
//! use adjoint_nn::layers::{Flatten, Linear};
//! use adjoint_nn::{Element, Mode, Scheme, Stream, Tensor, Var, module};
//! use adjoint_variational::{Autoencoder, Decoder, Encoder, Networks, Settings};
//!
//! struct Q<E: Element> {
//!     mu: Linear<E>,
//!     log_var: Linear<E>,
//! }
//! module!(Q { mu, log_var });
//!
//! impl<E: Element> Encoder<E> for Q<E> {
//!     fn posterior(&mut self, x: &Var<E>, _: Option<&Var<E>>, _: Mode) -> (Var<E>, Var<E>) {
//!         let x = Flatten.forward(x);
//!         (self.mu.forward(&x), self.log_var.forward(&x))
//!     }
//! }
//!
//! struct P<E: Element> {
//!     logits: Linear<E>,
//! }
//! module!(P { logits });
//!
//! impl<E: Element> Decoder<E> for P<E> {
//!     fn decode(&mut self, z: &Var<E>, _: Option<&Var<E>>, _: Mode) -> Var<E> {
//!         self.logits.forward(z).reshape([z.dims()[0], 1, 2, 1])
//!     }
//!
//!     fn log_var(&self) -> Option<Var<E>> {
//!         None
//!     }
//! }
//!
//! let encoder = Q::<f32> { mu: Linear::new(2, 1), log_var: Linear::new(2, 1) };
//! let mut networks = Networks { encoder, decoder: P { logits: Linear::new(1, 2) } };
//! Scheme::pytorch().apply(&mut networks, "vae", 1);
//! let mut model = Autoencoder::new(networks, Settings { lr: 0.02, ..Settings::default() });
//!
//! let x = Tensor::from_slice([2, 1, 2, 1], &[0.0, 0.0, 1.0, 1.0]).expand([2, 1, 2, 1]);
//! let mut step = |number| {
//!     let eps = Stream::new(1, "eps", number).normal_tensor([2, 1], 0.0, 1.0);
//!     model.step(x.clone(), None, &eps, 1.0)
//! };
//! let first = step(0).loss;
//! let last = (1..500).map(|number| step(number).loss).skip(400).sum::<f64>() / 99.0;
//! assert!(last < 0.9 * first && last > 0.69, "{first} to {last}");
//! ```
#![forbid(unsafe_code)]

pub mod autoencoder;
pub mod cost;
pub mod evaluation;
pub mod settings;

pub use autoencoder::{Autoencoder, Decoder, Encoder, Loss, Networks, Report};
pub use evaluation::{Bound, BoundSummary};
pub use settings::{Estimator, Likelihood, Objective, Settings};
