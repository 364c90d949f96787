//! The rules of ARCHITECTURE.md that a compiler does not check: which crate may know which, what may be pulled in from
//! outside, and where `unsafe` may stand. Each rule is a function from a description of the workspace to a list of
//! violations, so that its own test can hand it a workspace that breaks it.
#![forbid(unsafe_code)]

mod dependencies;
mod features;
mod sizes;
mod targets;
mod unsafe_code;
mod workspace;
