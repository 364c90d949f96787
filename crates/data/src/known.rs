//! From an entry of the manifest to images and labels in memory: find the files, fetch missing
//! ones, check everything.

use std::path::{Path, PathBuf};

use crate::idx::Idx;
use crate::{Damage, DataError, Downloader, FileEntry, ManifestEntry, Split};

/// A dataset of the manifest, and where its files lie.
pub(crate) struct Known<'a> {
    pub(crate) name: &'a str,
    pub(crate) entry: &'a ManifestEntry,
    /// The data directory joined with the dataset's name.
    pub(crate) directory: PathBuf,
}

impl Known<'_> {
    /// The images (items x height x width) and the labels of a split, after every check there is.
    pub(crate) fn load(
        &self,
        split: Split,
        mut downloader: Option<&mut Downloader<'_>>,
    ) -> Result<(Vec<u8>, Vec<u8>), DataError> {
        let split = self.entry.split(split);
        let [height, width] = self.entry.size;

        let classes = self.entry.classes.len();
        let check_labels = |labels: &[u8]| check_labels(labels, classes);
        let labels = self.obtain(&split.labels, &[split.items], check_labels, downloader.as_deref_mut())?;
        let images = self.obtain(&split.images, &[split.items, height, width], |_| Ok(()), downloader)?;
        Ok((images, labels))
    }

    /// The data of a file of shape `dims`, from the compressed file or the plain one: the first
    /// that is sound. It is fetched if there is neither and a downloader.
    fn obtain(
        &self,
        file: &FileEntry,
        dims: &[usize],
        check: impl Fn(&[u8]) -> Result<(), Damage>,
        downloader: Option<&mut Downloader<'_>>,
    ) -> Result<Vec<u8>, DataError> {
        let sound = |path: &Path| {
            let data = read(path, file, dims)?;
            check(&data).map_err(DataError::damaged(path))?;
            Ok(data)
        };
        let mut problem = None;
        for name in [file.gz_name(), file.name.clone()] {
            let path = self.directory.join(name);
            if path.try_exists().map_err(DataError::io("read", &path))? {
                match sound(&path) {
                    Ok(data) => return Ok(data),
                    Err(error) => _ = problem.get_or_insert(error),
                }
            }
        }
        match (problem, downloader) {
            (Some(problem), _) => Err(problem),
            (None, Some(downloader)) => {
                sound(&downloader.fetch(file, &self.entry.mirrors, &self.directory)?)
            }
            (None, None) => Err(DataError::Missing {
                dataset: self.name.to_string(),
                file: file.gz_name(),
                directory: self.directory.clone(),
            }),
        }
    }
}

/// The data of a file, once its digest is that of the manifest and its shape is `dims`.
fn read(path: &Path, file: &FileEntry, dims: &[usize]) -> Result<Vec<u8>, DataError> {
    let idx = Idx::read(path, Idx::content_len(dims))?;
    let digest = idx.digest();
    let damage = if digest != file.sha256 {
        Damage::Checksum { found: digest, expected: file.sha256 }
    } else if idx.dims() != dims {
        Damage::Shape { found: idx.dims().to_vec(), expected: dims.to_vec() }
    } else {
        return Ok(idx.into_data());
    };
    Err(DataError::damaged(path)(damage))
}

/// Every label names one of `classes` classes.
fn check_labels(labels: &[u8], classes: usize) -> Result<(), Damage> {
    match labels.iter().position(|&label| usize::from(label) >= classes) {
        Some(index) => Err(Damage::Label { index, label: labels[index], classes }),
        None => Ok(()),
    }
}
