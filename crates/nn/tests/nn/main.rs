//! Layers, losses and optimisers together.
#![forbid(unsafe_code)]

mod memory;
mod whole_losses;
