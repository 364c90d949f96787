//! `cargo run -p train-gan`: trains the original GAN, on built-in glyphs, on MNIST or on points in the plane.
#![forbid(unsafe_code)]

use adjoint_train::{Launch, run_main};
use adjoint_workbench::game::trainer;
use std::process::ExitCode;
use train_gan::Settings;

fn main() -> ExitCode {
    run_main(|| Launch::<Settings>::from_args()?.train(trainer))
}
