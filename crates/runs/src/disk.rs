//! File access through `adjoint-files`, with the path in each error.

use std::io::{self, Write};
use std::path::Path;

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
