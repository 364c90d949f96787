//! A dataset that is small enough for a test to create and damage its files.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use adjoint_data::{Damage, DataError, Dataset, Digest, Manifest, Options, Split};
use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

/// Images in the training split of the tiny dataset.
pub(crate) const ITEMS: usize = 7;

/// An IDX file of bytes.
pub(crate) fn idx(dims: &[u32], data: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, 8, dims.len() as u8];
    dims.iter().for_each(|size| file.extend(size.to_be_bytes()));
    file.extend(data);
    file
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    gzip_at(Compression::default(), bytes)
}

pub(crate) fn gzip_at(level: Compression, bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), level);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The files of the training split, uncompressed. Image i is filled with 10 i.
#[derive(Clone)]
pub(crate) struct Tiny {
    pub(crate) images: Vec<u8>,
    pub(crate) labels: Vec<u8>,
}

impl Tiny {
    pub(crate) fn new() -> Self {
        let pixels: Vec<u8> = (0..ITEMS).flat_map(|item| vec![10 * item as u8; 28 * 28]).collect();
        Self {
            images: idx(&[ITEMS as u32, 28, 28], &pixels),
            labels: idx(&[ITEMS as u32], &[0, 1, 2, 0, 1, 2, 0]),
        }
    }

    /// A manifest with the names and checksums of these files.
    pub(crate) fn manifest(&self) -> Manifest {
        Manifest::parse(&self.manifest_text()).unwrap()
    }

    /// The text of the manifest.
    pub(crate) fn manifest_text(&self) -> String {
        let file = |name: &str, content: &[u8]| {
            let gz = gzip(content);
            format!(
                "name = \"{name}\"\ngz_bytes = {}\ngz_sha256 = \"{}\"\nsha256 = \"{}\"\n",
                gz.len(),
                Digest::of(&gz),
                Digest::of(content)
            )
        };
        let split = |split: &str| {
            let (images, labels) = (file("images", &self.images), file("labels", &self.labels));
            format!(
                "[tiny.{split}]\nitems = {ITEMS}\n[tiny.{split}.images]\n{images}[tiny.{split}.labels]\n{labels}"
            )
        };
        let classes = "classes = [\"a\", \"b\", \"c\"]";
        format!("[tiny]\nmirrors = []\nsize = [28, 28]\n{classes}\n{}{}", split("train"), split("test"))
    }
}

/// The data directory of one test.
pub(crate) struct Place {
    root: TempDir,
    /// The text of the manifest.
    manifest: String,
    pub(crate) options: Options,
}

impl Place {
    /// An empty data directory, with a manifest that contains `tiny`.
    pub(crate) fn new(tiny: &Tiny) -> Self {
        let root = tempfile::tempdir().unwrap();
        let options =
            Options { data_dir: root.path().to_path_buf(), manifest: tiny.manifest(), ..Options::default() };
        Self { root, manifest: tiny.manifest_text(), options }
    }

    /// The options, with these mirrors of the dataset.
    pub(crate) fn with_mirrors(&self, mirrors: &[&str]) -> Options {
        let manifest = self.manifest.replace("mirrors = []", &format!("mirrors = {mirrors:?}"));
        Options { manifest: Manifest::parse(&manifest).unwrap(), ..self.options.clone() }
    }

    /// The directory for the files of the dataset.
    pub(crate) fn directory(&self) -> PathBuf {
        self.root.path().join("tiny")
    }

    pub(crate) fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        fs::create_dir_all(self.directory()).unwrap();
        let path = self.directory().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn load(&self) -> Result<Dataset, DataError> {
        Dataset::load("tiny", Split::Train, &self.options, None)
    }
}

/// Returns the message of the error. The message must be one line and contain all of `words`.
#[track_caller]
pub(crate) fn message<T>(result: Result<T, DataError>, words: &[&str]) -> DataError {
    let Err(error) = result else { panic!("no error, where one with {words:?} was expected") };
    let text = error.to_string();
    assert!(!text.contains('\n'), "more than one line: {text}");
    for word in words {
        assert!(text.contains(word), "\"{word}\" is not in: {text}");
    }
    error
}

/// The sorted file names in a directory; empty if the directory does not exist.
pub(crate) fn names(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Asserts that the result is an error about a file with this damage, on one line.
#[track_caller]
pub(crate) fn assert_damage<T>(result: Result<T, DataError>, expected: Damage) {
    match message(result, &["is damaged", "; replace it"]) {
        DataError::Damaged { damage, .. } => assert_eq!(damage, expected),
        other => panic!("{other}"),
    }
}
