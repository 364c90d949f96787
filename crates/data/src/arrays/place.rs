//! The place of an array: a file or a member of an archive.

use std::fs::Metadata;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use adjoint_npy::{Header, NpyError, Reader};

use super::{ArrayError, ArrayProblem, npz};
use crate::DataError;
use crate::regular;

/// The place of an array.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) path: PathBuf,
    /// The file when the program first saw it.
    pub(super) stamp: Stamp,
    /// The index and the name of the member, if the file is an archive.
    pub(super) member: Option<(usize, String)>,
}

/// What changes when a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) size: u64,
    pub(super) modified: SystemTime,
}

impl Stamp {
    fn of(found: &Metadata) -> io::Result<Self> {
        Ok(Self { size: found.len(), modified: found.modified()? })
    }
}

impl Place {
    /// An array that is the whole file.
    ///
    /// # Errors
    /// If there is no such file.
    pub(super) fn file(path: &Path) -> Result<Self, DataError> {
        let stamp = path.metadata().and_then(|found| Stamp::of(&found));
        let stamp = stamp.map_err(DataError::io("read", path))?;
        Ok(Self { path: path.to_path_buf(), stamp, member: None })
    }

    /// An array in this archive.
    pub(super) fn member(&self, index: usize, name: &str) -> Self {
        Self { member: Some((index, name.to_owned())), ..self.clone() }
    }

    /// A problem of this array as an error that names it.
    pub(super) fn error(&self, problem: impl Into<ArrayProblem>) -> DataError {
        match problem.into() {
            ArrayProblem::Npy(NpyError::Io(cause)) => DataError::io("read", &self.path)(cause),
            problem => {
                let member = self.member.as_ref().map(|(_, name)| name.clone());
                DataError::Array(ArrayError { path: self.path.clone(), member, problem })
            }
        }
    }

    /// Reads the header.
    pub(super) fn header(&self) -> Result<Header, DataError> {
        self.read(|reader| Ok(reader.header().clone()))
    }

    /// Opens the array and passes it to `of`. Fails if its header is not `header`.
    pub(super) fn read_as<T>(
        &self,
        header: &Header,
        of: impl FnOnce(Reader<'_>) -> Result<T, ArrayProblem>,
    ) -> Result<T, DataError> {
        self.read(|reader| if reader.header() == header { of(reader) } else { Err(ArrayProblem::Changed) })
    }

    /// Opens the array and passes it to `of`. Fails if the file changes until `of` returns.
    pub(super) fn read<T>(
        &self,
        of: impl FnOnce(Reader<'_>) -> Result<T, ArrayProblem>,
    ) -> Result<T, DataError> {
        let file = regular::open(&self.path)?;
        let is_same = || {
            let found = file.metadata().and_then(|found| Stamp::of(&found));
            let found = found.map_err(DataError::io("read", &self.path))?;
            if found == self.stamp { Ok(()) } else { Err(self.error(ArrayProblem::Changed)) }
        };
        is_same()?;
        let mut reader = BufReader::new(&file);
        let result = match self.member {
            None => Reader::new(&mut reader, self.stamp.size).map_err(ArrayProblem::from).and_then(of),
            Some((index, _)) => npz::read(reader, index, of),
        };
        // A file that changes can look damaged.
        is_same()?;
        result.map_err(|problem| self.error(problem))
    }
}
