//! From an entry of the manifest to images and labels in memory: find the files, fetch missing ones, check everything.

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

        let path = self.obtain(&split.labels, downloader.as_deref_mut())?;
        let labels = read(&path, &split.labels, &[split.items])?;
        check_labels(&labels, self.entry.classes.len()).map_err(DataError::damaged(&path))?;

        let path = self.obtain(&split.images, downloader)?;
        let images = read(&path, &split.images, &[split.items, height, width])?;
        Ok((images, labels))
    }

    /// The path of a file, which is fetched if it is missing and a downloader is there.
    fn obtain(
        &self,
        file: &FileEntry,
        downloader: Option<&mut Downloader<'_>>,
    ) -> Result<PathBuf, DataError> {
        for name in [file.gz_name(), file.name.clone()] {
            let path = self.directory.join(name);
            if path.try_exists().map_err(DataError::io("read", &path))? {
                return Ok(path);
            }
        }
        match downloader {
            Some(downloader) => downloader.fetch(file, &self.entry.mirrors, &self.directory),
            None => Err(DataError::Missing {
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
