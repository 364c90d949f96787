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
