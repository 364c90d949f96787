//! The game of two networks: Goodfellow et al., "Generative adversarial nets" (NeurIPS 2014), arXiv:1406.2661.
//!
//! A generator G makes samples from noise z, a discriminator D says of a sample how likely it is to be data. They play
//!
//! > min over G, max over D of  V(D, G) = E log D(x) + E log(1 - D(G(z)))     (eq. 1)
//!
//! by Algorithm 1: k steps of D up V, then one of G. Nothing of that depends on what the networks are made of, so it
//! stands here once: [`Game`] is the algorithm over any [`Generator`] and [`Discriminator`], [`Settings`] are the variants that
//! the literature made of it (losses, penalties, smoothed labels, noise on D's input, who moves when, how to descend). A model
//! crate brings its two networks and is done.
//!
//! [`game`] holds one training step over the two [`players`], [`settings`] its variants, [`cost`]
//! what it costs. Nothing here reads, writes or looks at a clock.
#![forbid(unsafe_code)]

pub mod cost;
pub mod game;
pub mod players;
pub mod settings;

pub use game::Game;
pub use players::{Discriminator, Generator, Report, Round};
pub use settings::{Descent, Noise, Penalty, Settings, Update};
