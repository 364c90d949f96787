//! `cargo run -p train-vae`: trains a variational autoencoder, on built-in glyphs or on MNIST.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    adjoint_recipes::vae::RECIPE.main()
}
