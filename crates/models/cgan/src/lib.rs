//! Conditional GANs: Mirza & Osindero, "Conditional generative adversarial nets" (2014), arXiv:1411.1784.
//!
//! The model in five lines:
//!
//! * Both networks are told a condition y: it joins the noise at G's input, and the sample at D's (section 3.2).
//! * They play  min over G, max over D of  E log D(x|y) + E log(1 - D(G(z|y)|y))  (eq. 2): a sample that does not fit its y is
//!   one that D can tell.
//! * y is a class, as a one-hot row or a learned vector. [`Body::Mlp`] concatenates it with flat inputs (section 4.1);
//!   [`Body::Conv`] is a DCGAN with planes of it beside the input of *every* layer (as the conditional net of Radford et al. 2016, section 8.1).
//! * Or y is an image, and G maps images to images: a pyramid down and up again, with each level on the way down beside the same on
//!   the way up, and  lambda E |x - G(z, y)|  in its loss (Isola et al. 2017, eq. 4 and section 3.2).
//! * [`architecture`] holds the sizes of both networks, [`networks`] the networks; the game they play is `adjoint-adversarial`'s.
//!
//! Nothing here reads, writes or looks at a clock.
#![forbid(unsafe_code)]

pub mod architecture;
pub mod networks;

pub use architecture::{Architecture, Body, Condition};
pub use networks::{Cgan, Discriminator, Generator, cgan};
