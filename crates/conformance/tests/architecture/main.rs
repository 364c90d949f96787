//! Tests of the rules of ARCHITECTURE.md and CONTRIBUTING.md that the compiler does not check: the
//! allowed dependencies between crates, the allowed third-party crates, the files that may contain
//! `unsafe`, the length of files and the style of text. Each rule is a function from a description
//! of the workspace to a list of violations, so that a test can call it with a workspace that
//! breaks the rule.
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
