//! The one error type of the crate: everything that can go wrong with files, flags and runs.
//!
//! Each message is one line that says what happened, where, and what to do. Causes are part of the
//! message, so printing an error needs no walk along a chain.

use std::io;
use std::path::{Path, PathBuf};

/// An error of a program's outside world that a trainer passes on: its dataset, its network, its
/// disk.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What can go wrong around a training run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused to do something with a file or directory.
    #[error("cannot {action} {}: {cause}", path.display())]
    Io {
        /// What was tried, as a verb: "write".
        action: &'static str,
        /// With which file or directory.
        path: PathBuf,
        /// The system's answer.
        cause: io::Error,
    },

    /// A file is truncated, damaged, or of another format.
    #[error("{}: {problem}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },

    /// A file is sound, but belongs to something else than what it was read for.
    #[error("{}: {problem}", path.display())]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// What differs.
        problem: String,
    },

    /// What clap has to say about the command line: an error, or the text of `--help`.
    #[error("{}; --help lists the flags", complaint(.0))]
    CommandLine(#[from] clap::Error),

    /// The trainer itself gave up, for a reason of the outside world.
    #[error("step {step}: {cause}")]
    Trainer {
        /// The step it was in.
        step: u64,
        /// Its own error.
        cause: BoxError,
    },

    /// Anything else: flags that the program can't follow, a run that can't begin or continue. No
    /// caller tells these apart; the message says what to do.
    #[error("{0}")]
    Other(String),
}

impl Error {
    /// Turns the answer of the operating system into an [`Error::Io`]:
    /// `.map_err(Error::io("write", path))`.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |cause| Self::Io { action, path: path.to_path_buf(), cause }
    }

    /// An [`Error::Unreadable`].
    pub fn unreadable(path: &Path, problem: impl Into<String>) -> Self {
        Self::Unreadable { path: path.to_path_buf(), problem: problem.into() }
    }

    /// An [`Error::Mismatch`].
    pub fn mismatch(path: &Path, problem: impl Into<String>) -> Self {
        Self::Mismatch { path: path.to_path_buf(), problem: problem.into() }
    }
}

/// What clap complains of, on one line: without the synopsis, with its hint and the values that are
/// possible.
pub(crate) fn complaint(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let said =
        lines.take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"));
    let line = said.collect::<Vec<_>>().join("; ").replace(":; ", ": ").replace("; [", " [");
    line.trim_start_matches("error: ").to_owned()
}
