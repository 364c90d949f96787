//! The manifest of known datasets: what their files are called, where they can be had, how they are recognised.
//!
//! The one this crate knows is `datasets/manifest.toml`, compiled in. A program may bring its own.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{Damage, DataError, Digest, Split, idx::Idx};

/// Datasets by name.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct Manifest {
    datasets: BTreeMap<String, ManifestEntry>,
}

/// A dataset of grey images of one size in two splits, each of a file of images and a file of labels.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestEntry {
    /// Base URLs, tried in order; a file's name with `.gz` is appended.
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
    /// Number of images, and of labels.
    pub items: usize,
    /// IDX file of shape (items, height, width).
    pub images: FileEntry,
    /// IDX file of shape (items).
    pub labels: FileEntry,
}

/// A file, known in one or both of two forms.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Name of the uncompressed file.
    pub name: String,
    /// Size of the `.gz` as the mirrors have it.
    pub gz_bytes: u64,
    /// SHA-256 of the `.gz` as the mirrors have it.
    pub gz_sha256: Digest,
    /// SHA-256 of the uncompressed content, if known. It also recognises a file that somebody compressed anew.
    pub sha256: Option<Digest>,
}

impl Manifest {
    /// Reads a manifest in the format of `datasets/manifest.toml`.
    ///
    /// # Errors
    /// [`DataError::Manifest`] if it is not valid TOML, or has missing or unknown fields.
    pub fn parse(text: &str) -> Result<Self, DataError> {
        toml::from_str(text)
            .map_err(|error| DataError::Manifest { problem: error.message().replace('\n', " ") })
    }

    /// The dataset called `name`, if there is one.
    pub fn get(&self, name: &str) -> Option<&ManifestEntry> {
        self.datasets.get(name)
    }

    /// The names of the datasets in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.datasets.keys().map(String::as_str)
    }
}

impl Default for Manifest {
    /// The datasets this crate knows.
    fn default() -> Self {
        Self::parse(include_str!("../../../datasets/manifest.toml"))
            .expect("a test parses the built-in manifest")
    }
}

impl ManifestEntry {
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

    /// Is this the file meant, by either of its digests? `None` if neither can tell: a plain file of which only the
    /// compressed form is known.
    pub(crate) fn check(&self, idx: &Idx) -> Option<Result<(), Damage>> {
        if idx.file_digest() == self.gz_sha256 || Some(idx.content_digest()) == self.sha256 {
            return Some(Ok(()));
        }
        let (found, expected) = match self.sha256 {
            Some(sha256) => (idx.content_digest(), sha256),
            None if idx.is_gzipped() => (idx.file_digest(), self.gz_sha256),
            None => return None,
        };
        Some(Err(Damage::Checksum { found, expected }))
    }
}
