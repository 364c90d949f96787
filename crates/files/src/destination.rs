//! The destination of a path: a regular file, which is replaced as a whole, or a stream, which is
//! written directly.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// The largest number of symbolic links that are followed, as in Linux.
const LINKS: usize = 40;

/// Opens the destination of `path` if it must not be replaced, such as a pipe or a device. Returns
/// `None` if it can be replaced: it is a regular file, or there is no file yet.
pub(crate) fn stream(path: &Path) -> io::Result<Option<File>> {
    let found = match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        found => found?,
    };
    if let Some(stream) = standard_stream(&found) {
        return Ok(Some(stream));
    }
    if found.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    if found.is_file() && follow(path).is_some() {
        return Ok(None);
    }
    File::options().write(true).truncate(found.is_file()).open(path).map(Some)
}

/// Follows symbolic links and returns the path of the target. There may be no file at this path
/// yet. If a link is in /proc, returns `path` itself.
pub fn resolve(path: &Path) -> PathBuf {
    follow(path).unwrap_or_else(|| path.to_path_buf())
}

/// As [`resolve`], but returns `None` if a link is in /proc. Such a link leads to an open file. The
/// path in the link may no longer be the path of that file.
fn follow(path: &Path) -> Option<PathBuf> {
    let mut target = path.to_path_buf();
    for _ in 0..LINKS {
        let Ok(next) = fs::read_link(&target) else { break };
        let directory = crate::directory_of(&target);
        if fs::canonicalize(directory).is_ok_and(|place| place.starts_with("/proc")) {
            return None;
        }
        target = directory.join(next);
    }
    Some(target)
}

/// Would [`write()`](crate::write()) create or replace a regular file at `path`? If so, other files
/// can be placed in the same directory.
pub fn is_regular(path: &Path) -> bool {
    fs::metadata(path).map_or(true, |found| found.is_file() && standard_stream(&found).is_none())
}

/// Returns standard output or standard error, if one of them is the file that `found` describes.
/// New bytes then follow the bytes that were already written to it, even if it is redirected to a
/// file.
#[cfg(unix)]
fn standard_stream(found: &Metadata) -> Option<File> {
    use std::os::fd::AsFd;
    use std::os::unix::fs::MetadataExt;
    let _ = io::stdout().flush();
    let streams = [io::stdout().as_fd().try_clone_to_owned(), io::stderr().as_fd().try_clone_to_owned()];
    let mut streams = streams.into_iter().flatten().map(File::from);
    let is_found = |own: Metadata| (own.dev(), own.ino()) == (found.dev(), found.ino());
    streams.find(|stream| stream.metadata().is_ok_and(is_found))
}

#[cfg(not(unix))]
fn standard_stream(_found: &Metadata) -> Option<File> {
    None
}
