//! Tests of the whole workspace. This package has no library code.
//!
//! - `tests/architecture` checks which crates a crate may depend on, how many crates its build may
//!   compile, where `unsafe` is allowed, and the sizes and style of files.
//! - `tests/agreement` compares the engine with values and gradients computed by PyTorch, which are
//!   stored in `fixtures/` (`scripts/README.md` describes how they are made).
#![forbid(unsafe_code)]
