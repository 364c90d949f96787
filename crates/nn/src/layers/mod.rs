//! Layers: maps with parameters, a struct each.
//!
//! A layer is built from its sizes alone; its parameters are NaN until a [`Scheme`](crate::Scheme) draws them or a state
//! is loaded. `forward` takes `&mut self` where it changes state (running statistics), and a [`Mode`] where training
//! and evaluation differ. Activations are methods of [`Var`](crate::Var), not layers.
//!
//! Images are NHWC and convolution weights HWIO throughout.

mod batch_norm;
mod conv;
mod dropout;
mod embedding;
mod layer_norm;
mod linear;
mod reshape;

pub use adjoint_autodiff::ops::Spec;
pub use batch_norm::{BatchNorm, BatchNorm1d, BatchNorm2d};
pub use conv::{Conv2d, ConvTranspose2d};
pub use dropout::Dropout;
pub use embedding::Embedding;
pub use layer_norm::LayerNorm;
pub use linear::Linear;
pub use reshape::{Flatten, Reshape};

/// Is a model being trained or used? Batch norm and dropout differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Statistics of the batch; dropout drops.
    Train,
    /// Running statistics; dropout does nothing.
    Eval,
}
