//! Optimisers: gradients of a loss with respect to a model, and the rules that update its
//! parameters.
//!
//! A step consists of computing the gradients and of updating the parameters.
//! [`Optimizer::descend`] does both; the two can also be called separately:
//!
//! ```
//! # use adjoint_nn::layers::Linear;
//! # use adjoint_nn::optim::{Adam, Gradients, Optimizer};
//! # use adjoint_nn::{Module, Scheme, Tensor, Var};
//! # let mut model = Linear::<f32>::new(2, 1);
//! # Scheme::pytorch().apply(&mut model, "model", 0);
//! # let mut adam = Optimizer::new(&model, 1e-3, Adam::default());
//! # let x = Var::constant(Tensor::full([4, 2], 1.0));
//! let loss = adam.descend(model.forward(&x).square().mean(), &mut model);
//!
//! // The same step with the norm of the gradient clipped to 1.
//! let mut gradients = Gradients::of(model.forward(&x).square().mean(), &model);
//! let norm = gradients.clip_norm(1.0);
//! adam.step(&gradients, &mut model);
//! # assert!(loss.is_finite() && norm > 0.0);
//! ```

mod adam;
mod gradients;
mod optimizer;
mod rmsprop;
mod sgd;

pub use adam::{Adam, AdamW};
pub use gradients::Gradients;
pub use optimizer::{Optimizer, Step, UpdateRule};
pub use rmsprop::RmsProp;
pub use sgd::Sgd;
