//! The manifest of datasets: the names, download URLs and checksums of their files.
//!
//! The default manifest is `datasets/manifest.toml`, which is compiled into this crate. A user's
//! manifest adds datasets ([`Manifest::merge`]).

mod check;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use toml::{Table, Value};

use self::check::check_name;
use crate::escape::Shown;
use crate::{DataError, Digest, Split, points, source};

/// Datasets by name.
#[derive(Clone, Debug)]
pub struct Manifest {
    datasets: BTreeMap<String, ManifestEntry>,
}

/// A dataset of images of one size.
#[derive(Clone, Debug)]
pub struct ManifestEntry {
    /// Base URLs, tried in order. The name of a file is appended.
    pub mirrors: Vec<String>,
    /// Height and width of the images in pixels.
    pub size: [usize; 2],
    /// Names of the classes, in the order of their labels.
    pub classes: Vec<String>,
    /// The accuracy (a fraction) that a classifier of the test split can be expected to have.
    /// Scores by a less accurate classifier are unreliable.
    pub judge_accuracy: Option<f64>,
    /// The files of the dataset.
    pub files: Files,
    /// Is the dataset one of the built-in manifest, where its name determines its files?
    pub is_built_in: bool,
}

/// The files of a dataset, by format.
#[derive(Clone, Debug)]
pub enum Files {
    /// Grayscale images in IDX files. The format is called `idx` and is the default.
    Idx(Box<IdxFiles>),
    /// Colour images in records, as those of CIFAR-10. The format is called `cifar`.
    Cifar(CifarFiles),
}

/// The IDX files of a dataset.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdxFiles {
    /// The training images.
    pub train: SplitEntry,
    /// The test images.
    pub test: SplitEntry,
}

/// One split of a dataset in IDX files.
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
    /// another program. `None` if it is not known: then only the `.gz` of the mirrors is verified.
    pub sha256: Option<Digest>,
}

/// The record files of a dataset. The mirrors serve them in one archive.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CifarFiles {
    /// The gzipped tar archive of all files. `None` if the files are only read from disk.
    pub archive: Option<RemoteFile>,
    /// Label bytes before the pixels of a record, 1 or 2. The last one is the class.
    pub label_bytes: usize,
    /// The files of training images.
    pub train: Vec<RecordFile>,
    /// The files of test images. If there are none, some of the training images are test images.
    #[serde(default)]
    pub test: Vec<RecordFile>,
}

/// A file of records.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordFile {
    /// Name of the file.
    pub name: String,
    /// Number of records.
    pub items: usize,
}

/// A file on the mirrors.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoteFile {
    /// Name of the file.
    pub name: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 of the content.
    pub sha256: Digest,
}

/// The fields that entries of all formats have.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Common {
    mirrors: Vec<String>,
    size: [usize; 2],
    classes: Vec<String>,
    judge_accuracy: Option<f64>,
}

/// Names of the fields of [`Common`].
const COMMON: [&str; 4] = ["mirrors", "size", "classes", "judge_accuracy"];
/// Reads the fields of a format.
type ReadFiles = fn(Table) -> Result<Files, String>;
/// Names of the fields of [`IdxFiles`] and [`CifarFiles`].
const OF_IDX: &[&str] = &["train", "test"];
const OF_CIFAR: &[&str] = &["archive", "label_bytes", "train", "test"];

impl Manifest {
    /// Reads a manifest in the format of `datasets/manifest.toml`.
    ///
    /// # Errors
    /// [`DataError::Manifest`] if `text` is not valid TOML, has missing or unknown fields, or has a
    /// field whose value is out of range.
    pub fn parse(text: &str) -> Result<Self, DataError> {
        let parsed: Result<BTreeMap<String, Table>, _> = toml::from_str(text);
        let at_line = |error: toml::de::Error| match error.span() {
            Some(span) => {
                let line = text[..span.start].matches('\n').count() + 1;
                format!("line {line}: {}", one_line(error.message()))
            }
            None => one_line(error.message()),
        };
        let tables = parsed.map_err(|error| DataError::Manifest(at_line(error)))?;
        let entries = tables.into_iter().map(|(name, table)| {
            let entry = check_name(&name).and_then(|()| ManifestEntry::parse(table));
            let named = |problem| DataError::Manifest(format!("{}: {problem}", name.escape_debug()));
            let entry = entry.map_err(named)?;
            Ok((name, entry))
        });
        Ok(Self { datasets: entries.collect::<Result<_, DataError>>()? })
    }

    /// Reads the manifest file `path`.
    ///
    /// # Errors
    /// [`DataError::Io`] if the file cannot be read. Otherwise as [`parse`](Self::parse); the
    /// message then starts with the path.
    pub fn read(path: &Path) -> Result<Self, DataError> {
        let text = fs::read_to_string(path).map_err(DataError::io("read", path))?;
        Self::parse(&text).map_err(|error| match error {
            DataError::Manifest(problem) => DataError::Manifest(format!("{}: {problem}", Shown(path))),
            other => other,
        })
    }

    /// Adds the datasets of `other`.
    ///
    /// # Errors
    /// [`DataError::Manifest`] if one of them has the name of a dataset of this manifest, or of a
    /// dataset that is drawn by code.
    pub fn merge(mut self, other: Self) -> Result<Self, DataError> {
        for (name, entry) in other.datasets {
            let is_drawn =
                source::is_drawn(&name) || points::Points::ALL.iter().any(|set| set.name() == name);
            if is_drawn || self.datasets.contains_key(&name) {
                let problem = format!("{name}: a dataset of this name is built in; choose another name");
                return Err(DataError::Manifest(problem));
            }
            self.datasets.insert(name, entry);
        }
        Ok(self)
    }

    /// The datasets and their names, in alphabetical order.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &ManifestEntry)> {
        self.datasets.iter().map(|(name, entry)| (name.as_str(), entry))
    }
}

impl Default for Manifest {
    /// The manifest `datasets/manifest.toml`.
    fn default() -> Self {
        let text = include_str!("../../../datasets/manifest.toml");
        let mut manifest = Self::parse(text).expect("a test parses the built-in manifest");
        manifest.datasets.values_mut().for_each(|entry| entry.is_built_in = true);
        manifest
    }
}

impl ManifestEntry {
    fn parse(mut table: Table) -> Result<Self, String> {
        let format = table.remove("format").unwrap_or_else(|| "idx".into());
        let (own, read): (_, ReadFiles) = match format.as_str() {
            Some("idx") => (OF_IDX, |files| Ok(Files::Idx(Box::new(deserialize(files)?)))),
            Some("cifar") => (OF_CIFAR, |files| Ok(Files::Cifar(deserialize(files)?))),
            _ => return Err(format!("format = {format}, but the formats are \"idx\" and \"cifar\"")),
        };
        let is_known = |key: &str| COMMON.contains(&key) || own.contains(&key);
        if let Some(unknown) = table.keys().find(|key| !is_known(key)) {
            let fields = [&["format"], &COMMON[..], own].concat().join(", ");
            return Err(format!("there is no field {}; the fields are {fields}", unknown.escape_debug()));
        }
        let (common, files) = table.into_iter().partition(|(key, _)| COMMON.contains(&key.as_str()));
        let files = read(files)?;
        let Common { mirrors, size, classes, judge_accuracy } = deserialize(common)?;
        let entry = Self { mirrors, size, classes, judge_accuracy, files, is_built_in: false };
        entry.check()?;
        Ok(entry)
    }
}

impl CifarFiles {
    /// The files of one split.
    pub fn split(&self, split: Split) -> &[RecordFile] {
        match split {
            Split::Train => &self.train,
            Split::Test => &self.test,
        }
    }
}

impl IdxFiles {
    /// The files of one split.
    pub fn split(&self, split: Split) -> &SplitEntry {
        match split {
            Split::Train => &self.train,
            Split::Test => &self.test,
        }
    }
}

impl FileEntry {
    /// The compressed file on the mirrors.
    pub fn compressed(&self) -> RemoteFile {
        RemoteFile { name: format!("{}.gz", self.name), bytes: self.gz_bytes, sha256: self.gz_sha256 }
    }
}

fn deserialize<T: for<'de> Deserialize<'de>>(table: Table) -> Result<T, String> {
    // The text of the error names the field after its message.
    Value::Table(table).try_into().map_err(|error: toml::de::Error| one_line(&error.to_string()))
}

fn one_line(text: &str) -> String {
    text.trim_end().replace('\n', " ")
}
