//! The program `sample`: what the texts show of a trained model, for any run of the trainers.
//!
//! `commands` holds what can be done with a run, a file each; `latent` walks between and around
//! latent vectors.
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
