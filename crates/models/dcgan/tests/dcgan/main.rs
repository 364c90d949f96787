//! Memory use and thread use of DCGAN training steps.
#![forbid(unsafe_code)]

#[cfg(target_os = "linux")]
mod resident_memory;
mod steady_state;
mod step_bytes;
mod threads;
