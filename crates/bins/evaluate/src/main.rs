//! `cargo run -p evaluate -- RUN...`: compares trained models in a table of measurements.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    adjoint_evaluation::main()
}
