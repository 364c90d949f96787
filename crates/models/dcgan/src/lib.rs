//! DCGAN: Radford, Metz & Chintala, "Unsupervised representation learning with deep convolutional
//! generative adversarial networks" (ICLR 2016), arXiv:1511.06434.
//!
//! The model in five lines:
//!
//! * G maps z, 100 uniform numbers from \[-1, 1), to an image. It *projects* z to a few pixels with
//!   many channels. Then strided transposed convolutions with batch norm and relu double height and
//!   width several times. The last layer ends in a tanh.
//! * D maps an image to one logit: strided convolutions with leaky relu of slope 0.2, and batch
//!   norm in all layers except the first.
//! * Both are trained by Algorithm 1 of Goodfellow et al. 2014. In k steps D ascends the value
//!   function V(D, G) = E log D(x) + E log(1 - D(G(z))) (eq. 1). Then in one step G ascends E log
//!   D(G(z)) instead of descending E log(1 - D(G(z))). This has the same fixed point, and its
//!   gradient does not vanish when D is confident (section 3).
//! * Initial weights are N(0, 0.02^2). Adam has beta1 0.5 and, at width 128, the learning rate 2e-4
//!   ([`at_width`](adjoint_adversarial::Settings::at_width)). Batches have 128 images (DCGAN,
//!   section 4).
//! * There are no pooling layers and no hidden fully connected layers (section 3).
//!
//! [`networks`] holds the two networks. `adjoint-adversarial` implements the game that they play.
//! This crate does no input or output and reads no clock.
//!
//! This example builds a small DCGAN, runs one training step and draws samples:
//!
//! ```
//! use adjoint_adversarial::{Round, Settings};
//! use adjoint_dcgan::{Architecture, dcgan};
//! use adjoint_nn::{Mode, Module, Stream, Var};
//!
//! let architecture =
//!     Architecture { image_size: 16, channels: 1, width: 4, latent: 8, ..Architecture::default() };
//! let mut model = dcgan::<f32>(&architecture, Settings::default().at_width(4), 1);
//!
//! let images = Stream::new(1, "images", 0).uniform_tensor([4, 16, 16, 1], -1.0, 1.0);
//! let z = Stream::new(1, "z", 0).uniform_tensor([4, 8], -1.0, 1.0);
//! let report = model.step(0, [Round::new(images, z.clone())]);
//! assert!(report.gradient_d > 0.0 && report.gradient_g > 0.0);
//!
//! let samples = model.generator.forward(&Var::constant(z), Mode::Eval);
//! assert_eq!(samples.dims(), [4, 16, 16, 1]);
//! assert_eq!(model.generator.state()[0].0, "blocks.0.conv.weight");
//! ```
#![forbid(unsafe_code)]

pub mod networks;

pub use networks::{Architecture, Dcgan, Discriminator, Generator, dcgan};
