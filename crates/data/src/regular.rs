//! Opens the files of datasets.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::DataError;

/// Opens a regular file. The kind of the file is checked before it is opened, because opening a
/// named pipe blocks until there is a writer.
///
/// # Errors
/// [`DataError::Io`] if the file cannot be opened. [`DataError::NotAFile`] if `path` is not a
/// regular file.
pub(crate) fn open(path: &Path) -> Result<File, DataError> {
    if !path.metadata().map_err(DataError::io("read", path))?.is_file() {
        return Err(DataError::NotAFile(path.to_path_buf()));
    }
    File::open(path).map_err(DataError::io("read", path))
}

/// Opens a regular file, like [`open`], with an error of the system.
///
/// # Errors
/// If the file cannot be opened or is not a regular file.
pub(crate) fn open_file(path: &Path) -> io::Result<File> {
    if path.metadata()?.is_file() { File::open(path) } else { Err(io::Error::other("it is not a file")) }
}
