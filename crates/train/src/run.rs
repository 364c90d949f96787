//! The run directory: its name, its lock, and which file of a run lies where.
//!
//! ```text
//! runs/dcgan-mnist-001/
//!     config.toml              the resolved configuration
//!     metrics.jsonl            one line per logged step
//!     losses.svg               the same as curves
//!     final.json               what was measured once, at the end
//!     samples/epoch-0001-step-000468.png ...
//!     samples-animation.png    those grids in motion
//!     checkpoint.safetensors   previous.safetensors
//!     generator.safetensors    the trained weights, for other programs
//! ```

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use adjoint_files::Lock;

use crate::report::warn;
use crate::{Error, disk};

/// A run directory that this process alone writes to, until the value is dropped or the process dies.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    _lock: File,
}

impl RunDir {
    /// Creates `parent/name`, or without a name the next free `parent/STEM-001`.
    ///
    /// # Errors
    /// If the run exists, the name is no plain directory name, or the directory can't be made.
    pub fn create(parent: &Path, name: Option<&str>, stem: &str) -> Result<Self, Error> {
        fs::create_dir_all(parent).map_err(|cause| cannot_create(parent, &cause))?;
        let path = match name {
            Some(name) => create_named(parent, name)?,
            None => create_numbered(parent, stem)?,
        };
        adjoint_files::sync_directory(parent).map_err(Error::io("sync", parent))?;
        let lock = lock(&path)?;
        Ok(Self { path, _lock: lock })
    }

    /// Takes hold of an existing run and clears away what a crash left half-written.
    ///
    /// # Errors
    /// If there is no such directory, or another process trains into it.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let lock = lock(path)?;
        let directories = disk::list(path)?.into_iter().filter(|entry| entry.is_dir());
        for directory in directories.chain([path.to_path_buf()]) {
            adjoint_files::remove_leftovers(&directory, true, &|_| true)
                .map_err(Error::io("remove leftovers in", &directory))?;
        }
        Ok(Self { path: path.to_path_buf(), _lock: lock })
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// config.toml
    pub fn config(&self) -> PathBuf {
        config_of(&self.path)
    }

    /// metrics.jsonl
    pub fn metrics(&self) -> PathBuf {
        self.path.join("metrics.jsonl")
    }

    /// final.json
    pub fn final_figures(&self) -> PathBuf {
        self.path.join("final.json")
    }

    /// losses.svg
    pub fn plot(&self) -> PathBuf {
        self.path.join("losses.svg")
    }

    /// NAME.safetensors, the exported weights of one network.
    pub fn weights(&self, name: &str) -> PathBuf {
        self.path.join(format!("{name}.safetensors"))
    }

    /// NAME/epoch-0003-step-001407.png: one of a series of pictures. Names sort by time.
    pub fn picture(&self, name: &str, epoch: u64, step: u64) -> PathBuf {
        self.path.join(name).join(format!("epoch-{epoch:04}-step-{step:06}.png"))
    }

    /// NAME-animation.png: that series as an animated PNG.
    pub fn animation(&self, name: &str) -> PathBuf {
        self.path.join(format!("{name}-animation.png"))
    }

    /// The names of the series of pictures that were begun.
    ///
    /// # Errors
    /// If the directory can't be read.
    pub fn series(&self) -> Result<Vec<String>, Error> {
        let mut names = Vec::new();
        for path in disk::list(&self.path)?.iter().filter(|path| path.is_dir()) {
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            if !self.pictures(name)?.is_empty() {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    /// The series of pictures called `name` so far, as (step, file) in the order of the steps.
    ///
    /// # Errors
    /// If the directory can't be read; none is an empty series.
    pub fn pictures(&self, name: &str) -> Result<Vec<(u64, PathBuf)>, Error> {
        let step = |path: &Path| path.file_stem()?.to_str()?.split_once("-step-")?.1.parse().ok();
        let files = disk::list(&self.path.join(name))?;
        let mut series: Vec<(u64, PathBuf)> =
            files.into_iter().filter_map(|path| Some((step(&path)?, path))).collect();
        series.sort();
        Ok(series)
    }
}

/// Where a run keeps its configuration.
pub(crate) fn config_of(run: &Path) -> PathBuf {
    run.join("config.toml")
}

fn cannot_create(path: &Path, cause: &std::io::Error) -> Error {
    let place = path.display();
    Error::Flags(format!("cannot create {place}: {cause}; choose another directory with --out"))
}

fn create_named(parent: &Path, name: &str) -> Result<PathBuf, Error> {
    let plain = !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\\', '\0']);
    if !plain {
        let problem = "is not a directory name; --out DIR says where, --name only what it is called";
        return Err(Error::Flags(format!("--name {name:?} {problem}")));
    }
    let path = parent.join(name);
    match fs::create_dir(&path) {
        Ok(()) => Ok(path),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Err(Error::RunExists { path }),
        Err(cause) => Err(cannot_create(&path, &cause)),
    }
}

/// The number after the highest in use, so that names tell the order in which runs were started.
fn create_numbered(parent: &Path, stem: &str) -> Result<PathBuf, Error> {
    // The number after that of a run. A name counts whose number has one.
    let after = |path: &PathBuf| -> Option<u64> {
        let digits = path.file_name()?.to_str()?.strip_prefix(stem)?.strip_prefix('-')?;
        let number: u64 = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())??;
        number.checked_add(1)
    };
    let first = disk::list(parent)?.iter().filter_map(after).max().unwrap_or(1);
    for next in first..=u64::MAX {
        let path = parent.join(format!("{stem}-{next:03}"));
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            // Another process was faster.
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
            Err(cause) => return Err(cannot_create(&path, &cause)),
        }
    }
    let path = parent.join(format!("{stem}-{first}"));
    Err(Error::Flags(format!("{} has the last of all numbers; give the run a --name", path.display())))
}

/// The lock belongs to the open file, so the system releases it however the process ends.
fn lock(run: &Path) -> Result<File, Error> {
    let path = run.join("run.lock");
    let io = |cause| Error::Io { action: "lock", path: run.to_path_buf(), cause };
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
            Err(Error::RunBusy { path: run.to_path_buf(), holder })
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
        let name = |run: &RunDir| run.path().file_name().unwrap().to_str().unwrap().to_owned();
        let first = RunDir::create(&dir.path().join("runs"), None, "gan-ring").unwrap();
        assert_eq!(name(&first), "gan-ring-001");
        let parent = dir.path().join("runs");
        RunDir::create(&parent, Some("gan-ring-041"), "x").unwrap();
        RunDir::create(&parent, Some("gan-ring-extra-500"), "x").unwrap();
        assert_eq!(name(&RunDir::create(&parent, None, "gan-ring").unwrap()), "gan-ring-042");
        assert_eq!(name(&RunDir::create(&parent, None, "gan-moons").unwrap()), "gan-moons-001");
    }

    /// Names that no run was given as the next.
    #[test]
    fn a_number_without_a_successor_is_not_counted() {
        let dir = tempfile::tempdir().unwrap();
        let create = |name: Option<&str>| RunDir::create(dir.path(), name, "gan");
        let number = |run: RunDir| run.path().file_name().unwrap().to_str().unwrap()[4..].to_owned();
        for name in ["gan-18446744073709551615", "gan-99999999999999999999999", "gan-+7", "gan--7", "gan-"] {
            create(Some(name)).unwrap();
            assert_eq!(number(create(None).unwrap()), "001", "{name}");
            fs::remove_dir_all(dir.path().join("gan-001")).unwrap();
        }
        create(Some("gan-18446744073709551614")).unwrap();
        let error = create(None).unwrap_err().to_string();
        assert!(
            error.ends_with("gan-18446744073709551615 has the last of all numbers; give the run a --name"),
            "{error}"
        );
        fs::remove_dir_all(dir.path().join("gan-18446744073709551615")).unwrap();
        assert_eq!(number(create(None).unwrap()), "18446744073709551615");
    }

    #[test]
    fn an_existing_run_is_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        RunDir::create(dir.path(), Some("a"), "x").unwrap();
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
        let error = RunDir::open(run.path()).unwrap_err().to_string();
        assert!(error.contains("is in use by another process") && error.contains("(process "), "{error}");
        let path = run.path().to_path_buf();
        drop(run);
        RunDir::open(&path).unwrap();
        let error = RunDir::open(&dir.path().join("b")).unwrap_err().to_string();
        assert!(error.starts_with("cannot lock "), "{error}");
    }

    #[test]
    fn pictures_are_listed_in_the_order_of_their_steps() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::create(dir.path(), Some("a"), "x").unwrap();
        assert_eq!(run.pictures("samples").unwrap(), []);
        fs::create_dir(run.path().join("samples")).unwrap();
        for (epoch, step) in [(3, 1_000_000), (2, 999_999), (1, 7)] {
            fs::write(run.picture("samples", epoch, step), "").unwrap();
        }
        fs::write(run.path().join("samples/notes.txt"), "").unwrap();
        let steps: Vec<u64> = run.pictures("samples").unwrap().iter().map(|(step, _)| *step).collect();
        assert_eq!(steps, [7, 999_999, 1_000_000]);
    }
}
