//! Tests of the programs through their command lines. There is one file per program, and one per
//! kind of behaviour that several programs share.
#![forbid(unsafe_code)]

mod adjoint;
#[cfg(unix)]
mod destinations;
mod evaluate;
mod exports;
mod imports;
mod limits;
mod output;
mod own_images;
mod own_sets;
#[cfg(target_os = "linux")]
mod paths;
mod sample;
mod stored_runs;
mod train_cgan;
mod train_dcgan;
mod train_gan;
mod train_vae;
