//! Writes output files. This is the only crate in the workspace that writes whole files and that
//! renames, locks or syncs files.
//!
//! * [`write()`] writes to a path. A regular file is replaced atomically and keeps its mode.
//!   Symbolic links are followed. A pipe or a device is written directly.
//! * [`Partial`] is a file under a temporary name, for writers that need the separate steps.
//! * [`remove_leftovers`] removes the temporary files of processes that were killed.
//! * [`lock`] and [`sync_directory`] do not fail on file systems that do not support locks or
//!   cannot sync directories.
//! * [`faults`] lets a test make any of these calls fail, or end the process before the call.
//!
//! This crate does not depend on formats, runs or datasets. It returns the errors of the operating
//! system, and callers add the path.
//!
//! ```
//! use std::io::Write;
//!
//! let path = std::env::temp_dir().join(format!("adjoint-files-{}", std::process::id()));
//! adjoint_files::write(&path, |out| out.write_all(b"old"))?;
//! // If writing the content fails half way, the old file is unchanged.
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
pub use system::{Lock, append, free_space, lock, remove, rename, sync, sync_directory};

/// Size of the write buffer in bytes.
const BUFFER: usize = 1 << 18;

/// Writes `content` to `path`.
///
/// A regular file has either its old content or the new content at any time, even if the process is
/// killed. A new file is either absent or complete. After the function returns, the new content
/// survives a power cut. The file keeps its mode and, if the system allows it, its owner. Symbolic
/// links are followed. Hard links and extended attributes are not kept. A file that is a mount
/// point is overwritten in place.
///
/// Any other destination is written directly: a pipe, a device, or the standard output or standard
/// error of this process under any name.
///
/// # Errors
/// The errors of the system and of `content`. A regular file is then unchanged, and no temporary
/// file remains.
pub fn write(path: &Path, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    if let Some(mut stream) = destination::stream(path)? {
        return fill(&mut stream, content);
    }
    let target = resolve(path);
    // Leftovers only take up space, so errors are ignored. In a directory that can be written but
    // not read, leftovers remain.
    let own = target.file_name().map(partial::stem);
    let _ = remove_leftovers(directory_of(&target), false, &|stem| own.as_deref() == Some(stem));
    let mut partial = Partial::create(&target)?;
    partial.fill(content)?;
    partial.keep()
}

/// Returns the directory of a file.
fn directory_of(file: &Path) -> &Path {
    file.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn fill(out: &mut File, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(BUFFER, out);
    content(&mut out)?;
    out.flush()
}
