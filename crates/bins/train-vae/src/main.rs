//! `cargo run -p train-vae`: trains a variational autoencoder, on built-in glyphs or on MNIST.
#![forbid(unsafe_code)]

use adjoint_train::{Launch, run_main};
use adjoint_workbench::variational::trainer;
use std::process::ExitCode;
use train_vae::Settings;

fn main() -> ExitCode {
    run_main(|| Launch::<Settings>::from_args()?.train(trainer))
}
