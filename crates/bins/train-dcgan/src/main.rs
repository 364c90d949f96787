//! `cargo run -p train-dcgan`: trains a DCGAN, on built-in glyphs or on MNIST.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    adjoint_recipes::dcgan::RECIPE.main()
}
