//! A model with latent variables as a program: its flags, and the trainer of all such models.
//!
//! * [`flags`]: the variants of the bound as flags.
//! * [`config`]: what a program brings to make of them a trainer.
//! * [`Measures`]: what a model is worth on a set, always measured alike.
//! * [`VariationalTrainer`]: any such model in the hands of the training loop.

pub mod config;
pub mod flags;
mod measures;
mod trainer;

pub use config::{VariationalConfig, recipe, summary, trainer};
pub use flags::{MEASURED, VariationalArgs};
pub use measures::Measures;
pub use trainer::VariationalTrainer;
