//! The program `evaluate`: trained models in numbers, side by side. docs/metrics.md says what each
//! number measures.
//!
//! | file | what |
//! | --- | --- |
//! | `cli` | flags, and runs sorted by what they are to be compared with |
//! | `judges` | the classifier and the regressor of factors: trained once, then kept |
//! | `factors` | which factors the regressor learns |
//! | `images` | scores of images |
//! | `measured` | classes and factors of images, a part at a time |
//! | `control` | what latent vectors do to the known factors of glyphs |
//! | `bounds` | likelihoods |
//! | `plane` | scores of points |
//! | `table` | figures as tables and as JSON |
//!
//! The figures of a GAN of points in the plane, as JSON:
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
//! assert_eq!(subjects[0]["figures"]["modes"]["value"], 8.0); // of the data
//! # Ok::<(), adjoint_runs::BoxError>(())
//! ```
#![forbid(unsafe_code)]

mod bounds;
mod cli;
mod control;
mod factors;
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
