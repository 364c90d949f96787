//! The game of two networks: Goodfellow et al., "Generative adversarial nets" (NeurIPS 2014),
//! arXiv:1406.2661.
//!
//! A generator G makes samples from noise z. A discriminator D returns the probability that a
//! sample is data. They play
//!
//! > min over G, max over D of  V(D, G) = E log D(x) + E log(1 - D(G(z)))     (eq. 1)
//!
//! with Algorithm 1: k steps of D, then one step of G. The algorithm does not depend on the layers
//! of the networks. [`Game`] implements the algorithm for any [`Generator`] and [`Discriminator`].
//! [`Settings`] has its variants in the literature: losses, penalties, smoothed labels, noise on
//! D's input, the order of updates, the optimiser. A model crate only defines two networks.
//!
//! [`game`] holds the training step of the two [`players`], and [`settings`] its variants.
//! [`condition`] has the conditions of conditional models, and [`cost`] the cost of a step. This
//! crate does no input or output and reads no clock.
//!
//! In this example the generator shifts and scales its noise, and the discriminator has one hidden
//! layer. The data are N(3, 0.5^2):
//!
//! ```
//! use adjoint_adversarial::{Discriminator, Game, Generator, Penalty, Round, Settings};
//! use adjoint_nn::layers::Linear;
//! use adjoint_nn::{Element, Mode, Scheme, Stream, Var, module};
//!
//! struct G<E: Element> {
//!     linear: Linear<E>,
//! }
//! module!(G { linear });
//!
//! impl<E: Element> Generator<E> for G<E> {
//!     fn generate(&mut self, z: &Var<E>, _condition: Option<&Var<E>>, _mode: Mode) -> Var<E> {
//!         self.linear.forward(z)
//!     }
//! }
//!
//! struct D<E: Element> {
//!     hidden: Linear<E>,
//!     out: Linear<E>,
//! }
//! module!(D { hidden, out });
//!
//! impl<E: Element> Discriminator<E> for D<E> {
//!     fn judge(
//!         &mut self,
//!         x: &Var<E>,
//!         _condition: Option<&Var<E>>,
//!         _mode: Mode,
//!         _masks: &mut Stream,
//!     ) -> Var<E> {
//!         self.out.forward(&self.hidden.forward(x).leaky_relu(0.2)).reshape([x.dims()[0]])
//!     }
//! }
//!
//! let mut g = G::<f32> { linear: Linear::new(1, 1) };
//! let mut d = D { hidden: Linear::new(1, 16), out: Linear::new(16, 1) };
//! Scheme::pytorch().apply(&mut g, "generator", 1);
//! Scheme::pytorch().apply(&mut d, "discriminator", 1);
//! let settings = Settings { lr: 0.01, penalty: Penalty::R1, penalty_weight: 0.1, ..Settings::default() };
//! let mut game = Game::new(g, d, settings, 1);
//! for step in 0..600 {
//!     let x = Stream::new(1, "data", step).normal_tensor([64, 1], 3.0, 0.5);
//!     let z = Stream::new(1, "noise", step).normal_tensor([64, 1], 0.0, 1.0);
//!     game.step(step, [Round::new(x, z)]);
//! }
//! let mean = game.generator.linear.bias.as_ref().expect("a bias").value().item();
//! assert!((mean - 3.0).abs() < 0.3, "{mean}");
//! ```
#![forbid(unsafe_code)]

pub mod condition;
pub mod cost;
pub mod game;
pub mod players;
pub mod settings;

pub use condition::{Condition, Label};
pub use game::Game;
pub use players::{Discriminator, Generator, Report, Round};
pub use settings::{Descent, Noise, Penalty, Settings, Update};
