//! The error type of this crate, for files, flags and runs.
//!
//! Each message is one line that says what failed, where, and what to do. The message includes its
//! causes, so callers need not follow `source` to print them.

use std::io;
use std::path::{Path, PathBuf};

/// An error from outside this crate that a trainer returns, such as an unreadable dataset.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// An error of a training run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An operation on a file or directory failed.
    #[error("cannot {action} {}: {cause}", path.display())]
    Io {
        /// The operation, as a verb such as "write".
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The error of the operating system.
        cause: io::Error,
    },

    /// A file or directory can't be used: it is damaged, of another format, or belongs to something
    /// else, such as another model.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },

    /// An error of clap about the command line, or the text of `--help`.
    #[error("{}; --help lists the flags", complaint(.0))]
    CommandLine(#[from] clap::Error),

    /// Any other error, such as flags that contradict each other, or a run that can't start or
    /// continue. No caller distinguishes these errors. The message says what to do.
    #[error("{0}")]
    Other(String),
}

impl Error {
    /// Converts an error of the operating system, or an error that contains one, into an
    /// [`Error::Io`]: `.map_err(Error::io("write", path))`.
    pub fn io<E: Into<io::Error>>(action: &'static str, path: &Path) -> impl Fn(E) -> Self + Copy {
        move |cause| Self::Io { action, path: path.to_path_buf(), cause: cause.into() }
    }

    /// Creates an [`Error::File`].
    pub fn file(path: &Path, problem: impl Into<String>) -> Self {
        Self::File { path: path.to_path_buf(), problem: problem.into() }
    }
}

/// Formats an error of clap on one line, with clap's hint and the possible values, but without the
/// usage text.
pub(crate) fn complaint(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let said =
        lines.take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"));
    let line = said.collect::<Vec<_>>().join("; ").replace(":; ", ": ").replace("; [", " [");
    line.trim_start_matches("error: ").to_owned()
}
