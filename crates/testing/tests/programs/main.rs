//! Tests of the programs through their command lines: one file per program, and files for common
//! behaviour.
#![forbid(unsafe_code)]

mod adjoint;
#[cfg(unix)]
mod destinations;
mod evaluate;
mod limits;
mod output;
#[cfg(target_os = "linux")]
mod paths;
mod sample;
mod stored_runs;
mod train_cgan;
mod train_dcgan;
mod train_gan;
mod train_vae;
