//! Layers, losses and optimisers together.
#![forbid(unsafe_code)]

mod memory;
mod panics;
mod whole_losses;
