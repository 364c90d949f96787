//! The errors of the file that keeps images. Each message is one line.

use std::io;
use std::path::PathBuf;

use crate::escape::Shown;

/// The reason why the decoded images of a folder or an array cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The cache does not fit on its file system.
    #[error(
        "the decoded images of {} need {}, but {} has only {} free; choose another directory with --cache-dir, \
         or decode into memory with --no-cache",
        Shown(origin), megabytes(*needed), Shown(directory), whole_megabytes(*free)
    )]
    NoSpace {
        /// The folder or the file of arrays.
        origin: PathBuf,
        /// Bytes of the cache.
        needed: u64,
        /// Free bytes in the directory.
        free: u64,
        /// The directory of the cache.
        directory: PathBuf,
    },

    /// The cache cannot be written.
    #[error(
        "cannot write the decoded images of {} to {}: {cause}; choose another directory with --cache-dir, \
         or decode into memory with --no-cache",
        Shown(origin),
        Shown(path)
    )]
    Write {
        /// The folder or the file of arrays.
        origin: PathBuf,
        /// The file of the cache, or its directory.
        path: PathBuf,
        /// The error of the operating system.
        cause: io::Error,
    },

    /// The file was damaged after it had been opened, and its origin no longer has the image.
    #[error(
        "{} is damaged, and {} cannot be decoded in its place: {problem}; restore the image",
        Shown(cache),
        Shown(path)
    )]
    Damaged {
        /// The cache.
        cache: PathBuf,
        /// The file of the image.
        path: PathBuf,
        /// The problem of this file, on one line.
        problem: String,
    },

    /// There is not enough memory for the decoded images.
    #[error("the decoded images of {} need {} of memory; use a cache instead of --no-cache", Shown(origin), megabytes(*needed))]
    NoMemory {
        /// The folder or the file of arrays.
        origin: PathBuf,
        /// Bytes of the decoded images.
        needed: u64,
    },
}

/// Returns a number of bytes as text in MB, rounded down, so that too few bytes never seem enough.
fn whole_megabytes(bytes: u64) -> String {
    format!("{} MB", bytes / 1_000_000)
}

/// Returns a number of bytes as text in MB (10^6 bytes), rounded up.
fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes.div_ceil(1_000_000))
}
