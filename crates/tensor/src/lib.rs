//! Tensors: a [`Shape`] and a buffer.
//!
//! A [`Tensor`] is contiguous, has at most four axes, shares its memory until written to and gives
//! it back to a pool when dropped. It knows how to compute values and nothing about derivatives:
//! those are `adjoint-autodiff`'s.
//!
//! [`PixelRange`] says which values of a tensor of images are black and white.
//!
//! [`Stream`] is the project's only source of random numbers: addressed by what a number is for,
//! not by how many were drawn before it.
#![forbid(unsafe_code)]

pub mod instances;
mod movement;
mod pixels;
mod shape;
mod stream;
mod tensor;

pub use adjoint_kernels::softmax::LogMeanExp;
pub use adjoint_kernels::{Element, isa, memory, threads};
pub use pixels::PixelRange;
pub use shape::Shape;
pub use stream::Stream;
pub use tensor::Tensor;
