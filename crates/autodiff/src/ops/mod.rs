//! Every derivative of the project.
//!
//! One family of operations to a file; for each operation its value, its formula, its rule and its
//! check on one screen. Gradients are written x_bar = dL/dx; `y_bar` flows in, a rule says what
//! flows out to each input. Rules are calculus only: the engine sums over broadcast axes and over
//! several uses.
//!
//! Each file names where its formulas come from. What all share, the adjoint of an elementary
//! function and of a linear map, is chapter 3 of Griewank & Walther 2008, Evaluating Derivatives
//! (2nd edition).
//!
//! Operations are methods of [`crate::Var`] and, for arithmetic, operators.

mod arithmetic;
mod batch_norm;
mod conv2d;
mod exponential;
mod matmul;
mod piecewise;
mod selection;
mod shape;
mod sigmoidal;
mod softmax;

pub(crate) use arithmetic::identity;
pub use batch_norm::BatchNorm;
pub use conv2d::{conv_transpose2d, conv2d, conv2d_weight_grad};

pub use adjoint_kernels::conv2d::{Geometry, Spec};
