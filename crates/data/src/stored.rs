//! Datasets that are stored as files. The [manifest](crate::manifest) lists the files with their
//! checksums. Missing files are downloaded, and every file is verified. The images are kept in
//! memory at their stored size.

use std::fmt;
use std::path::Path;

use crate::fit::{Fit, FitMode};
use crate::idx::Idx;
use crate::source::{Images, Source};
use crate::{Damage, DataError, Downloader, FileEntry, ManifestEntry, Options, Split};

/// Values per pixel of the images in IDX files.
const CHANNELS: usize = 1;

/// A dataset of the manifest.
pub(crate) struct Stored<'a> {
    pub(crate) name: &'a str,
    pub(crate) entry: &'a ManifestEntry,
    pub(crate) options: &'a Options,
}

impl Source for Stored<'_> {
    fn channels(&self) -> usize {
        CHANNELS
    }

    fn classes(&self) -> Vec<String> {
        self.entry.classes.clone()
    }

    fn is_stored(&self) -> bool {
        true
    }

    fn load(
        &self,
        split: Split,
        mut downloader: Option<&mut Downloader<'_>>,
    ) -> Result<Box<dyn Images>, DataError> {
        let split = self.entry.split(split);
        let [height, width] = self.entry.size;

        let classes = self.entry.classes.len();
        let check_labels = |labels: &[u8]| check_labels(labels, classes);
        let labels = self.obtain(&split.labels, &[split.items], check_labels, downloader.as_deref_mut())?;
        let bytes = self.obtain(&split.images, &[split.items, height, width], |_| Ok(()), downloader)?;
        let fit = Fit::new(FitMode::Margin, self.entry.size, CHANNELS, self.options.image_size, &[0]);
        let labels = labels.into_iter().map(u16::from).collect();
        Ok(Box::new(InMemory { bytes, labels, fit }))
    }
}

/// The images of a split in memory.
struct InMemory {
    /// All images one after another, at their stored size.
    bytes: Vec<u8>,
    labels: Vec<u16>,
    fit: Fit,
}

impl fmt::Debug for InMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InMemory").field("images", &self.labels.len()).field("size", &self.fit.size).finish()
    }
}

impl Images for InMemory {
    fn image_size(&self) -> usize {
        self.fit.size
    }

    fn labels(&self) -> &[u16] {
        &self.labels
    }

    fn image(&self, index: usize, image: &mut [u8]) -> Result<(), DataError> {
        let len = self.fit.stored_len();
        self.fit.apply(&self.bytes[index * len..][..len], image);
        Ok(())
    }
}

impl Stored<'_> {
    /// Returns the data of a file of shape `dims` from the compressed file, or from the plain file
    /// if the compressed one is missing or damaged. If neither exists, the compressed file is
    /// downloaded with `downloader`.
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
        let directory = self.options.data_dir.join(self.name);
        let mut problem = None;
        for name in [file.gz_name(), file.name.clone()] {
            let path = directory.join(name);
            if path.try_exists().map_err(DataError::io("read", &path))? {
                match sound(&path) {
                    Ok(data) => return Ok(data),
                    Err(error) => _ = problem.get_or_insert(error),
                }
            }
        }
        match (problem, downloader) {
            (Some(problem), _) => Err(problem),
            (None, Some(downloader)) => sound(&downloader.fetch(file, &self.entry.mirrors, &directory)?),
            (None, None) => {
                Err(DataError::Missing { dataset: self.name.to_string(), file: file.gz_name(), directory })
            }
        }
    }
}

/// Reads a file. Fails if the digest of the file differs from the manifest, or if the shape of the
/// data differs from `dims`.
fn read(path: &Path, file: &FileEntry, dims: &[usize]) -> Result<Vec<u8>, DataError> {
    let Idx { dims: found, data, digest } = Idx::read(path, Idx::content_len(dims))?;
    let damage = if digest != file.sha256 {
        Damage::Checksum { found: digest, expected: file.sha256 }
    } else if found != dims {
        Damage::Shape { found, expected: dims.to_vec() }
    } else {
        return Ok(data);
    };
    Err(DataError::damaged(path)(damage))
}

/// Fails if a label is not below `classes`.
fn check_labels(labels: &[u8], classes: usize) -> Result<(), Damage> {
    match labels.iter().position(|&label| usize::from(label) >= classes) {
        Some(index) => Err(Damage::Label { index, label: labels[index].into(), classes }),
        None => Ok(()),
    }
}
