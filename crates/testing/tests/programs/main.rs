//! The programs as a user meets them, one file each; and what they have in common.
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
