//! A new directory of files, such as those of an export. Either all files are there, or none.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::{Error, write_file};

/// A directory that was new or empty. Dropping the value removes what it wrote, unless
/// [`keep`](Self::keep) was called.
#[derive(Debug)]
pub struct NewDirectory {
    directory: PathBuf,
    /// The directory and its parents that did not exist before, the innermost first.
    created: Vec<PathBuf>,
    /// The files and directories in it, in the order of their creation.
    files: Vec<PathBuf>,
}

impl NewDirectory {
    /// Creates a directory, or takes an empty one.
    ///
    /// # Errors
    /// If the directory is not empty, is a file or cannot be created.
    pub fn create(directory: &Path) -> Result<Self, Error> {
        let mut new = Self { directory: directory.to_path_buf(), created: vec![], files: vec![] };
        match fs::read_dir(directory) {
            Ok(mut entries) => {
                if entries.next().is_some() {
                    return Err(Error::file(directory, "not empty; name a new or empty directory"));
                }
            }
            Err(cause) if cause.kind() == ErrorKind::NotFound => {
                let missing = directory.ancestors().take_while(|path| !path.as_os_str().is_empty());
                new.created = missing.take_while(|path| !path.exists()).map(Path::to_path_buf).collect();
                fs::create_dir_all(directory).map_err(Error::io("create", directory))?;
            }
            Err(cause) if cause.kind() == ErrorKind::NotADirectory => {
                return Err(Error::file(directory, "not a directory; name a new or empty directory"));
            }
            Err(cause) => return Err(Error::io("read", directory)(cause)),
        }
        Ok(new)
    }

    /// Writes a file.
    ///
    /// # Errors
    /// If the disk is full or the file cannot be written.
    pub fn add(
        &mut self,
        name: &str,
        fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), Error> {
        self.files.push(self.directory.join(name));
        write_file(&self.files[self.files.len() - 1], fill)
    }

    /// Creates a directory in the directory.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn add_directory(&mut self, name: &str) -> Result<(), Error> {
        let path = self.directory.join(name);
        fs::create_dir(&path).map_err(Error::io("create", &path))?;
        self.files.push(path);
        Ok(())
    }

    /// Keeps the files, and returns the paths of files and directories.
    pub fn keep(mut self) -> Vec<PathBuf> {
        self.created.clear();
        std::mem::take(&mut self.files)
    }
}

impl Drop for NewDirectory {
    fn drop(&mut self) {
        // Errors are ignored, because the first error is reported.
        for path in self.files.iter().rev() {
            let _ = if path.is_dir() { fs::remove_dir(path) } else { fs::remove_file(path) };
        }
        for path in &self.created {
            let _ = fs::remove_dir(path);
        }
    }
}
