//! File access through `adjoint-files`, with the path in each error.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::Error;

/// Writes to `path` and follows symbolic links. A regular file is replaced as a whole or not at
/// all, and keeps its mode. Anything else, such as a pipe, is written directly
/// ([`adjoint_files::write()`]).
///
/// # Errors
/// [`Error::Io`] if the disk is full or `path` can't be written. A regular file is then unchanged,
/// and no temporary file remains.
pub fn write_file(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Error> {
    adjoint_files::write(path, fill).map_err(Error::io("write", path))
}

/// Returns whether a path is `-`, which means standard output. A file named `-` is given as `./-`.
pub fn is_standard_output(path: &Path) -> bool {
    path == Path::new("-")
}

/// Returns the paths in a directory, sorted by name. Returns no paths if the directory does not
/// exist.
pub(crate) fn list(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = match fs::read_dir(directory) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(Error::io("read", directory))?,
    };
    let paths: Result<Vec<_>, _> = entries.map(|entry| entry.map(|e| e.path())).collect();
    let mut paths = paths.map_err(Error::io("read", directory))?;
    paths.sort();
    Ok(paths)
}
