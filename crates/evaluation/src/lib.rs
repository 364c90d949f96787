//! The program `evaluate`: compares trained models by metrics. docs/metrics.md says what each
//! metric measures.
//!
//! | file | contents |
//! | --- | --- |
//! | `cli` | flags; groups the runs that are compared with each other |
//! | `judges` | the classifier and the regressor of factors, trained once and stored |
//! | `images` | how images are scored |
//! | `measured` | classes and factors of images, measured in parts |
//! | `control` | how latent vectors control the known factors of glyphs |
//! | `bounds` | how likely a model makes the test images |
//! | `plane` | how points are scored |
//! | `table` | scores as tables and as JSON |
//!
//! Write the scores of a GAN of points in the plane as JSON:
//!
//! ```
//! # let directory = tempfile::tempdir()?;
//! # let json = directory.path().join("figures.json");
//! # let run = "../testing/fixtures/runs/0.1/gan-ring";
//! let arguments = ["evaluate", run, "--samples", "500", "--json", &json.to_string_lossy()];
//! adjoint_evaluation::run(arguments.map(Into::into))?;
//!
//! let comparisons: serde_json::Value = serde_json::from_slice(&std::fs::read(json)?)?;
//! let subjects = comparisons[0]["subjects"].as_array().expect("a list");
//! let names: Vec<_> = subjects.iter().map(|subject| &subject["name"]).collect();
//! assert_eq!(names, ["data", run, "noise"]);
//! assert_eq!(subjects[0]["figures"]["modes"]["value"], 8.0); // the data has 8 modes
//! # Ok::<(), adjoint_runs::BoxError>(())
//! ```
#![forbid(unsafe_code)]

mod bounds;
mod cli;
mod control;
mod images;
mod judges;
mod measured;
mod plane;
mod table;

use adjoint_runs::run_main;
use std::env;
use std::process::ExitCode;

pub use cli::{command, run};

/// The `main` of the program.
pub fn main() -> ExitCode {
    run_main(|| run(env::args_os()))
}
