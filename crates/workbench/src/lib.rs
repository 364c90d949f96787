//! The workbench: where models, data and runs meet. What every program that trains or uses a model needs, and nothing that
//! belongs to one model alone.
//!
//! * [`data`]: the dataset that flags name, with downloads shown.
//! * [`limits`]: what flags ask for against what there is.
//! * [`labels`]: classes as one-hot rows.
//! * [`summary`]: what `--dry-run` prints.
#![forbid(unsafe_code)]

pub mod data;
pub mod labels;
pub mod limits;
mod summary;

pub use summary::summary;
