//! The manifest of datasets: the names, download URLs and checksums of their files.
//!
//! The default manifest is `datasets/manifest.toml`, which is compiled into this crate. A user's
//! manifest adds datasets ([`Manifest::merge`]).

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use toml::{Table, Value};

use crate::escape::Shown;
use crate::settings::MAX_SIDE;
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

impl Manifest {
    /// Reads a manifest in the format of `datasets/manifest.toml`.
    ///
    /// # Errors
    /// [`DataError::Manifest`] if `text` is not valid TOML, has missing or unknown fields, or has a
    /// field whose value is out of range.
    pub fn parse(text: &str) -> Result<Self, DataError> {
        let parsed: Result<BTreeMap<String, Table>, _> = toml::from_str(text);
        let tables = parsed.map_err(|error| DataError::Manifest(one_line(&error)))?;
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

/// Largest number of images in a split.
const MAX_ITEMS: usize = 1 << 28;
/// Largest size of a downloaded file in bytes.
const MAX_BYTES: u64 = 1 << 40;

/// Fails unless `name` can be the name of a directory on every system.
fn check_name(name: &str) -> Result<(), String> {
    let is_valid = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    if name.is_empty() || !name.bytes().all(is_valid) {
        return Err("the name of a dataset has only the characters a-z, 0-9, - and _".into());
    }
    Ok(())
}

impl ManifestEntry {
    fn parse(mut table: Table) -> Result<Self, String> {
        let format = table.remove("format").unwrap_or_else(|| "idx".into());
        let (common, files) = table.into_iter().partition(|(key, _)| COMMON.contains(&key.as_str()));
        let files = match format.as_str() {
            Some("idx") => Files::Idx(Box::new(deserialize(files)?)),
            Some("cifar") => Files::Cifar(deserialize(files)?),
            _ => return Err(format!("format = {format}, but the formats are \"idx\" and \"cifar\"")),
        };
        let Common { mirrors, size, classes, judge_accuracy } = deserialize(common)?;
        let entry = Self { mirrors, size, classes, judge_accuracy, files, is_built_in: false };
        entry.check()?;
        Ok(entry)
    }

    /// Fails with a description of the first value that is out of range.
    fn check(&self) -> Result<(), String> {
        let (size, classes) = (self.size, self.classes.len());
        if size.iter().any(|side| !(1..=MAX_SIDE).contains(side)) {
            return Err(format!("size = {size:?}, but height and width are from 1 to {MAX_SIDE} pixels"));
        }
        if !(1..=256).contains(&classes) {
            return Err(format!("{classes} classes, but a label of a byte names one of 1 to 256"));
        }
        if let Some(accuracy) = self.judge_accuracy.filter(|accuracy| !(0.0..=1.0).contains(accuracy)) {
            return Err(format!("judge_accuracy = {accuracy}, but it is a fraction from 0 to 1"));
        }
        match &self.files {
            Files::Idx(files) => {
                files.train.check().map_err(|problem| format!("train: {problem}"))?;
                files.test.check().map_err(|problem| format!("test: {problem}"))
            }
            Files::Cifar(files) => files.check(),
        }
    }
}

impl SplitEntry {
    fn check(&self) -> Result<(), String> {
        check_items(self.items)?;
        for file in [&self.images, &self.labels] {
            check_file_name(&file.name)?;
            check_bytes("gz_bytes", file.gz_bytes)?;
        }
        Ok(())
    }
}

impl CifarFiles {
    fn check(&self) -> Result<(), String> {
        if !(1..=2).contains(&self.label_bytes) {
            return Err(format!("label_bytes = {}, but a record has 1 or 2", self.label_bytes));
        }
        if self.train.is_empty() {
            return Err("train: there are no files".into());
        }
        let mut names = HashSet::new();
        for file in self.train.iter().chain(&self.test) {
            check_file_name(&file.name)?;
            check_items(file.items)?;
            if file.items == 0 || !names.insert(&file.name) {
                return Err(format!("{}: a file occurs once and has at least one record", file.name));
            }
        }
        for split in [Split::Train, Split::Test] {
            check_items(self.split(split).iter().map(|file| file.items).sum())?;
        }
        let Some(archive) = &self.archive else { return Ok(()) };
        check_file_name(&archive.name)?;
        check_bytes("bytes", archive.bytes)
    }

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

fn check_items(items: usize) -> Result<(), String> {
    if items > MAX_ITEMS {
        return Err(format!("items = {items}, but {MAX_ITEMS} is the largest number"));
    }
    Ok(())
}

fn check_file_name(name: &str) -> Result<(), String> {
    if Path::new(name).file_name() != Some(OsStr::new(name)) {
        return Err(format!("name = {name:?}, which is not the name of a file"));
    }
    Ok(())
}

fn check_bytes(field: &str, bytes: u64) -> Result<(), String> {
    if !(1..=MAX_BYTES).contains(&bytes) {
        return Err(format!("{field} = {bytes}, but a file has from 1 to {MAX_BYTES}"));
    }
    Ok(())
}

fn deserialize<T: for<'de> Deserialize<'de>>(table: Table) -> Result<T, String> {
    Value::Table(table).try_into().map_err(|error| one_line(&error))
}

fn one_line(error: &toml::de::Error) -> String {
    error.message().replace('\n', " ")
}
