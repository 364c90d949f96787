//! Layers: functions with parameters. Each layer is a struct.
//!
//! A new layer needs only its sizes. Its parameters are NaN until a [`Scheme`](crate::Scheme) draws
//! them or a state is loaded. `forward` takes `&mut self` if it changes state such as running
//! statistics, and a [`Mode`] if training and evaluation differ. Activations are methods of
//! [`Var`], not layers.
//!
//! All images have the layout NHWC, all convolution weights the layout HWIO.

mod batch_norm;
mod conv;
mod dropout;
mod embedding;
mod flatten;
mod layer_norm;
mod linear;
mod spectral_norm;

use crate::{Element, Param, Var, named};
pub use adjoint_autodiff::ops::Spec;
pub use batch_norm::{BATCH_NORM_EPS, BatchNorm, BatchNorm1d, BatchNorm2d};
pub use conv::{Conv2d, ConvTranspose2d};
pub use dropout::Dropout;
pub use embedding::Embedding;
pub use flatten::Flatten;
pub use layer_norm::LayerNorm;
pub use linear::Linear;
pub use spectral_norm::SpectralNorm;

/// Slope of leaky relu for negative inputs in discriminators (Radford et al. 2016, section 4).
pub const LEAKY_SLOPE: f64 = 0.2;

named! {
    /// The normalisation of a layer.
    #[derive(Default)]
    pub enum Norm {
        /// No normalisation.
        None = "none": "no normalisation",
        /// Batch norm of the layer's outputs.
        #[default]
        Batch = "batch": "batch norm of a layer's outputs",
        /// Spectral normalisation of the layer's weight.
        Spectral = "spectral": "spectral normalisation of a layer's weights",
    }
}

impl Norm {
    /// Returns [`Norm::None`] instead of batch norm, and other norms unchanged. For layers that
    /// must not have batch norm.
    #[must_use]
    pub fn without_batch(self) -> Self {
        if self == Norm::Batch { Norm::None } else { self }
    }

    /// The description of the norm in the name of a layer, for example "batch norm, ". Empty for
    /// [`Norm::None`].
    pub(crate) fn in_layer_name(self) -> &'static str {
        match self {
            Norm::None => "",
            Norm::Batch => "batch norm, ",
            Norm::Spectral => "spectral norm, ",
        }
    }
}

/// Whether a model is trained or evaluated, which changes the behaviour of batch norm and dropout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Batch norm uses the statistics of the batch, and dropout is active.
    Train,
    /// Batch norm uses running statistics, and dropout has no effect.
    Eval,
}

#[track_caller]
fn add_bias<E: Element>(y: Var<E>, bias: &Option<Param<E>>) -> Var<E> {
    match bias {
        Some(bias) => y + bias.var(),
        None => y,
    }
}
