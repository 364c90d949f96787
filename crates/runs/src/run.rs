//! The run directory: its name, its lock, and the paths of its files.
//!
//! ```text
//! runs/dcgan-mnist-001/
//!     config.toml              the resolved configuration
//!     metrics.jsonl            one line per logged step
//!     losses.svg               the logged figures as curves
//!     final.json               figures measured at the end of the run
//!     samples/epoch-0001-step-000468.png ...
//!     pictures.txt             the list of pictures that the run has drawn
//!     samples-animation.png    the pictures as an animation
//!     checkpoint.safetensors   previous.safetensors
//!     generator.safetensors    the trained weights, for other programs
//! ```

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use adjoint_files::Lock;

use crate::Error;
use crate::imported::is_imported;
use crate::paths::shell_word;
use crate::report::warn;

/// Name of the file that a process locks while it writes to the run.
const LOCK: &str = "run.lock";

/// A locked run directory. No other process writes to it until the value is dropped or the process
/// ends.
#[derive(Debug)]
pub struct RunDir {
    /// The path of the directory.
    pub path: PathBuf,
    _lock: File,
}

impl RunDir {
    /// Creates `parent/name`. Without a name, creates `parent/STEM-001` with the next free number.
    /// An existing directory is used if it is empty, or if an earlier process ended before it wrote
    /// the configuration.
    ///
    /// # Errors
    /// If the run exists, the name is not a plain directory name, or the directory can't be
    /// created.
    pub fn create(parent: &Path, name: Option<&str>, stem: &str) -> Result<Self, Error> {
        fs::create_dir_all(parent).map_err(|cause| cannot_create(parent, &cause))?;
        let path = match name {
            Some(name) => create_named(parent, name)?,
            None => create_numbered(parent, stem)?,
        };
        adjoint_files::sync_directory(parent).map_err(Error::io("sync", parent))?;
        let lock = lock(&path)?;
        // Another process may have used the directory between the check of the name and the lock.
        if !is_unused(&path) {
            return Err(exists(&path));
        }
        Ok(Self { path, _lock: lock })
    }

    /// Locks an existing run directory.
    ///
    /// # Errors
    /// If the directory does not exist, or another process is using it.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Ok(Self { path: path.to_path_buf(), _lock: lock(path)? })
    }

    /// Removes the temporary files that a crash left for the files in `own`. Other files are not
    /// removed.
    ///
    /// # Errors
    /// If a temporary file can't be removed.
    pub(crate) fn clear_leftovers(&self, own: &BTreeSet<PathBuf>) -> Result<(), Error> {
        let directories: BTreeSet<&Path> = own.iter().filter_map(|file| file.parent()).collect();
        for directory in directories.into_iter().filter(|directory| directory.is_dir()) {
            adjoint_files::remove_leftovers(directory, true, &|stem| own.contains(&directory.join(stem)))
                .map_err(Error::io("remove leftovers in", directory))?;
        }
        Ok(())
    }

    /// Returns the path of config.toml.
    pub fn config(&self) -> PathBuf {
        config_of(&self.path)
    }

    /// Returns the path of a file or directory in the run directory.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Returns the path of NAME.safetensors, the exported weights of one network.
    pub fn weights(&self, name: &str) -> PathBuf {
        self.file(&format!("{name}.safetensors"))
    }
}

/// Returns the path of a run's configuration.
pub(crate) fn config_of(run: &Path) -> PathBuf {
    run.join("config.toml")
}

fn cannot_create(path: &Path, cause: &std::io::Error) -> Error {
    let place = path.display();
    Error::Other(format!("cannot create {place}: {cause}; choose another directory with --out"))
}

fn exists(path: &Path) -> Error {
    let (place, word) = (path.display(), shell_word(path));
    let advice = match is_imported(path) {
        true => "choose another --name".to_owned(),
        false => format!("continue it with --resume {word}, or choose another --name"),
    };
    Error::Other(format!("{place} already exists; {advice}"))
}

fn create_named(parent: &Path, name: &str) -> Result<PathBuf, Error> {
    let plain = !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\\', '\0']);
    if !plain {
        let problem = "is not a directory name; choose the parent directory with --out";
        return Err(Error::Other(format!("--name {name:?} {problem}")));
    }
    let path = parent.join(name);
    match fs::create_dir(&path) {
        Ok(()) => Ok(path),
        Err(e) if e.kind() == ErrorKind::AlreadyExists && is_unused(&path) => Ok(path),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Err(exists(&path)),
        Err(cause) => Err(cannot_create(&path, &cause)),
    }
}

/// Returns whether a directory is empty or has only files that a run writes before its
/// configuration.
fn is_unused(path: &Path) -> bool {
    let is_left = |name: &OsStr| {
        let name = name.to_string_lossy();
        name == LOCK || name.starts_with("config.toml.") && name.ends_with(".partial")
    };
    path.is_dir()
        && list(path).is_ok_and(|all| all.iter().all(|entry| entry.file_name().is_some_and(is_left)))
}

/// Returns the paths in a directory, sorted by name. Returns no paths if the directory does not
/// exist.
fn list(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = match fs::read_dir(directory) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(Error::io("read", directory))?,
    };
    let paths: Result<Vec<_>, _> = entries.map(|entry| entry.map(|e| e.path())).collect();
    let mut paths = paths.map_err(Error::io("read", directory))?;
    paths.sort();
    Ok(paths)
}

/// Creates a directory with the number after the highest number in use. So a run that starts later
/// has a higher number.
fn create_numbered(parent: &Path, stem: &str) -> Result<PathBuf, Error> {
    // Returns the number after the number in the name of a run. Returns `None` if the name has no
    // number or the number has no successor.
    let after = |path: &PathBuf| -> Option<u64> {
        let digits = path.file_name()?.to_str()?.strip_prefix(stem)?.strip_prefix('-')?;
        let number: u64 = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())??;
        number.checked_add(1)
    };
    let first = list(parent)?.iter().filter_map(after).max().unwrap_or(1);
    for next in first..=u64::MAX {
        let path = parent.join(format!("{stem}-{next:03}"));
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            // Another process created this directory first.
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
            Err(cause) => return Err(cannot_create(&path, &cause)),
        }
    }
    let path = parent.join(format!("{stem}-{first}"));
    Err(Error::Other(format!("{} has the largest possible number; choose a --name", path.display())))
}

/// Locks a run directory. The lock belongs to the open file, so the system releases the lock when
/// the process ends, even if it is killed.
fn lock(run: &Path) -> Result<File, Error> {
    let path = run.join(LOCK);
    let io = Error::io("lock", run);
    let mut file =
        File::options().read(true).write(true).create(true).truncate(false).open(&path).map_err(io)?;
    match adjoint_files::lock(&file, &path).map_err(io)? {
        Lock::Held => {
            let pid = std::process::id().to_string();
            file.set_len(0).and_then(|()| file.write_all(pid.as_bytes())).map_err(io)?;
            Ok(file)
        }
        Lock::Taken => {
            let mut pid = String::new();
            let known = file.read_to_string(&mut pid).is_ok() && !pid.is_empty();
            let holder = if known { format!(" (process {pid})") } else { String::new() };
            let problem = format!("{} is in use by another process{holder}", run.display());
            Err(Error::Other(format!("{problem}; wait for it to end, or stop it")))
        }
        Lock::Unsupported(cause) => {
            let place = run.display();
            let risk = "nothing keeps a second process from writing to it";
            warn(format_args!("cannot lock {place}: {cause}; {risk}"));
            Ok(file)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_numbered_after_the_last() {
        let dir = tempfile::tempdir().unwrap();
        let name = |run: &RunDir| run.path.file_name().unwrap().to_str().unwrap().to_owned();
        let first = RunDir::create(&dir.path().join("runs"), None, "gan-ring").unwrap();
        assert_eq!(name(&first), "gan-ring-001");
        let parent = dir.path().join("runs");
        RunDir::create(&parent, Some("gan-ring-041"), "x").unwrap();
        RunDir::create(&parent, Some("gan-ring-extra-500"), "x").unwrap();
        assert_eq!(name(&RunDir::create(&parent, None, "gan-ring").unwrap()), "gan-ring-042");
        assert_eq!(name(&RunDir::create(&parent, None, "gan-moons").unwrap()), "gan-moons-001");
    }

    /// These names have no next number.
    #[test]
    fn a_number_without_a_successor_is_not_counted() {
        let dir = tempfile::tempdir().unwrap();
        let create = |name: Option<&str>| RunDir::create(dir.path(), name, "gan");
        let number = |run: RunDir| run.path.file_name().unwrap().to_str().unwrap()[4..].to_owned();
        for name in ["gan-18446744073709551615", "gan-99999999999999999999999", "gan-+7", "gan--7", "gan-"] {
            create(Some(name)).unwrap();
            assert_eq!(number(create(None).unwrap()), "001", "{name}");
            fs::remove_dir_all(dir.path().join("gan-001")).unwrap();
        }
        create(Some("gan-18446744073709551614")).unwrap();
        let error = create(None).unwrap_err().to_string();
        assert!(
            error.ends_with("gan-18446744073709551615 has the largest possible number; choose a --name"),
            "{error}"
        );
        fs::remove_dir_all(dir.path().join("gan-18446744073709551615")).unwrap();
        assert_eq!(number(create(None).unwrap()), "18446744073709551615");
    }

    #[test]
    fn an_existing_run_is_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::create(dir.path(), Some("a"), "x").unwrap();
        fs::write(run.config(), "").unwrap();
        let error = RunDir::create(dir.path(), Some("a"), "x").unwrap_err().to_string();
        assert!(error.contains("already exists") && error.contains("--resume"), "{error}");
        for name in ["", "..", "a/b"] {
            let error = RunDir::create(dir.path(), Some(name), "x").unwrap_err().to_string();
            assert!(error.contains("is not a directory name"), "{error}");
        }
    }

    #[test]
    fn a_run_has_one_writer_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::create(dir.path(), Some("a"), "x").unwrap();
        let error = RunDir::open(&run.path).unwrap_err().to_string();
        assert!(error.contains("is in use by another process") && error.contains("(process "), "{error}");
        let path = run.path.clone();
        drop(run);
        RunDir::open(&path).unwrap();
        let error = RunDir::open(&dir.path().join("b")).unwrap_err().to_string();
        assert!(error.starts_with("cannot lock "), "{error}");
    }

    /// A process that ends before it writes config.toml leaves a directory without a run.
    #[test]
    fn a_directory_in_which_no_run_began_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let (begun, path) = (RunDir::create(dir.path(), Some("a"), "x").unwrap(), dir.path().join("a"));
        let error = RunDir::create(dir.path(), Some("a"), "x").unwrap_err().to_string();
        assert!(error.contains("is in use by another process"), "{error}");
        drop(begun);
        fs::write(path.join("config.toml.0123456789abcdef.partial"), "half").unwrap();
        RunDir::create(dir.path(), Some("a"), "x").unwrap();
        for mine in ["config.toml", "notes.txt"] {
            fs::write(path.join(mine), "").unwrap();
            let error = RunDir::create(dir.path(), Some("a"), "x").unwrap_err().to_string();
            assert!(error.contains("already exists"), "{error}");
            fs::remove_file(path.join(mine)).unwrap();
        }
        fs::write(dir.path().join("file"), "").unwrap();
        let error = RunDir::create(dir.path(), Some("file"), "x").unwrap_err().to_string();
        assert!(error.contains("already exists"), "{error}");
    }
}
