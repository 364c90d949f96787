//! The VAE on the command line: its flags, and the model in the hands of the training loop.
#![forbid(unsafe_code)]

mod settings;
mod trainer;

pub use settings::{Binarize, MEASURED, Settings};
pub use trainer::Trainer;
