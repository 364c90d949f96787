//! `cargo run -p train-gan`: trains the original GAN, on built-in glyphs, on MNIST or on points in
//! the plane.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    adjoint_recipes::gan::RECIPE.main()
}
