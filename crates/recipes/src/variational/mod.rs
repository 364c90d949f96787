//! Latent variable models as programs: the flags and the trainer that they share.
//!
//! * [`flags`]: the flags and their defaults.
//! * [`config`]: the trait that the settings of a program implement.
//! * [`Measures`]: the bound and the likelihood of a model on a set, with reproducible noise.
//! * [`VariationalTrainer`]: a model with its data, for the training loop.

pub mod config;
pub mod flags;
mod measures;
mod trainer;

pub use config::{VariationalConfig, recipe, summary, trainer};
pub use flags::{MEASURED, VariationalArgs};
pub use measures::Measures;
pub use trainer::VariationalTrainer;
