//! `cargo run -p sample -- COMMAND RUN`: what the texts show of a trained model, for any run of the four trainers.
//!
//! [`model`] opens a run, whichever trainer made it; [`commands`] are what can be done with it, a file each; [`latent`] walks
//! between and around latent vectors.
#![forbid(unsafe_code)]

mod cli;
mod commands;
mod latent;
mod model;
mod npy;

use adjoint_train::run_main;
use std::process::ExitCode;

fn main() -> ExitCode {
    run_main(cli::run)
}
