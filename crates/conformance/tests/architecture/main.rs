//! The rules of ARCHITECTURE.md and CONTRIBUTING.md that a compiler does not check: which crate may
//! depend on which, which third-party crates are allowed, where `unsafe` is allowed, how long files
//! are and how text is written. Each rule is a function from a description of the workspace to a
//! list of violations, so that a test can give it a workspace that breaks the rule.
#![forbid(unsafe_code)]

mod dependencies;
mod features;
mod phrases;
mod sizes;
mod targets;
mod text;
mod unsafe_code;
mod width;
mod workspace;
