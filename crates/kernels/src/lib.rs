//! Kernels: slices in, slices out.
//!
//! Everything that loops over floats for speed lives here: matrix products ([`gemm`]), the
//! convolution family ([`conv2d`]), batch normalisation ([`batch_norm`]), pointwise maps
//! ([`pointwise`]), reductions ([`reduce`]), softmax ([`softmax`]), data movement ([`layout`]) and
//! the fused optimiser step ([`adam`]). Products, convolutions, batch norm, broadcasting and sums
//! have a naive twin in [`mod@reference`], their definition and their oracle; the others are held
//! to their formula by their own tests.
//!
//! This crate is deliberately *not* a tensor library: it knows no shapes beyond the numbers it is
//! given, records nothing and owns nothing but recycled memory ([`memory`]). It is also the only
//! crate that uses threads ([`threads`]), the only one that calls `matrixmultiply`, and the only
//! one with `unsafe`: in [`gemm`], in the vector instructions of `simd` (which set of them runs is
//! [`isa`]'s choice), and where tasks share an output.
//!
//! # Bits do not depend on the number of threads
//!
//! Work is cut into chunks by shape only; a chunk is computed by one thread from start to end;
//! partial sums of chunks are added in the order of the chunks. `threads::with(1, f)` and
//! `threads::with(7, f)` give the same bits.
//!
//! # Convolution and its adjoint
//!
//! The gradient of a convolution C by its input is the adjoint map C^T: <C x, g> = <x, C^T g>.
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
mod simd;
pub mod size;
pub mod softmax;
pub mod threads;
mod tuning;

pub use element::Element;
