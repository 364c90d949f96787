//! Files under a temporary name.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata};
use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState};
use std::io::{self, ErrorKind, Seek, SeekFrom, Write};
#[cfg(unix)]
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use crate::faults::{self, Call};
use crate::system::{self, Lock};

/// The extension of a temporary name such as checkpoint.safetensors.0123456789abcdef.partial.
const ENDING: &str = "partial";
/// Number of hexadecimal digits before the extension.
const DIGITS: usize = 16;
/// Maximum length of the stem of a temporary name, in bytes. With the digits and the extension, the
/// temporary name stays below the limit of 255 bytes of common file systems.
const LONGEST: usize = 200;
/// Maximum number of random names that are tried. Two of them are equal with probability 2^-64.
const ATTEMPTS: usize = 16;

/// A file that is still being written. It is in the directory of its target, under a name that no
/// other process and no other call uses. This value holds a lock on the file, which shows other
/// processes that the writer is running. The file is removed when the value is dropped.
#[derive(Debug)]
pub struct Partial {
    file: File,
    path: PathBuf,
    target: PathBuf,
    /// The metadata of the file that will be replaced.
    old: Option<Metadata>,
    is_kept: bool,
}

impl Partial {
    /// Creates an empty temporary file for `target`.
    ///
    /// # Errors
    /// The errors of the system, and an error if `target` has no file name.
    pub fn create(target: &Path) -> io::Result<Self> {
        let name = target.file_name().ok_or(ErrorKind::InvalidInput)?;
        let old = fs::metadata(target).ok().filter(Metadata::is_file);
        let mut options = File::options();
        options.write(true).create_new(true);
        // At first, only the owner may read a file that will replace another file. Later the file
        // gets the mode of the other file.
        #[cfg(unix)]
        if old.is_some() {
            options.mode(0o600);
        }
        for _ in 0..ATTEMPTS {
            let mut own = stem(name);
            own.push(format!(".{:016x}.{ENDING}", RandomState::new().build_hasher().finish()));
            let path = target.with_file_name(own);
            let file = match faults::call(Call::Create, target, || options.open(&path)) {
                Err(cause) if cause.kind() == ErrorKind::AlreadyExists => continue,
                file => file?,
            };
            let locked = system::lock(&file, target);
            // Another process that removes leftovers may have found the file before it was locked.
            let is_lost = matches!(locked, Ok(Lock::Taken)) || fs::symlink_metadata(&path).is_err();
            if !is_lost {
                // On a file system without locks, no other process removes the file as a leftover
                // either.
                let target = target.to_path_buf();
                return Ok(Self { file, path, target, old, is_kept: false });
            }
        }
        Err(ErrorKind::AlreadyExists.into())
    }

    /// The file, open for writing.
    pub fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Writes to the file through a buffer.
    ///
    /// # Errors
    /// The errors of the system and of `content`.
    pub fn fill(&mut self, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        faults::call(Call::Write, &self.target, || crate::fill(&mut self.file, content))
    }

    /// Writes `bytes` at `position`, counted in bytes from the start of the file. A gap before it
    /// is filled with zeros.
    ///
    /// # Errors
    /// The errors of the system.
    pub fn write_at(&mut self, position: u64, bytes: &[u8]) -> io::Result<()> {
        faults::call(Call::Write, &self.target, || {
            self.file.seek(SeekFrom::Start(position))?;
            self.file.write_all(bytes)
        })
    }

    /// Opens the file for reading. The result stays valid after [`keep`](Self::keep), also if
    /// another process then replaces the target.
    ///
    /// # Errors
    /// The errors of the system.
    pub fn reader(&self) -> io::Result<File> {
        File::open(&self.path)
    }

    /// Makes the content durable.
    ///
    /// # Errors
    /// The errors of the system.
    pub fn sync(&self) -> io::Result<()> {
        system::sync(&self.file, &self.target)
    }

    /// Makes the content durable, renames the file to its target, and makes the new name durable.
    /// The file gets the mode and, if possible, the owner of the file that it replaces.
    ///
    /// # Errors
    /// The errors of the system. If making the name durable fails, the file has already been
    /// renamed.
    pub fn keep(mut self) -> io::Result<()> {
        if let Some(old) = &self.old {
            // These calls fail on file systems without modes or owners, and for files of other
            // users.
            #[cfg(unix)]
            let _ = fchown(&self.file, Some(old.uid()), Some(old.gid()));
            let _ = self.file.set_permissions(old.permissions());
        }
        self.sync()?;
        match system::rename(&self.path, &self.target) {
            // A file that is a mount point, as in containers, cannot be replaced.
            Err(cause) if cause.kind() == ErrorKind::ResourceBusy => self.copy(),
            renamed => renamed.map(|()| self.is_kept = true),
        }
    }

    /// Overwrites the target in place.
    fn copy(&self) -> io::Result<()> {
        let mut target = File::options().write(true).truncate(true).open(&self.target)?;
        io::copy(&mut File::open(&self.path)?, &mut target)?;
        system::sync(&target, &self.target)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.is_kept {
            // If removing fails, the next writer of the target removes the file.
            let _ = system::remove(&self.path);
        }
    }
}

/// Removes temporary files from a directory, if `own` returns true for their target and their
/// writers have ended. The argument of `own` is the file name of the target. If this name has more
/// than 200 bytes, the argument is the number that replaces it in temporary names.
///
/// `alone` states that no other process is writing these files. Temporary files are then removed
/// even on file systems without locks, where nothing shows whether a writer has ended. Temporary
/// files of earlier versions, whose names have no number, are then removed too.
///
/// # Errors
/// If the directory cannot be read, or a file cannot be removed.
pub fn remove_leftovers(directory: &Path, alone: bool, own: &dyn Fn(&OsStr) -> bool) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let numbered = path.file_name().and_then(stem_of_partial);
        let plain = path.file_stem().filter(|_| alone && path.extension() == Some(ENDING.as_ref()));
        let is_own = numbered.into_iter().chain(plain).any(own);
        if is_own && fs::symlink_metadata(&path).is_ok_and(|found| found.is_file()) {
            let Ok(file) = File::options().write(true).open(&path) else { continue };
            let is_dead = alone || matches!(system::lock(&file, &path), Ok(Lock::Held));
            if is_dead {
                system::remove(&path)?;
            }
        }
    }
    Ok(())
}

/// Returns the stem of the temporary names of a file. It is the name of the file, or a number that
/// replaces a long name.
pub(crate) fn stem(name: &OsStr) -> OsString {
    if name.len() <= LONGEST {
        return name.to_os_string();
    }
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    format!("{:016x}", hasher.finish()).into()
}

/// Returns the [`stem`] of a temporary name, or `None` for any other name.
fn stem_of_partial(name: &OsStr) -> Option<&OsStr> {
    let name = Path::new(name);
    let rest = Path::new(name.file_stem().filter(|_| name.extension() == Some(ENDING.as_ref()))?);
    let digits = rest.extension()?.to_str()?;
    let is_ours =
        digits.len() == DIGITS && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    rest.file_stem().filter(|_| is_ours)
}
