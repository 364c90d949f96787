//! Conditional GANs: Mirza & Osindero, "Conditional generative adversarial nets" (2014),
//! arXiv:1411.1784.
//!
//! The model in five lines:
//!
//! * Both networks get a condition y. It is part of G's input together with the noise, and part of
//!   D's input together with the sample (section 3.2).
//! * They play  min over G, max over D of  E log D(x|y) + E log(1 - D(G(z|y)|y))  (eq. 2). D also
//!   learns to reject samples that do not match their y.
//! * y is a class, as a one-hot row or a learned vector. [`Body::Mlp`] concatenates y with flat
//!   inputs (section 4.1). [`Body::Conv`] is a DCGAN in which y is appended as channels to the
//!   input of *every* layer, as in the conditional net of Radford et al. 2016, section 8.1.
//! * Or y is an image, and G maps images to images. G halves y several times and doubles it again,
//!   with skip connections between levels of equal size. G's loss has the term  lambda E |x - G(z,
//!   y)|  (Isola et al. 2017, eq. 4 and section 3.2).
//! * [`architecture`] holds the sizes of both networks, and [`networks`] the networks.
//!   `adjoint-adversarial` implements the game.
//!
//! This crate does no input or output and reads no clock.
//!
//! In this example the two classes are black and white images. The generator learns to generate the
//! requested class:
//!
//! ```
//! use adjoint_adversarial::{Condition, Label, Penalty, Round, Settings};
//! use adjoint_cgan::{Architecture, Body, cgan};
//! use adjoint_nn::layers::{Dropout, Norm};
//! use adjoint_nn::{Mode, Stream, Tensor, Var};
//!
//! let architecture = Architecture {
//!     image_size: 2,
//!     channels: 1,
//!     latent: 2,
//!     condition: Condition::Class,
//!     label: Label::OneHot,
//!     classes: 2,
//!     body: Body::Mlp { g_hidden: vec![16], d_hidden: vec![16] },
//!     d_norm: Norm::None,
//!     d_dropout: Dropout::default(),
//! };
//! let settings = Settings { lr: 0.005, penalty: Penalty::R1, penalty_weight: 0.1, ..Settings::default() };
//! let mut model = cgan::<f32>(&architecture, settings, 1);
//!
//! let classes = Tensor::from_slice([2, 2], &[1.0f32, 0.0, 0.0, 1.0]);
//! let images = Tensor::from_slice([2, 1, 1, 1], &[-0.9f32, 0.9]).expand([2, 2, 2, 1]);
//! let z = |step| Stream::new(1, "z", step).normal_tensor([2, 2], 0.0, 1.0);
//! for step in 0..400 {
//!     let condition = Some(classes.clone());
//!     model.step(step, [Round { x: images.clone(), z: z(step), condition }]);
//! }
//!
//! let (z, classes) = (Var::constant(z(1000)), Var::constant(classes));
//! let samples = model.generator.forward(&z, &classes, Mode::Eval).into_value();
//! let [black, white] = [0, 1].map(|i| samples.data()[4 * i..][..4].iter().sum::<f32>() / 4.0);
//! assert!(black < -0.5 && white > 0.5, "mean pixels {black} and {white}");
//! ```
#![forbid(unsafe_code)]

pub mod architecture;
pub mod networks;

pub use architecture::{Architecture, Body};
pub use networks::{Cgan, Discriminator, Generator, cgan};
