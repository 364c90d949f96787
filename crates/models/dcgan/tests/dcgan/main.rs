//! What training steps of a DCGAN do to a machine: memory and threads.
#![forbid(unsafe_code)]

#[cfg(target_os = "linux")]
mod resident_memory;
mod steady_state;
mod step_bytes;
mod threads;
