//! A tensor engine written by hand, with automatic differentiation, and the models VAE, GAN, DCGAN
//! and conditional GAN built on it.
//!
//! This program trains a network on XOR:
//!
//! ```
//! use adjoint::prelude::*;
//!
//! struct Net<E: Element> {
//!     hidden: Linear<E>,
//!     out: Linear<E>,
//! }
//! module!(Net { hidden, out }); // visits the parameters by name: "hidden.weight", "hidden.bias", ...
//!
//! impl<E: Element> Net<E> {
//!     fn forward(&self, x: &Var<E>) -> Var<E> {
//!         self.out.forward(&self.hidden.forward(x).tanh())
//!     }
//! }
//!
//! let x = Var::constant(Tensor::from_slice([4, 2], &[0.0f32, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0]));
//! let y = Var::constant(Tensor::from_slice([4, 1], &[0.0f32, 1.0, 1.0, 0.0]));
//! let mut net = Net { hidden: Linear::new(2, 8), out: Linear::new(8, 1) };
//! Scheme::pytorch().apply(&mut net, "net", 1); // initial weights, from seed 1
//! let mut adam = Optimizer::new(&net, 0.05, Adam::default());
//! for _ in 0..200 {
//!     adam.descend((net.forward(&x) - &y).square().mean(), &mut net);
//! }
//! let error = (net.forward(&x) - &y).abs();
//! assert!(error.value().data().iter().all(|&e| e < 0.05));
//! ```
//!
//! `loss.gradients(&[&x, &w])` computes the gradients of `loss` with respect to `x` and `w`.
//! `adam.descend(loss, &mut net)` computes the gradients of all parameters of a module and updates
//! the parameters. There are no `.grad` fields to reset and no `requires_grad` flags. Gradients are
//! differentiable, so a gradient penalty needs no special code. The same code trains in `f32` and
//! is checked in `f64`.
//!
//! # Examples to copy
//!
//! | `cargo run -p adjoint --example` | shows |
//! | --- | --- |
//! | `xor` | the program above, with its losses and answers |
//! | `ring_gan` | a GAN on eight clusters: two losses, and the number of clusters that each covers |
//! | `custom_op` | a new operation, its gradient rule, and the check that finds a wrong rule |
//! | `custom_layer` | a new layer with parameters: trained, saved to a file, loaded |
//!
//! # Reading path
//!
//! Each layer of the engine is a crate, re-exported as a module here. It depends only on the crates
//! below it in this table.
//!
//! | module | read first |
//! | --- | --- |
//! | [`models`] | [`dcgan::networks`](models::dcgan::networks): two networks as in the paper |
//! | [`adversarial`], [`variational`] | [`Game::step`](adversarial::Game::step), Algorithm 1 of the GAN paper; [`Autoencoder::step`](variational::Autoencoder::step), Algorithm 1 of the VAE paper |
//! | [`nn`] | [`Module`], [`nn::layers`], [`nn::objective`], [`nn::optim`] |
//! | [`autodiff`] | [`autodiff::graph`], the backward pass; [`autodiff::ops`], every derivative; [`autodiff::gradcheck`], the check of the derivatives |
//! | [`tensor`] | [`Tensor`]; [`Stream`], random numbers addressed by seed, purpose and index |
//! | [`kernels`] | [`kernels::reference`], each kernel in naive loops; [`kernels::conv2d`], the fast algorithms |
//!
//! Results have the same bits for any number of [`threads`](kernels::threads). They differ in the
//! last bits between instruction sets ([`isa`](kernels::isa)).
//!
//! This crate deliberately contains no code of its own: it only re-exports the other crates.
//! Datasets, files, training runs and programs are not part of it.
#![forbid(unsafe_code)]

pub mod models;
pub mod prelude;

#[doc(inline)]
pub use adjoint_adversarial as adversarial;
#[doc(inline)]
pub use adjoint_autodiff as autodiff;
#[doc(inline)]
pub use adjoint_kernels as kernels;
#[doc(inline)]
pub use adjoint_nn as nn;
#[doc(inline)]
pub use adjoint_tensor as tensor;
#[doc(inline)]
pub use adjoint_variational as variational;

#[doc(inline)]
pub use adjoint_nn::{Element, Module, Shape, Stream, Tensor, Var, no_grad};

/// Runs the example in README.md as a test.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
