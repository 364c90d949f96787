//! The files of this crate: those of `adjoint-files`, with paths in their errors.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::Error;

/// Writes what `path` names: a regular file as a whole or not at all, through symbolic links and
/// with the mode that it has; anything else straight through ([`adjoint_files::write()`]).
///
/// # Errors
/// [`Error::Io`] if the disk is full or the place can't be written; a regular file is then
/// untouched and no temporary file remains.
pub fn write_file(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Error> {
    adjoint_files::write(path, fill).map_err(Error::io("write", path))
}

/// Whether a path stands for standard output: `-`. A file of this name is `./-`.
pub fn is_standard_output(path: &Path) -> bool {
    path == Path::new("-")
}

/// The paths in a directory in the order of their names; none if there is no such directory.
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
