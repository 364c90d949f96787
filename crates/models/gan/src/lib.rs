//! The original GAN: Goodfellow et al., "Generative adversarial nets" (NeurIPS 2014), arXiv:1406.2661.
//!
//! The model in five lines:
//!
//! * G maps noise z to a sample, D maps a sample to the probability that it is data; both are multilayer perceptrons (section 5).
//! * They play  min over G, max over D of  V(D, G) = E log D(x) + E log(1 - D(G(z)))  (eq. 1), by Algorithm 1.
//! * For a given G the best D is p_data / (p_data + p_g) (eq. 2, proposition 1).
//! * Against it V is -log 4 plus twice the Jensen-Shannon divergence of p_data and p_g (eq. 6), so its least value, -log 4, is
//!   reached where p_g = p_data and D = 1/2 (theorem 1).
//! * Samples may be images in \[-1, 1\], behind a tanh, or points of any size, behind nothing.
//!
//! [`networks`] holds the two networks; the game they play is `adjoint-adversarial`'s. Nothing here reads, writes or looks at a
//! clock.
#![forbid(unsafe_code)]

pub mod networks;

pub use networks::{Architecture, Discriminator, Gan, Generator, gan};
