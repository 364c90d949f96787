//! `cargo run -p sample -- COMMAND RUN`: draws pictures with a trained model.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    adjoint_sampling::main()
}
