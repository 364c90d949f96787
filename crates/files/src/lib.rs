//! Output files. This is the only place in the workspace that writes whole ones, and that renames,
//! locks or syncs one.
//!
//! * [`write()`] writes what a path names. A regular file is replaced at once and as a whole, keeps
//!   its mode, and is reached through symbolic links. A pipe or a device is written straight
//!   through.
//! * [`Partial`] is a file under a temporary name, for writers that need the steps one by one.
//! * [`remove_leftovers`] removes the temporary files of processes that were killed.
//! * [`lock`] and [`sync_directory`] work on file systems that have no locks or cannot sync
//!   directories.
//! * [`faults`] lets a test refuse any of these calls, or end the process before it.
//!
//! It knows nothing about formats, runs or datasets, and its errors are those of the system:
//! callers add the path.
//!
//! ```
//! use std::io::Write;
//!
//! let path = std::env::temp_dir().join(format!("adjoint-files-{}", std::process::id()));
//! adjoint_files::write(&path, |out| out.write_all(b"old"))?;
//! // Content that fails half way leaves the old file.
//! let failed = adjoint_files::write(&path, |out| {
//!     out.write_all(b"new, but not all")?;
//!     Err(std::io::Error::other("interrupted"))
//! });
//! assert!(failed.is_err());
//! assert_eq!(std::fs::read(&path)?, b"old");
//! # std::fs::remove_file(&path)?;
//! # Ok::<(), std::io::Error>(())
//! ```
#![forbid(unsafe_code)]

mod destination;
pub mod faults;
mod partial;
mod system;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

pub use destination::{is_regular, resolve};
pub use partial::{Partial, remove_leftovers};
pub use system::{Lock, append, lock, remove, rename, sync, sync_directory};

use destination::Destination;

/// Bytes that are collected before they are written.
const BUFFER: usize = 1 << 18;

/// Writes what `path` names.
///
/// A regular file, or one that does not exist yet, holds either its old content or the new one,
/// whatever happens, and after the return the new one survives a power cut. It keeps its mode and,
/// where the system allows it, its owner. Symbolic links are followed. Hard links and extended
/// attributes are not kept. A file that is a mount point is overwritten in place.
///
/// Anything else (a pipe, a device, this process's own standard output or error under any name) is
/// written straight through.
///
/// # Errors
/// Those of the system and of `content`. A regular file is then untouched, and no temporary file
/// remains.
pub fn write(path: &Path, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    match Destination::of(path)? {
        Destination::File(target) => {
            // They only take up space. A directory that can be written but not read keeps them.
            let own = target.file_name().map(partial::stem);
            let _ = remove_leftovers(directory_of(&target), false, &|stem| own.as_deref() == Some(stem));
            let mut partial = Partial::create(&target)?;
            partial.fill(content)?;
            partial.keep()
        }
        Destination::Stream(mut stream) => fill(&mut stream, content),
    }
}

/// The directory that a file is in.
fn directory_of(file: &Path) -> &Path {
    file.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn fill(out: &mut File, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(BUFFER, out);
    content(&mut out)?;
    out.flush()
}
