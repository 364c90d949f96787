//! `cargo run -p train-cgan`: trains a conditional GAN, on built-in glyphs or on MNIST.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    adjoint_recipes::cgan::RECIPE.main()
}
