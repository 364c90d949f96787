//! `cargo run -p train-dcgan`: trains a DCGAN, on built-in glyphs or on MNIST.
#![forbid(unsafe_code)]

use adjoint_train::{Launch, run_main};
use adjoint_workbench::game::trainer;
use std::process::ExitCode;
use train_dcgan::Settings;

fn main() -> ExitCode {
    run_main(|| Launch::<Settings>::from_args()?.train(trainer))
}
