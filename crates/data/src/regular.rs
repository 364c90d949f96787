//! Opens the files of datasets.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::DataError;

/// Opens a regular file, like [`open_file`].
///
/// # Errors
/// [`DataError::Io`] if the file cannot be opened. [`DataError::NotAFile`] if `path` is not a
/// regular file.
pub(crate) fn open(path: &Path) -> Result<File, DataError> {
    open_file(path).map_err(|cause| match cause.kind() {
        io::ErrorKind::Other => DataError::NotAFile(path.to_path_buf()),
        _ => DataError::io("read", path)(cause),
    })
}

/// Opens a regular file. The kind of the file is checked before it is opened, because opening a
/// named pipe blocks until there is a writer.
///
/// # Errors
/// Those of the system, which never are of the kind `Other`. An error of this kind if `path` is not
/// a regular file.
pub(crate) fn open_file(path: &Path) -> io::Result<File> {
    if path.metadata()?.is_file() { File::open(path) } else { Err(io::Error::other("it is not a file")) }
}
