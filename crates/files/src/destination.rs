//! What a path leads to: a file to be replaced as a whole, or something that takes bytes as they
//! come.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Links that are followed one after another, at most: as Linux has it.
const LINKS: usize = 40;

/// What a path leads to.
pub(crate) enum Destination {
    /// A regular file of this name, or none yet. It is no symbolic link.
    File(PathBuf),
    /// A pipe, a device, or a file that must not be replaced.
    Stream(File),
}

impl Destination {
    /// Finds out what `path` leads to, and opens it if it is to be written straight through.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let found = match fs::metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::File(resolve(path))),
            found => found?,
        };
        if let Some(stream) = standard_stream(&found) {
            return Ok(Self::Stream(stream));
        }
        if found.is_dir() {
            return Err(ErrorKind::IsADirectory.into());
        }
        match follow(path) {
            Some(target) if found.is_file() => Ok(Self::File(target)),
            _ => File::options().write(true).truncate(found.is_file()).open(path).map(Self::Stream),
        }
    }
}

/// Follows symbolic links, also to a file that does not exist yet, and returns the name of
/// the target.
pub fn resolve(path: &Path) -> PathBuf {
    follow(path).unwrap_or_else(|| path.to_path_buf())
}

/// As [`resolve`]; none if a link is one of those in /proc. They lead to open files, which may have
/// lost the name that the link shows.
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

/// Whether [`write()`](crate::write()) would make `path` a regular file, beside which others have a
/// place, or replace one.
pub fn is_regular(path: &Path) -> bool {
    fs::metadata(path).map_or(true, |found| found.is_file() && standard_stream(&found).is_none())
}

#[cfg(unix)]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Standard output or error, if that is what was found: bytes then go where those before went, also
/// in a file.
#[cfg(unix)]
fn standard_stream(found: &Metadata) -> Option<File> {
    use std::os::fd::AsFd;
    let _ = io::stdout().flush();
    let streams = [io::stdout().as_fd().try_clone_to_owned(), io::stderr().as_fd().try_clone_to_owned()];
    let mut streams = streams.into_iter().flatten().map(File::from);
    streams.find(|stream| stream.metadata().is_ok_and(|own| is_same(&own, found)))
}

#[cfg(not(unix))]
fn standard_stream(_found: &Metadata) -> Option<File> {
    None
}
