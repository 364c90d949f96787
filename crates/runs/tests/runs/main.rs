//! Tests of the public API: files that the crate writes and reads, settings, and a complete
//! trainer.
#![forbid(unsafe_code)]

mod checkpoints;
#[cfg(unix)]
mod faults;
mod grids;
#[cfg(unix)]
mod process;
#[cfg(target_os = "linux")]
mod resident_memory;
#[cfg(unix)]
mod runs;
mod settings;
mod weights;
