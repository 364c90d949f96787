//! The program `sample`: what the texts show of a trained model, for any run of the trainers.
//!
//! [`commands`] holds what can be done with a run, a file each; [`latent`] walks between and around
//! latent vectors.
#![forbid(unsafe_code)]

mod cli;
mod commands;
mod latent;
mod npy;

use std::process::ExitCode;

/// Parses the command line of this process and runs the command in it.
pub fn main() -> ExitCode {
    adjoint_runs::run_main(cli::run)
}
