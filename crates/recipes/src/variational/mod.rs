//! Latent variable models as programs: the flags and the trainer that they share.
//!
//! * [`flags`]: the flags and their defaults.
//! * [`config`]: the trait that the settings of a program implement.
//! * [`LatentModel`]: a model with its flags. It computes the bound and the likelihood of images.
//! * [`VariationalTrainer`]: a model with its data, for the training loop.

pub mod config;
pub mod flags;
mod latent_model;
mod trainer;

pub use config::{VariationalConfig, recipe, summary};
pub use flags::VariationalArgs;
pub use latent_model::{LatentModel, MEASURED};
pub use trainer::VariationalTrainer;
