//! The program `sample`: draws pictures of a trained model, such as those in the paper of the
//! model. The run may be of any trainer.
//!
//! `commands` has one file per command; `latent` interpolates between latent vectors.
//!
//! Draw four samples of a run side by side:
//!
//! ```
//! # let directory = tempfile::tempdir()?;
//! # let out = directory.path().join("grid.png");
//! # let run = "../testing/fixtures/runs/0.1/vae";
//! let arguments = ["sample", "grid", run, "--n", "4", "--out", &out.to_string_lossy()];
//! adjoint_sampling::run(arguments.map(Into::into))?;
//!
//! let grid = adjoint_runs::Image::read_png(&out)?;
//! assert_eq!(grid.width, grid.height); // two rows of two
//! # Ok::<(), adjoint_runs::BoxError>(())
//! ```
#![forbid(unsafe_code)]

mod arrays;
mod cli;
mod commands;
mod latent;

use adjoint_runs::run_main;
use std::env;
use std::process::ExitCode;

pub use cli::{command, run};

/// The `main` of the program.
pub fn main() -> ExitCode {
    run_main(|| run(env::args_os()))
}
