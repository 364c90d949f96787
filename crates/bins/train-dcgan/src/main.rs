//! `cargo run -p train-dcgan`: trains a DCGAN, on built-in glyphs or on MNIST. Flags, the data, the model, the loop.
#![forbid(unsafe_code)]

mod settings;
mod trainer;

use adjoint_train::{Launch, run_main};
use std::process::ExitCode;

fn main() -> ExitCode {
    run_main(|| Launch::<settings::Settings>::from_args()?.train(trainer::Trainer::new))
}
