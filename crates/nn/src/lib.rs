//! Neural networks: parameters, modules, layers, initialisers, optimisers and the papers'
//! objectives.
//!
//! | module | contents |
//! | --- | --- |
//! | [`param`], [`mod@module`] | trainable tensors; structs of them, whose fields are visited by name |
//! | [`layers`] | functions with parameters: linear, convolutions, normalisations, embedding |
//! | [`perceptron`], [`pyramid`] | fully connected and convolutional blocks of generators and discriminators |
//! | [`plan`], [`cost`] | descriptions of layers before they are built; their numbers of parameters and operations |
//! | [`init`] | initial values of parameters; each parameter has its own random stream |
//! | [`optim`] | gradients of a loss with respect to a model, and the update rules of optimisers |
//! | [`schedule`], [`ema`] | learning rate schedules; averages of weights over time |
//! | [`objective`] | losses of the GAN and VAE papers, on logits |
//! | [`gradcheck`] | comparison of the gradients of whole models with central differences |
//!
//! This crate has no derivative rules (they are in `adjoint-autodiff`) and reads no data and no
//! files.
//!
//! A complete model, its initialisation and two training steps:
//!
//! ```
//! use adjoint_nn::layers::Linear;
//! use adjoint_nn::objective::bce;
//! use adjoint_nn::optim::{Adam, Optimizer};
//! use adjoint_nn::{Element, Module, Scheme, Stream, Var, module};
//!
//! struct Discriminator<E: Element> {
//!     hidden: Linear<E>,
//!     out: Linear<E>,
//! }
//! module!(Discriminator { hidden, out });
//!
//! impl<E: Element> Discriminator<E> {
//!     fn forward(&self, x: &Var<E>) -> Var<E> {
//!         self.out.forward(&self.hidden.forward(x).leaky_relu(0.2))
//!     }
//! }
//!
//! let mut d = Discriminator::<f32> { hidden: Linear::new(2, 16), out: Linear::new(16, 1) };
//! Scheme::pytorch().apply(&mut d, "discriminator", 7);
//! let mut adam = Optimizer::new(&d, 1e-2, Adam::default());
//!
//! let x = Var::constant(Stream::new(7, "data", 0).normal_tensor([32, 2], 0.0, 1.0));
//! let before = adam.descend(bce(&d.forward(&x), 1.0), &mut d);
//! let after = adam.descend(bce(&d.forward(&x), 1.0), &mut d);
//! assert!(after < before);
//! assert_eq!(d.state()[0].0, "hidden.weight");
//! ```
#![forbid(unsafe_code)]

pub mod cost;
pub mod ema;
pub mod gradcheck;
pub mod init;
pub mod instances;
pub mod layers;
pub mod module;
pub mod objective;
pub mod optim;
pub mod param;
pub mod perceptron;
pub mod plan;
pub mod pyramid;
pub mod schedule;
mod state;

pub use adjoint_autodiff::{Activation, Var, no_grad};
pub use adjoint_kernels::conv2d::with_plain_sums;
pub use adjoint_tensor::{Element, Named, Shape, Stream, Tensor, named};
pub use ema::Ema;
pub use init::{Init, Scheme};
pub use layers::Mode;
pub use module::{Module, Slot, SlotMut};
pub use param::{Direction, Param};
pub use schedule::Schedule;
pub use state::{NamedTensors, StateError, match_names};
