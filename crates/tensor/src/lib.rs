//! Tensors: a [`Shape`] and a buffer.
//!
//! A [`Tensor`] is contiguous and has at most four axes. Clones share its memory until one of them
//! is written to. When the last clone is dropped, the memory returns to a pool. Tensors compute
//! values; derivatives are in `adjoint-autodiff`.
//!
//! [`PixelRange`] defines which values of a tensor of images are black and white.
//!
//! [`Named`] is the trait of settings that have named values. [`named!`] defines such a setting.
//!
//! [`Stream`] is the project's only source of random numbers. A stream has a name, and its numbers
//! depend only on this name, not on the draws from other streams.
#![forbid(unsafe_code)]

pub mod instances;
mod movement;
mod named;
mod pixels;
mod shape;
mod stream;
mod tensor;

pub use adjoint_kernels::softmax::LogMeanExp;
pub use adjoint_kernels::{Element, isa, memory, threads};
pub use named::Named;
pub use pixels::PixelRange;
pub use shape::Shape;
pub use stream::Stream;
pub use tensor::Tensor;
