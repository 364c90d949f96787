//! `adjoint COMMAND`: trains, samples and compares models. `adjoint train dcgan` is `train-dcgan`.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    adjoint_commands::main()
}
