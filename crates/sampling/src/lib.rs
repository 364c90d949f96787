//! The program `sample`: what the texts show of a trained model, for any run of the trainers.
//!
//! `commands` holds what can be done with a run, a file each; `latent` walks between and around
//! latent vectors.
//!
//! Four samples of a run, side by side:
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

mod cli;
mod commands;
mod latent;
mod npy;

use adjoint_runs::run_main;
use std::env;
use std::process::ExitCode;

pub use cli::{command, run};

/// The `main` of the program.
pub fn main() -> ExitCode {
    run_main(|| run(env::args_os()))
}
