//! The operations, with every derivative of the project.
//!
//! Each file has one family of operations. For each operation, its value, formula, rule and check
//! fit on one screen. Gradients are written x_bar = dL/dx. A rule takes `y_bar`, the gradient with
//! respect to the output, and returns the gradient with respect to each input. Rules contain only
//! calculus. If an input is broadcast or used several times, the engine adds up the contributions
//! to its gradient.
//!
//! Each file cites the source of its formulas. All files use the adjoints of an elementary function
//! and of a linear map, from chapter 3 of Griewank & Walther 2008, Evaluating Derivatives (2nd
//! edition).
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

use crate::Var;
use crate::graph::record;
use adjoint_tensor::{Element, Tensor};

/// Records y = f(x), where f acts on each element or on each row. `gradient` computes x_bar from y
/// and y_bar. So the graph saves y instead of x. This needs less memory, because the next operation
/// often saves y in any case.
fn record_by_output<E: Element>(
    name: &'static str,
    x: &Var<E>,
    y: Tensor<E>,
    gradient: fn(&Var<E>, &Var<E>) -> Var<E>,
) -> Var<E> {
    record(name, y.clone(), [x], (y, gradient), |(y, gradient), bw| {
        let y = bw.output(y);
        bw.wrt(0, |g| gradient(&y, g));
    })
}
