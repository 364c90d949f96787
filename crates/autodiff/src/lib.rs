//! Reverse-mode automatic differentiation.
//!
//! The crate has three parts. You can read each of them without the others:
//!
//! * [`graph`]: the engine, which contains no operation. It walks a graph backwards, adds up the
//!   contributions to each node, undoes broadcasting and skips gradients that were not requested.
//! * [`ops`]: every derivative of the project. Each operation has its value, formula, rule and
//!   check in one place.
//! * [`gradcheck`]: the gradient checker. It compares first and second derivatives with central
//!   differences in `f64`.
//!
//! ```
//! use adjoint_autodiff::Var;
//! use adjoint_tensor::Tensor;
//!
//! let x = Var::leaf(Tensor::from_slice([3], &[1.0f64, 2.0, 3.0]));
//! let y = (&x * &x).sum();                                  // y = sum of x^2
//! assert_eq!(y.gradients(&[&x])[0].data(), &[2.0, 4.0, 6.0]); // dy/dx = 2x
//!
//! // A gradient is itself differentiable: |dy/dx|^2 = 4 x^2 has the gradient 8x.
//! let g = y.differentiable_gradients(&[&x]).remove(0);
//! assert_eq!((&g * &g).sum().gradients(&[&x])[0].data(), &[8.0, 16.0, 24.0]);
//! ```
//!
//! There are no `.grad` fields to reset and no `requires_grad` flags: you request the gradient of
//! one value with respect to others.
#![forbid(unsafe_code)]

pub mod gradcheck;
pub mod graph;
pub mod instances;
pub mod ops;

pub use adjoint_kernels::batch_norm::Activation;
pub use graph::{Backward, Var, no_grad, record};

/// CONTRIBUTING.md and the chapters in docs/. Their examples run as tests of this crate.
#[cfg(doctest)]
mod book {
    #[doc = include_str!("../../../docs/engine.md")]
    struct Engine;
    #[doc = include_str!("../../../docs/conv.md")]
    struct Conv;
    #[doc = include_str!("../../../docs/batch_norm.md")]
    struct BatchNorm;
    #[doc = include_str!("../../../CONTRIBUTING.md")]
    struct Contributing;
}
