//! Files under a temporary name.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata};
use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::faults::{self, Call};
use crate::system::{self, Lock};

/// Ending of a temporary name: checkpoint.safetensors.0123456789abcdef.partial.
const ENDING: &str = "partial";
/// Hexadecimal digits before it.
const DIGITS: usize = 16;
/// Bytes of a name, at most, with room for the rest within the 255 of common file systems.
const LONGEST: usize = 200;
/// Names that are tried. Two of them are alike by a chance of 2^-64.
const ATTEMPTS: usize = 16;

/// A file that is still being written: a neighbour of its target under a name that no other process
/// and no other call uses. Its lock, held by this value, shows others that its writer lives.
/// Dropped, it disappears.
#[derive(Debug)]
pub struct Partial {
    file: File,
    path: PathBuf,
    target: PathBuf,
    /// The file that it is to replace.
    old: Option<Metadata>,
    is_kept: bool,
}

impl Partial {
    /// Creates an empty file that is to become `target`.
    ///
    /// # Errors
    /// Those of the system; or if `target` does not end in a name.
    pub fn create(target: &Path) -> io::Result<Self> {
        let name = target.file_name().ok_or(ErrorKind::InvalidInput)?;
        let old = fs::metadata(target).ok().filter(Metadata::is_file);
        for _ in 0..ATTEMPTS {
            let mut own = stem(name);
            own.push(format!(".{:016x}.{ENDING}", RandomState::new().build_hasher().finish()));
            let path = target.with_file_name(own);
            let file = match faults::call(Call::Create, target, || open_new(&path, old.is_some())) {
                Err(cause) if cause.kind() == ErrorKind::AlreadyExists => continue,
                file => file?,
            };
            let locked = system::lock(&file, target);
            // Somebody who removes leftovers may have found it before it was locked.
            let is_lost = matches!(locked, Ok(Lock::Taken)) || fs::symlink_metadata(&path).is_err();
            if !is_lost {
                // Without a lock nobody takes it for a leftover either.
                let target = target.to_path_buf();
                return Ok(Self { file, path, target, old, is_kept: false });
            }
        }
        Err(ErrorKind::AlreadyExists.into())
    }

    /// The file itself, open for writing.
    pub fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Writes to it through a buffer.
    ///
    /// # Errors
    /// Those of the system and of `content`.
    pub fn fill(&mut self, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        faults::call(Call::Write, &self.target, || crate::fill(&mut self.file, content))
    }

    /// Makes the content durable.
    ///
    /// # Errors
    /// Those of the system.
    pub fn sync(&self) -> io::Result<()> {
        system::sync(&self.file, &self.target)
    }

    /// Makes the content durable, puts the file in place of its target, with the mode and, if
    /// possible, the owner of that, and makes the name durable.
    ///
    /// # Errors
    /// Those of the system. If it is the last of these that fails, the file is in its place
    /// already.
    pub fn keep(mut self) -> io::Result<()> {
        if let Some(old) = &self.old {
            // File systems without modes or owners, and other people's files, refuse.
            let _ = keep_owner(&self.file, old);
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
            // What a broken disk keeps, the next writer of the target removes.
            let _ = system::remove(&self.path);
        }
    }
}

/// Removes the temporary files of `own` targets in a directory, if their writers are gone. `own` is
/// asked about the name of a target, or if that has over 200 bytes about a number in its place.
///
/// `alone` says that nobody else writes these files now. They then go even on file systems without
/// locks, where a living writer cannot be told from a dead one, and so do those that earlier
/// versions named without a number.
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

/// What the temporary names of a file start with: its name, or where that is long a number for it.
pub(crate) fn stem(name: &OsStr) -> OsString {
    if name.len() <= LONGEST {
        return name.to_os_string();
    }
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    format!("{:016x}", hasher.finish()).into()
}

/// The [`stem`] in a temporary name.
fn stem_of_partial(name: &OsStr) -> Option<&OsStr> {
    let name = Path::new(name);
    let rest = Path::new(name.file_stem().filter(|_| name.extension() == Some(ENDING.as_ref()))?);
    let digits = rest.extension()?.to_str()?;
    let is_ours =
        digits.len() == DIGITS && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    rest.file_stem().filter(|_| is_ours)
}

/// Opens a file that must be new. What replaces a file may be secret until it has the mode of that.
fn open_new(path: &Path, secret: bool) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if secret {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    options.open(path)
}

#[cfg(unix)]
fn keep_owner(file: &File, old: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    fchown(file, Some(old.uid()), Some(old.gid()))
}

#[cfg(not(unix))]
fn keep_owner(_file: &File, _old: &Metadata) -> io::Result<()> {
    Ok(())
}
