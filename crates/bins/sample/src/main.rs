//! `cargo run -p sample -- COMMAND RUN`: what the texts show of a trained model, for any run of the four trainers.
//!
//! [`commands`] are what can be done with a run, a file each; [`latent`] walks between and around latent vectors.
#![forbid(unsafe_code)]

mod cli;
mod commands;
mod latent;
mod npy;

use adjoint_train::run_main;
use std::process::ExitCode;

fn main() -> ExitCode {
    run_main(cli::run)
}
