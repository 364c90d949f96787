//! Tests the rules of ARCHITECTURE.md and CONTRIBUTING.md that the compiler does not check. They
//! are about dependencies between crates, third-party crates, the files that may contain `unsafe`,
//! the length of files and the style of text. Each rule is a function from a description of the
//! workspace to a list of violations. A test can thus also call it with a workspace that breaks the
//! rule.
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
