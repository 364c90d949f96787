//! Tests over the whole workspace; there is no library here.
//!
//! - `tests/architecture`: which crate may know which, how many crates each may pull in, where
//!   `unsafe` may stand.
//! - `tests/agreement`: the engine against values and gradients computed by PyTorch, stored in
//!   `fixtures/` (`scripts/README.md` tells how they are made).
#![forbid(unsafe_code)]
