//! The one error type of the crate: everything that can go wrong with files, flags and runs.
//!
//! Each message is one line that says what happened, where, and what to do. Causes are part of the
//! message, so printing an error needs no walk along a chain.

use std::io;
use std::path::{Path, PathBuf};

use crate::paths::shell_word;

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

    /// There are checkpoints, and none can be read.
    #[error("{problem}; {earlier}; start a new run with --config {}", shell_word(config))]
    NothingToResume {
        /// What is wrong with the newest.
        problem: Box<Error>,
        /// What is wrong with the one before it.
        earlier: String,
        /// The settings of the run.
        config: PathBuf,
    },

    /// The directory of a new run already exists.
    #[error(
        "{} already exists; continue it with --resume {}, or choose another --name",
        path.display(), shell_word(path)
    )]
    RunExists {
        /// The directory in the way.
        path: PathBuf,
    },

    /// Another process trains into this run.
    #[error("{} is in use by another process{holder}; wait for it to end, or stop it", path.display())]
    RunBusy {
        /// The run directory.
        path: PathBuf,
        /// " (process 123)" if known, else empty.
        holder: String,
    },

    /// A flag, or a set of them, that clap accepts but the program can't follow.
    #[error("{0}")]
    Flags(String),

    /// What clap has to say about the command line: an error, or the text of `--help`.
    #[error("{}; --help lists the flags", complaint(.0))]
    CommandLine(#[from] clap::Error),

    /// Standard output took not all that was printed.
    #[error("cannot write standard output: {0}")]
    Output(String),

    /// Training left the finite numbers.
    #[error("{what} became {value} at step {step}; {advice}")]
    NotFinite {
        /// The figure or the tensor.
        what: String,
        /// "NaN", "inf" or "-inf".
        value: f64,
        /// The step after which it was seen.
        step: u64,
        /// What to do about it.
        advice: String,
    },

    /// A run ended before its time.
    #[error("{cause}; {advice}")]
    Stopped {
        /// Why.
        cause: Box<Error>,
        /// What was saved, and how to continue.
        advice: String,
    },

    /// The trainer itself gave up, for a reason of the outside world.
    #[error("step {step}: {cause}")]
    Trainer {
        /// The step it was in.
        step: u64,
        /// Its own error.
        cause: BoxError,
    },
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
