//! The names that nearly every program needs: `use adjoint::prelude::*;`.
//!
//! It has tensors and variables, modules and their parameters, layers, initialisation and
//! optimisers. Losses are called through their module, as in `objective::bce(&logits, 1.0)`. The
//! names of [`adversarial`](crate::adversarial), [`variational`](crate::variational) and
//! [`models`](crate::models) are not in the prelude, because several of these modules use the same
//! names (`Settings`, `Generator`).

#[doc(no_inline)]
pub use adjoint_nn::layers::{
    BatchNorm1d, BatchNorm2d, Conv2d, ConvTranspose2d, Dropout, Embedding, Flatten, LayerNorm, Linear, Norm,
    Spec,
};
#[doc(no_inline)]
pub use adjoint_nn::optim::{Adam, AdamW, Gradients, Optimizer, RmsProp, Sgd};
#[doc(no_inline)]
pub use adjoint_nn::{
    Activation, Element, Ema, Init, Mode, Module, Param, Schedule, Scheme, Shape, Stream, Tensor, Var,
    module, no_grad, objective,
};
