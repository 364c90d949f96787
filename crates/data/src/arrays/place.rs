//! The place of an array: a file or a member of an archive.

use std::io::BufReader;
use std::path::{Path, PathBuf};

use adjoint_npy::{Header, NpyError, Reader};

use super::{ArrayError, ArrayProblem, npz};
use crate::DataError;
use crate::regular;

/// The place of an array.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) path: PathBuf,
    /// The index and the name of the member, if the file is an archive.
    pub(super) member: Option<(usize, String)>,
}

impl Place {
    /// An array that is the whole file.
    pub(super) fn file(path: &Path) -> Self {
        Self { path: path.to_path_buf(), member: None }
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

    /// Opens the array and passes it to `of`.
    pub(super) fn read<T>(
        &self,
        of: impl FnOnce(Reader<'_>) -> Result<T, ArrayProblem>,
    ) -> Result<T, DataError> {
        let file = regular::open(&self.path)?;
        let len = file.metadata().map_err(DataError::io("read", &self.path))?.len();
        let mut file = BufReader::new(file);
        let result = match self.member {
            None => Reader::new(&mut file, len).map_err(ArrayProblem::from).and_then(of),
            Some((index, _)) => npz::read(file, index, of),
        };
        result.map_err(|problem| self.error(problem))
    }
}
