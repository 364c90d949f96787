//! Kernels: functions from slices to slices.
//!
//! This crate has all loops over floats that must be fast: matrix products ([`gemm`]), the
//! convolution family ([`conv2d`]), batch normalisation ([`batch_norm`]), pointwise maps
//! ([`pointwise`]), reductions ([`reduce`]), softmax ([`softmax`]), data movement ([`layout`]) and
//! the fused optimiser step ([`adam`]). Products, convolutions, batch norm, broadcasting and sums
//! have a naive version in [`mod@reference`]. The naive version is their definition, and tests
//! compare the fast kernels with it. The tests of the other kernels compare them with their
//! formulas.
//!
//! This crate is deliberately *not* a tensor library. It has no shapes except the sizes in its
//! arguments, records no operations, and owns only recycled memory ([`memory`]). It is the only
//! crate that uses threads ([`threads`]), that calls `matrixmultiply` and that contains `unsafe`.
//! The unsafe code is in [`gemm`], in `simd` (vector instructions; [`isa`] selects the set), and
//! where several tasks write to one output.
//!
//! # Results do not depend on the number of threads
//!
//! A kernel divides its work into chunks. The chunks depend only on the shapes of the operands. One
//! thread computes a chunk from start to end, and partial sums of chunks are added in the order of
//! the chunks. So `threads::with(1, f)` and `threads::with(7, f)` give the same bits.
//!
//! # Convolution and its adjoint
//!
//! The gradient of a convolution C with respect to its input is the adjoint map C^T: <C x, g> = <x,
//! C^T g>.
//!
//! ```
//! use adjoint_kernels::conv2d::{Geometry, Spec, forward, input_grad};
//!
//! // One channel of 4x4 pixels, a 3x3 kernel, stride 2, padding 1: 2x2 pixels.
//! let geometry = Geometry::new([1, 4, 4, 1], [3, 3, 1, 1], Spec::new(2, 1));
//! let x: [f32; 16] = std::array::from_fn(|i| i as f32);
//! let w: [f32; 9] = std::array::from_fn(|i| i as f32 - 4.0);
//! let g = [1.0, -2.0, 3.0, -1.0];
//!
//! let (mut y, mut x_bar) = ([0.0; 4], [0.0; 16]);
//! forward(&geometry, &x, &w, &mut y);
//! input_grad(&geometry, &g, &w, &mut x_bar);
//! let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
//! assert_eq!(y, [33.0, 58.0, 75.0, 78.0]);
//! assert_eq!(dot(&y, &g), dot(&x, &x_bar));
//! ```
#![deny(unsafe_op_in_unsafe_fn)]

pub mod adam;
pub mod batch_norm;
pub mod conv2d;
pub mod element;
pub mod gemm;
pub mod instances;
pub mod isa;
pub mod layout;
mod math;
pub mod memory;
mod parallel;
pub mod pointwise;
pub mod reduce;
pub mod reference;
pub mod scoped;
mod simd;
pub mod size;
pub mod softmax;
pub mod threads;
mod tuning;

pub use element::Element;
