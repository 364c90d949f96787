//! Conditional GANs: Mirza & Osindero, "Conditional generative adversarial nets" (2014),
//! arXiv:1411.1784.
//!
//! The model in five lines:
//!
//! * Both networks are told a condition y: it joins the noise at G's input, and the sample at D's
//!   (section 3.2).
//! * They play  min over G, max over D of  E log D(x|y) + E log(1 - D(G(z|y)|y))  (eq. 2): a sample
//!   that does not fit its y is one that D can tell.
//! * y is a class, as a one-hot row or a learned vector. [`Body::Mlp`] concatenates it with flat
//!   inputs (section 4.1); [`Body::Conv`] is a DCGAN with planes of it beside the input of *every*
//!   layer (as the conditional net of Radford et al. 2016, section 8.1).
//! * Or y is an image, and G maps images to images: a pyramid down and up again, with each level on
//!   the way down beside the same on the way up, and  lambda E |x - G(z, y)|  in its loss (Isola et
//!   al. 2017, eq. 4 and section 3.2).
//! * [`architecture`] holds the sizes of both networks, [`networks`] the networks; the game they
//!   play is `adjoint-adversarial`'s.
//!
//! Nothing here reads, writes or looks at a clock.
//!
//! Two classes of images, black and white. The generator learns to make the class that it gets:
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
//! assert!(black < -0.5 && white > 0.5, "{black} and {white}");
//! ```
#![forbid(unsafe_code)]

pub mod architecture;
pub mod networks;

pub use architecture::{Architecture, Body};
pub use networks::{Cgan, Discriminator, Generator, cgan};
