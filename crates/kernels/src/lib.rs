//! Kernels: slices in, slices out.
//!
//! Everything that loops over floats for speed lives here: matrix products ([`gemm`]), the convolution family
//! ([`conv2d`]), batch normalisation ([`batch_norm`]), pointwise maps ([`pointwise`]), reductions ([`reduce`]),
//! softmax ([`softmax`]), data movement ([`layout`]) and the fused optimiser step ([`adam`]). Products, convolutions,
//! batch norm, broadcasting and sums have a naive twin in [`mod@reference`], their definition and their oracle; the
//! others are held to their formula by their own tests.
//!
//! This crate is deliberately *not* a tensor library: it knows no shapes beyond the numbers it is given, records
//! nothing and owns nothing but recycled memory ([`memory`]). It is also the only crate that uses threads
//! ([`threads`]), the only one that calls `matrixmultiply`, and the only one with `unsafe`: in [`gemm`], in the vector
//! instructions of `simd` (which set of them runs is [`isa`]'s choice), and where tasks share an output.
//!
//! # Bits do not depend on the number of threads
//!
//! Work is cut into chunks by shape only; a chunk is computed by one thread from start to end; partial sums of chunks
//! are added in the order of the chunks. `threads::with(1, f)` and `threads::with(7, f)` give the same bits.
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
