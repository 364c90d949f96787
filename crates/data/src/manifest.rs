//! The manifest of datasets: the names, download URLs and checksums of their files.
//!
//! The default manifest is `datasets/manifest.toml`, which is compiled into this crate. A program
//! may use its own manifest.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;

use serde::Deserialize;

use crate::{DataError, Digest, Split};

/// Datasets by name.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct Manifest {
    datasets: BTreeMap<String, ManifestEntry>,
}

/// A dataset of grayscale images of one size. It has two splits, and each split has a file of
/// images and a file of labels.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestEntry {
    /// Base URLs, tried in order. The name of a file and `.gz` are appended.
    pub mirrors: Vec<String>,
    /// Height and width of the images in pixels.
    pub size: [usize; 2],
    /// Names of the classes, in the order of their labels.
    pub classes: Vec<String>,
    /// The training images.
    pub train: SplitEntry,
    /// The test images.
    pub test: SplitEntry,
}

/// One split of a dataset.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitEntry {
    /// Number of images, which is also the number of labels.
    pub items: usize,
    /// IDX file of shape (items, height, width).
    pub images: FileEntry,
    /// IDX file of shape (items).
    pub labels: FileEntry,
}

/// The name and checksums of a file, compressed and uncompressed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Name of the uncompressed file.
    pub name: String,
    /// Size in bytes of the `.gz` on the mirrors.
    pub gz_bytes: u64,
    /// SHA-256 of the `.gz` on the mirrors.
    pub gz_sha256: Digest,
    /// SHA-256 of the uncompressed content. It also identifies a file that was compressed again by
    /// another program.
    pub sha256: Digest,
}

impl Manifest {
    /// Reads a manifest in the format of `datasets/manifest.toml`.
    ///
    /// # Errors
    /// [`DataError::Manifest`] if `text` is not valid TOML, has missing or unknown fields, or has a
    /// field whose value is out of range.
    pub fn parse(text: &str) -> Result<Self, DataError> {
        let parsed: Result<Self, _> = toml::from_str(text);
        let manifest = parsed.map_err(|error| DataError::Manifest(error.message().replace('\n', " ")))?;
        for (name, entry) in &manifest.datasets {
            entry.check().map_err(|problem| DataError::Manifest(format!("{name}: {problem}")))?;
        }
        Ok(manifest)
    }

    /// The datasets and their names, in alphabetical order.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &ManifestEntry)> {
        self.datasets.iter().map(|(name, entry)| (name.as_str(), entry))
    }
}

impl Default for Manifest {
    /// The manifest `datasets/manifest.toml`.
    fn default() -> Self {
        Self::parse(include_str!("../../../datasets/manifest.toml"))
            .expect("a test parses the built-in manifest")
    }
}

/// Largest height and width of stored images, in pixels.
const MAX_SIZE: usize = 1 << 14;
/// Largest number of images in a split.
const MAX_ITEMS: usize = 1 << 28;
/// Largest size of a compressed file in bytes.
const MAX_BYTES: u64 = 1 << 40;

impl ManifestEntry {
    /// Fails with a description of the first value that is out of range.
    fn check(&self) -> Result<(), String> {
        let (size, classes) = (self.size, self.classes.len());
        if size.iter().any(|side| !(1..=MAX_SIZE).contains(side)) {
            return Err(format!("size = {size:?}, but height and width are from 1 to {MAX_SIZE} pixels"));
        }
        if !(1..=256).contains(&classes) {
            return Err(format!("{classes} classes, but a label of a byte names one of 1 to 256"));
        }
        for (name, split) in [("train", &self.train), ("test", &self.test)] {
            let items = split.items;
            if items > MAX_ITEMS {
                return Err(format!("{name}: items = {items}, but {MAX_ITEMS} is the largest number"));
            }
            for file in [&split.images, &split.labels] {
                if Path::new(&file.name).file_name() != Some(OsStr::new(&file.name)) {
                    return Err(format!("{name}: name = {:?}, which is not the name of a file", file.name));
                }
                let bytes = file.gz_bytes;
                if !(1..=MAX_BYTES).contains(&bytes) {
                    return Err(format!("{name}: gz_bytes = {bytes}, but a file has from 1 to {MAX_BYTES}"));
                }
            }
        }
        Ok(())
    }

    /// The entry of one split.
    pub fn split(&self, split: Split) -> &SplitEntry {
        match split {
            Split::Train => &self.train,
            Split::Test => &self.test,
        }
    }
}

impl FileEntry {
    /// Name of the compressed file.
    pub fn gz_name(&self) -> String {
        format!("{}.gz", self.name)
    }
}
