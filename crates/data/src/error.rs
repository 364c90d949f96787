//! The errors of loading a dataset. Each message is one line: what failed, where, and what to do.

use std::io;
use std::path::{Path, PathBuf};

use crate::arrays::ArrayError;
use crate::escape::Shown;
use crate::{CacheError, Digest, FolderError, IMAGE_SIZES};

/// The reason why a dataset cannot be loaded as requested.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// No dataset has the requested name.
    #[error(
        "there is no dataset \"{}\"; known are {known}, or the path of a directory of images or of an array (.npy, .npz)",
        Shown(name.as_ref())
    )]
    UnknownDataset {
        /// The requested name.
        name: String,
        /// The names of all available datasets, separated by commas.
        known: String,
    },

    /// There is nothing at the requested path.
    #[error("there is no directory or file {}{}", Shown(.0), home_advice(.0))]
    NoPath(PathBuf),

    /// The requested path is a file, but not one of arrays.
    #[error(
        "{} is neither a directory of images nor an array (.npy, .npz); give the directory that has the images",
        Shown(.0)
    )]
    NotADataset(PathBuf),

    /// The requested image size is out of range.
    #[error(
        "images of {} pixels are not possible; choose a size from {} to {}",
        .0, IMAGE_SIZES.start(), IMAGE_SIZES.end()
    )]
    ImageSize(usize),

    /// The dataset has no images, so there are no batches.
    #[error("{0} has no images")]
    Empty(String),

    /// All images of the dataset are in the test split.
    #[error("the train split of {0} has no images; choose a smaller --test-fraction or add images")]
    NoTrainImages(String),

    /// The dataset has more classes than labels can number.
    #[error("{dataset} has {classes} classes, and at most {} are possible; join some of them", u16::MAX)]
    Classes {
        /// The dataset.
        dataset: String,
        /// Number of its classes.
        classes: usize,
    },

    /// The batch size is 0 or exceeds the number of images.
    #[error(
        "a batch size of {batch_size} is not possible with the {images} images of {dataset}; choose a --batch-size from 1 to {images}, or add images"
    )]
    BatchSize {
        /// The requested batch size.
        batch_size: usize,
        /// The dataset.
        dataset: String,
        /// Number of images in the dataset.
        images: usize,
    },

    /// A file of the dataset does not exist, and downloading is not enabled.
    #[error(
        "the dataset {dataset} is incomplete in {}: there is no {file}; add --download to fetch it, or name with \
         --data-dir the directory that holds {dataset}/",
        Shown(directory)
    )]
    Missing {
        /// The dataset.
        dataset: String,
        /// The name of the missing file.
        file: String,
        /// The directory of the dataset.
        directory: PathBuf,
    },

    /// A file of the dataset does not exist, and connections are not allowed.
    #[error(
        "{file} is not in {}, and --offline allows no download; put the file there, or name with --data-dir another \
         directory",
        Shown(directory)
    )]
    Offline {
        /// The name of the missing file.
        file: String,
        /// The directory of the dataset.
        directory: PathBuf,
    },

    /// A file of the dataset does not exist, and the manifest has no mirror of it.
    #[error(
        "{file} is not in {}, and its manifest has no mirror to fetch it from; put the file there, or name with \
         --data-dir another directory",
        Shown(directory)
    )]
    NoMirror {
        /// The name of the missing file.
        file: String,
        /// The directory of the dataset.
        directory: PathBuf,
    },

    /// The operating system returned an error for an operation on a file or directory.
    #[error("cannot {action} {}: {cause}", Shown(path))]
    Io {
        /// The operation as a verb, such as "read".
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The error of the operating system.
        cause: io::Error,
    },

    /// The path of a file is a directory or another object that is not a regular file.
    #[error("{} is not a file; move it away", Shown(.0))]
    NotAFile(PathBuf),

    /// The content of a file fails its checks.
    #[error("{} is damaged: {damage}; {}", Shown(path), damage_advice(*has_mirrors))]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The problem of the content.
        damage: Damage,
        /// Can the file be downloaded?
        has_mirrors: bool,
    },

    /// No mirror delivered a file.
    #[error(
        "cannot download {file}: {attempts}; check the connection, or put the file into {} by hand",
        Shown(directory)
    )]
    Download {
        /// The file name.
        file: String,
        /// The problem of each mirror, in the order of the attempts: "URL: problem", separated by
        /// commas.
        attempts: String,
        /// The directory in which the file belongs.
        directory: PathBuf,
    },

    /// A manifest of datasets is not valid. The problem is on one line.
    #[error("the dataset manifest is not valid: {0}")]
    Manifest(String),

    /// A file of arrays cannot be used.
    #[error(transparent)]
    Array(ArrayError),

    /// A folder of images cannot be used.
    #[error(transparent)]
    Folder(FolderError),

    /// The decoded images of a folder or an array cannot be kept.
    #[error(transparent)]
    Cache(CacheError),
}

/// What to do about a path that starts with `~`.
fn home_advice(path: &Path) -> &'static str {
    if path.starts_with("~") {
        "; the shell did not replace ~, so write the home directory in full"
    } else {
        ""
    }
}

/// What to do about a damaged file.
fn damage_advice(has_mirrors: bool) -> &'static str {
    if has_mirrors { "delete it and fetch it again with --download" } else { "replace it" }
}

impl DataError {
    /// Converts an I/O error to a [`DataError::Io`]: `.map_err(DataError::io("read", path))`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |cause| Self::Io { action, path: path.to_path_buf(), cause }
    }

    /// Converts a [`Damage`] to a [`DataError::Damaged`]: `.map_err(DataError::damaged(path))`.
    pub(crate) fn damaged(path: &Path) -> impl Fn(Damage) -> Self {
        move |damage| Self::Damaged { path: path.to_path_buf(), damage, has_mirrors: false }
    }

    /// Advises to fetch a damaged file again if there are mirrors:
    /// `.map_err(DataError::advise_fetching(mirrors))`.
    pub(crate) fn advise_fetching(mirrors: &[String]) -> impl Fn(Self) -> Self {
        let has_mirrors = !mirrors.is_empty();
        move |error| match error {
            Self::Damaged { path, damage, .. } => Self::Damaged { path, damage, has_mirrors },
            other => other,
        }
    }

    /// Returns a [`DataError::NoMirror`].
    pub(crate) fn no_mirror(file: &str, directory: &Path) -> Self {
        Self::NoMirror { file: file.to_string(), directory: directory.to_path_buf() }
    }
}

/// A problem of the content of a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The gzip stream stops before its end.
    #[error("the gzip stream ends early")]
    CutShort,
    /// The gzip stream cannot be decoded, or its checksum is wrong.
    #[error("the gzip stream is corrupt")]
    Corrupt,
    /// A member of the gzip stream is followed by bytes that are neither zeros nor a further
    /// member.
    #[error("bytes follow the end of the gzip stream")]
    TrailingBytes,
    /// The tar archive in the gzip stream cannot be decoded.
    #[error("its tar archive is corrupt")]
    Tar,
    /// A file in the tar archive is not allowed.
    #[error("its member {path:?} {problem}")]
    Member {
        /// The path in the archive.
        path: String,
        /// The problem, as a predicate.
        problem: &'static str,
    },
    /// A file in the tar archive has another size than the manifest requires.
    #[error("its member {path:?} has {found} bytes, not {expected}")]
    MemberSize {
        /// The path in the archive.
        path: String,
        /// The size in the header of the file, in bytes.
        found: u64,
        /// The size that the manifest requires, in bytes.
        expected: u64,
    },
    /// The tar archive lacks this file.
    #[error("it has no member {0}")]
    NoMember(String),
    /// The content is not a sequence of records.
    #[error("it has {found} bytes, which is not a number of records of {record} bytes")]
    Records {
        /// Size of the content in bytes.
        found: u64,
        /// Size of a record in bytes.
        record: usize,
    },
    /// The content is longer than this number of bytes.
    #[error("it has more than the expected {0} bytes")]
    TooLong(u64),
    /// The content ends before the end of the IDX header.
    #[error("it ends within its IDX header")]
    NoHeader,
    /// The content is not an IDX file of unsigned bytes with 1 to 4 axes. It starts with these
    /// bytes.
    #[error("it starts with {0:02x?}, which is not the header of an IDX file of bytes")]
    Magic([u8; 4]),
    /// The number of bytes of data in the file is not the number that the header announces.
    #[error("its IDX header announces {announced} bytes of data but {found} follow")]
    Length {
        /// The product of the sizes in the header.
        announced: u128,
        /// Number of bytes after the header.
        found: u64,
    },
    /// The SHA-256 of the content differs from the manifest.
    #[error("its SHA-256 is {found}, not {expected}")]
    Checksum {
        /// The SHA-256 of the file.
        found: Digest,
        /// The SHA-256 in the manifest.
        expected: Digest,
    },
    /// The shape in the header differs from the manifest.
    #[error("it has the shape {found:?}, not {expected:?}")]
    Shape {
        /// The sizes in the header.
        found: Vec<usize>,
        /// The sizes in the manifest.
        expected: Vec<usize>,
    },
    /// A label is not below the number of classes.
    #[error("label number {index} is {label}, but there are only {classes} classes")]
    Label {
        /// The index of the label, from 0.
        index: usize,
        /// The label.
        label: u16,
        /// Number of classes.
        classes: usize,
    },
}
