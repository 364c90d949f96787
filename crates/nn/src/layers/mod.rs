//! Layers: maps with parameters, a struct each.
//!
//! A layer is built from its sizes alone; its parameters are NaN until a [`Scheme`](crate::Scheme)
//! draws them or a state is loaded. `forward` takes `&mut self` where it changes state (running
//! statistics), and a [`Mode`] where training and evaluation differ. Activations are methods of
//! [`Var`](crate::Var), not layers.
//!
//! Images are NHWC and convolution weights HWIO throughout.

mod batch_norm;
mod conv;
mod dropout;
mod embedding;
mod flatten;
mod layer_norm;
mod linear;
mod spectral_norm;

use crate::named;
pub use adjoint_autodiff::ops::Spec;
pub use batch_norm::{BatchNorm, BatchNorm1d, BatchNorm2d};
pub use conv::{Conv2d, ConvTranspose2d};
pub use dropout::Dropout;
pub use embedding::Embedding;
pub use flatten::Flatten;
pub use layer_norm::LayerNorm;
pub use linear::Linear;
pub use spectral_norm::SpectralNorm;

/// Slope below 0 of the leaky relu of discriminators (Radford et al. 2016, section 4).
pub const LEAKY_SLOPE: f64 = 0.2;

/// What keeps the signals of a layer in bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Norm {
    /// Nothing.
    None,
    /// Batch norm of its outputs.
    #[default]
    Batch,
    /// Spectral normalisation of its weight.
    Spectral,
}

named!(Norm {
    None = "none": "no normalisation",
    Batch = "batch": "batch norm of a layer's outputs",
    Spectral = "spectral": "spectral normalisation of a layer's weights",
});

impl Norm {
    /// The same, or none in place of batch norm: for a layer that batch norm must not follow.
    #[must_use]
    pub fn without_batch(self) -> Self {
        if self == Norm::Batch { Norm::None } else { self }
    }

    /// Its part of the name of a layer: "batch norm, ", or nothing.
    pub(crate) fn in_layer_name(self) -> &'static str {
        match self {
            Norm::None => "",
            Norm::Batch => "batch norm, ",
            Norm::Spectral => "spectral norm, ",
        }
    }
}

/// Is a model being trained or used? Batch norm and dropout differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Statistics of the batch; dropout drops.
    Train,
    /// Running statistics; dropout has no effect.
    Eval,
}
