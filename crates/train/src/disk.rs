//! Files that are either wholly there or not there: temp file, fsync, rename, fsync of the directory.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::Error;

/// Ending of a file that is still being written. One found at the start of a process is left over from a crash.
const PARTIAL: &str = ".partial";

/// Writes a file so that, whatever happens, `path` holds either the old content or the new one, and so that after
/// the return the new one survives a power cut.
///
/// # Errors
/// [`Error::Io`] if the disk is full or the place can't be written; the old file is then untouched and no temporary
/// file remains.
pub fn write_atomic(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Error> {
    let partial = write_partial(path, fill)?;
    replace(&partial, path).inspect_err(|_| {
        // The place is a directory, say: then nothing is to lie beside it.
        let _ = fs::remove_file(&partial);
    })
}

/// Writes and syncs the temporary neighbour of `path` and returns its name.
pub(crate) fn write_partial(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<PathBuf, Error> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(PARTIAL);
    let partial = path.with_file_name(name);
    let written = File::create(&partial).and_then(|file| {
        let mut out = BufWriter::with_capacity(1 << 18, file);
        fill(&mut out)?;
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
    });
    match written {
        Ok(()) => Ok(partial),
        Err(cause) => {
            // The file is useless and may be what fills the disk; if even this fails, the next start removes it.
            let _ = fs::remove_file(&partial);
            Err(Error::Io { action: "write", path: path.to_path_buf(), cause })
        }
    }
}

/// Gives a file another name in the same directory, replacing what had that name, and makes that durable.
pub(crate) fn replace(from: &Path, to: &Path) -> Result<(), Error> {
    fs::rename(from, to).map_err(Error::io("write", to))?;
    sync_directory(to.parent().unwrap_or(Path::new("")))
}

/// Makes the names in a directory durable. Only Unix can (and needs to).
pub(crate) fn sync_directory(directory: &Path) -> Result<(), Error> {
    if cfg!(unix) {
        let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        File::open(directory).and_then(|d| d.sync_all()).map_err(Error::io("sync", directory))?;
    }
    Ok(())
}

/// Removes what a crashed process left half-written in a directory.
pub(crate) fn remove_partials(directory: &Path) -> Result<(), Error> {
    for path in list(directory)? {
        if path.to_string_lossy().ends_with(PARTIAL) {
            fs::remove_file(&path).map_err(Error::io("remove", &path))?;
        }
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_keeps_the_old_file_and_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.txt");
        write_atomic(&path, |out| out.write_all(b"old")).unwrap();
        let full = |out: &mut dyn Write| {
            out.write_all(&[0; 1 << 20])?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        };
        let error = write_atomic(&path, full).unwrap_err().to_string();
        assert!(error.starts_with("cannot write ") && error.contains("a.txt"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(list(dir.path()).unwrap(), [path]);
    }

    #[test]
    fn leftovers_of_a_crash_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("kept.png"), "x").unwrap();
        write_partial(&dir.path().join("lost.png"), |out| out.write_all(b"y")).unwrap();
        remove_partials(dir.path()).unwrap();
        assert_eq!(list(dir.path()).unwrap(), [dir.path().join("kept.png")]);
        remove_partials(&dir.path().join("nowhere")).unwrap();
    }

    #[test]
    fn nothing_lies_beside_a_place_that_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("taken")).unwrap();
        fs::write(dir.path().join("taken/file"), "x").unwrap();
        write_atomic(&dir.path().join("taken"), |out| out.write_all(b"y")).unwrap_err();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
