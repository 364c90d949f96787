//! What can go wrong between a dataset's name and its images. Each message is one line: what,
//! where, what to do.

use std::io;
use std::path::{Path, PathBuf};

use crate::Digest;

/// A dataset that can't be had as asked.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// No dataset has this name.
    #[error("there is no dataset \"{name}\"; known are {known}")]
    UnknownDataset {
        /// What was requested.
        name: String,
        /// The names that exist, separated by commas.
        known: String,
    },

    /// The images can't be had in this size.
    #[error("images of {size} pixels are not possible; choose a size from {smallest} to {largest}")]
    ImageSize {
        /// What was requested.
        size: usize,
        /// The smallest size possible.
        smallest: usize,
        /// The largest size possible.
        largest: usize,
    },

    /// There is nothing to make batches of.
    #[error("{dataset} has no images")]
    Empty {
        /// The dataset.
        dataset: String,
    },

    /// An epoch would have no batch.
    #[error(
        "a batch size of {batch_size} is not possible with the {images} images of {dataset}; choose 1 to {images}"
    )]
    BatchSize {
        /// What was requested.
        batch_size: usize,
        /// The dataset.
        dataset: String,
        /// How many images it has.
        images: usize,
    },

    /// A file of the dataset is nowhere and may not be fetched.
    #[error(
        "the dataset {dataset} is not whole in {}: there is no {file}; add --download to fetch it, or name with \
         --data-dir the directory that holds {dataset}/",
        directory.display()
    )]
    Missing {
        /// The dataset.
        dataset: String,
        /// The file name; it may also end in .gz.
        file: String,
        /// Where it was looked for.
        directory: PathBuf,
    },

    /// The operating system refused to do something with a file or directory.
    #[error("cannot {action} {}: {cause}", path.display())]
    Io {
        /// What was tried, as a verb: "read".
        action: &'static str,
        /// With which file or directory.
        path: PathBuf,
        /// The system's answer.
        cause: io::Error,
    },

    /// The path of a file leads to a directory, or to something stranger.
    #[error("{} is not a file; move it away", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },

    /// A file's content is not what it should be.
    #[error("{} is damaged: {damage}; delete it and fetch it again with --download", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        damage: Damage,
    },

    /// No mirror delivered a file.
    #[error("cannot download {file}: {attempts}; check the connection, or put the file into {} by hand", directory.display())]
    Download {
        /// The file name.
        file: String,
        /// What happened at each mirror in turn: "URL: problem", separated by commas.
        attempts: String,
        /// Where it belongs.
        directory: PathBuf,
    },

    /// A manifest of datasets is not valid.
    #[error("the dataset manifest is not valid: {problem}")]
    Manifest {
        /// What is wrong, on one line.
        problem: String,
    },
}

impl DataError {
    /// Turns the operating system's answer into a [`DataError::Io`]:
    /// `.map_err(DataError::io("read", path))`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |cause| Self::Io { action, path: path.to_path_buf(), cause }
    }

    /// Names the file that is damaged: `.map_err(DataError::damaged(path))`.
    pub(crate) fn damaged(path: &Path) -> impl Fn(Damage) -> Self {
        move |damage| Self::Damaged { path: path.to_path_buf(), damage }
    }
}

/// What is wrong with the content of a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The gzip stream stops before its end.
    #[error("the gzip stream ends early")]
    CutShort,
    /// The gzip stream can't be decoded, or its own checksum is wrong.
    #[error("the gzip stream is corrupt")]
    Corrupt,
    /// Something other than another member and zeros follows a member of the gzip stream.
    #[error("bytes follow the end of the gzip stream")]
    TrailingBytes,
    /// More content than the file may have.
    #[error("it holds more than the {limit} bytes it should")]
    TooLong {
        /// The most bytes expected.
        limit: u64,
    },
    /// Not even a header.
    #[error("it ends within its IDX header")]
    NoHeader,
    /// Not an IDX file of unsigned bytes with 1 to 4 axes.
    #[error("it starts with {found:02x?}, not as an IDX file of bytes does")]
    Magic {
        /// The first four bytes.
        found: [u8; 4],
    },
    /// The header and the file disagree about its size.
    #[error("its IDX header announces {announced} bytes of data but {found} follow")]
    Length {
        /// Product of the sizes in the header.
        announced: u128,
        /// Bytes after the header.
        found: u64,
    },
    /// The content is that of another file.
    #[error("its SHA-256 is {found}, not {expected}")]
    Checksum {
        /// Of the file as it is.
        found: Digest,
        /// Of the original.
        expected: Digest,
    },
    /// The header announces another dataset.
    #[error("it has the shape {found:?}, not {expected:?}")]
    Shape {
        /// Sizes in the header.
        found: Vec<usize>,
        /// Sizes in the manifest.
        expected: Vec<usize>,
    },
    /// A label that names no class.
    #[error("label number {index} is {label}, but there are only {classes} classes")]
    Label {
        /// Position of the label, from 0.
        index: usize,
        /// The label.
        label: u8,
        /// Number of classes.
        classes: usize,
    },
}
