//! Training of latent variable models by maximising a lower bound of the likelihood: Kingma &
//! Welling, "Auto-encoding variational Bayes" (ICLR 2014), arXiv:1312.6114; Burda, Grosse &
//! Salakhutdinov, "Importance weighted autoencoders" (ICLR 2016), arXiv:1509.00519.
//!
//! A decoder gives p(x|z) for z ~ N(0, I). An encoder gives q(z|x), an approximation of the
//! posterior. Both networks are trained to maximise the evidence lower bound
//!
//! > log p(x) >= E over q(z|x) of log p(x|z) - KL(q(z|x) || p(z))     (eq. 3)
//!
//! or a tighter bound. The algorithm does not depend on the layers of the networks. [`Autoencoder`]
//! implements it for any [`Encoder`] and [`Decoder`], and [`Settings`] selects the likelihood, the
//! bound and the gradient estimator. A model crate only defines two networks.
//!
//! [`autoencoder`] holds the training step and [`settings`] its variants. [`evaluation`] computes
//! bounds and likelihoods of a trained model, and [`cost`] the cost of a step. This crate does no
//! input or output and reads no clock.
//!
//! In this example both pixels of an image are 0 or both are 1, so one latent dimension is enough.
//! The best model has -log p(x) = log 2 = 0.69 nats:
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
