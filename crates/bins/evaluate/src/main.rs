//! `cargo run -p evaluate -- RUN...`: trained models in numbers, side by side.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    adjoint_evaluation::main()
}
