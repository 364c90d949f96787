//! `cargo run -p sample -- COMMAND RUN`: what a trained model can do, in pictures.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    adjoint_sampling::main()
}
