//! Datasets that are stored as files. The [manifest](crate::manifest) lists the files with their
//! checksums. Missing files are downloaded, and every file is verified. The images are kept in
//! memory at their stored size.

use std::cell::OnceCell;
use std::fmt;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::checksums;
use crate::cifar::{Cifar, Loaded};
use crate::download::fetch;
use crate::escape::Shown;
use crate::idx::Idx;
use crate::records::{self, Layout, Records};
use crate::settings::Settings;
use crate::source::{Images, Kind, Source};
use crate::{
    CifarFiles, Damage, DataError, Digest, Downloader, FileEntry, Files, Fit, FitMode, IdxFiles,
    ManifestEntry, Options, Split, SplitEntry,
};

/// A dataset of the manifest.
pub(crate) struct Stored<'a> {
    name: &'a str,
    entry: &'a ManifestEntry,
    options: &'a Options,
    /// The fingerprint, once it has been computed.
    fingerprint: OnceCell<Option<Digest>>,
}

impl Source for Stored<'_> {
    fn channels(&self) -> usize {
        match self.entry.files {
            Files::Idx(_) => 1,
            Files::Cifar(_) => records::CHANNELS,
        }
    }

    fn classes(&self) -> Result<Vec<String>, DataError> {
        Ok(self.entry.classes.clone())
    }

    fn kind(&self) -> Kind {
        Kind::Stored
    }

    fn has_mirrors(&self) -> bool {
        let is_served = match &self.entry.files {
            Files::Idx(_) => true,
            Files::Cifar(files) => files.archive.is_some(),
        };
        is_served && !self.entry.mirrors.is_empty()
    }

    fn judge_accuracy(&self) -> Option<f64> {
        self.entry.judge_accuracy
    }

    fn load(
        &self,
        split: Split,
        downloader: Option<&mut Downloader<'_>>,
    ) -> Result<Box<dyn Images>, DataError> {
        let loaded = self.read(split, downloader)?;
        // A black margin suits white digits on black, but not photographs.
        let mode = match self.entry.files {
            Files::Idx(_) => FitMode::Margin,
            Files::Cifar(_) => FitMode::Crop,
        };
        let settings = Settings { background: [0; 3], ..Settings::of(self.options, self.channels(), mode) };
        let fingerprint = self.fingerprint(&settings, split, &loaded)?;
        let Loaded { records: Records { images, labels }, mut notes, .. } = loaded;
        notes.extend(settings.enlarged(self.entry.size));
        let fit = settings.fit(self.entry.size);
        Ok(Box::new(InMemory { images, labels, notes, fit, fingerprint }))
    }
}

/// The images of a split in memory.
struct InMemory {
    /// All images one after another, at their stored size.
    images: Vec<u8>,
    labels: Vec<u16>,
    notes: Vec<String>,
    fit: Fit,
    fingerprint: Option<Digest>,
}

impl fmt::Debug for InMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InMemory")
            .field("images", &self.labels.len())
            .field("size", &self.fit.size())
            .finish()
    }
}

impl Images for InMemory {
    fn image_size(&self) -> usize {
        self.fit.size()
    }

    fn labels(&self) -> &[u16] {
        &self.labels
    }

    fn image(&self, index: usize, image: &mut [u8]) -> Result<(), DataError> {
        let len = self.fit.stored_len();
        self.fit.apply(&self.images[index * len..][..len], image);
        Ok(())
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }

    fn fingerprint(&self) -> Option<Digest> {
        self.fingerprint
    }
}

impl<'a> Stored<'a> {
    pub(crate) fn new(name: &'a str, entry: &'a ManifestEntry, options: &'a Options) -> Self {
        Self { name, entry, options, fingerprint: OnceCell::new() }
    }

    /// The directory of the dataset.
    fn directory(&self) -> PathBuf {
        self.options.data_dir.join(self.name)
    }

    fn cifar<'f>(&'f self, files: &'f CifarFiles) -> Cifar<'f> {
        Cifar {
            name: self.name,
            files,
            mirrors: &self.entry.mirrors,
            layout: Layout {
                label_bytes: files.label_bytes,
                pixels: self.entry.size.iter().product(),
                classes: self.entry.classes.len(),
            },
            directory: self.directory(),
            test_fraction: self.options.test_fraction,
        }
    }

    /// Reads the records of a split.
    fn read(&self, split: Split, downloader: Option<&mut Downloader<'_>>) -> Result<Loaded, DataError> {
        match &self.entry.files {
            Files::Idx(files) => self.load_idx(files, split, downloader),
            Files::Cifar(files) => self.cifar(files).load(split, downloader),
        }
    }

    /// The SHA-256 over the settings and the records of both splits, if the manifest has no
    /// checksum of some of them. A split whose files are missing or damaged has no records. If the
    /// manifest has all checksums, they stand for the records. The name of a built-in set
    /// determines the checksums, so it needs no fingerprint then.
    fn fingerprint(
        &self,
        settings: &Settings,
        split: Split,
        loaded: &Loaded,
    ) -> Result<Option<Digest>, DataError> {
        if let Some(&known) = self.fingerprint.get() {
            return Ok(known);
        }
        let is_pinned = loaded.is_pinned && !self.has_plain_files()?;
        let of_records = if is_pinned { None } else { self.hash(settings, split, loaded) };
        let of_manifest = || (!self.entry.is_built_in).then(|| self.hash_manifest(settings));
        let fingerprint = of_records.or_else(of_manifest);
        Ok(*self.fingerprint.get_or_init(|| fingerprint))
    }

    /// Returns `None` if the manifest has checksums of both splits.
    fn hash(&self, settings: &Settings, split: Split, loaded: &Loaded) -> Option<Digest> {
        let (other, both);
        match split {
            Split::Train => {
                other = self.read(Split::Test, None).ok();
                both = [Some(loaded), other.as_ref()];
            }
            Split::Test => {
                other = self.read(Split::Train, None).ok();
                both = [other.as_ref(), Some(loaded)];
            }
        }
        if both.iter().flatten().all(|loaded| loaded.is_pinned) {
            return None;
        }
        let mut hash = Sha256::new();
        settings.hash(&mut hash);
        for records in both.map(|loaded| loaded.map(|loaded| &loaded.records)) {
            let (images, labels) = records.map_or((&[][..], &[][..]), |of| (&of.images, &of.labels));
            hash.update((labels.len() as u64).to_le_bytes());
            labels.iter().for_each(|label| hash.update(label.to_le_bytes()));
            hash.update(images);
        }
        Some(hash.into())
    }

    /// The SHA-256 over the settings and what the manifest says about the records.
    fn hash_manifest(&self, settings: &Settings) -> Digest {
        let mut hash = Sha256::new();
        settings.hash(&mut hash);
        checksums::hash(self.entry, self.options.test_fraction, &mut hash);
        hash.into()
    }

    /// May records come from files that have no checksum?
    fn has_plain_files(&self) -> Result<bool, DataError> {
        let files = match &self.entry.files {
            Files::Idx(files) => files,
            Files::Cifar(files) => return self.cifar(files).has_plain_files(),
        };
        for SplitEntry { images, labels, .. } in [&files.train, &files.test] {
            for file in [images, labels].into_iter().filter(|file| file.sha256.is_none()) {
                let path = self.directory().join(&file.name);
                if path.try_exists().map_err(DataError::io("read", &path))? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Loads a split from IDX files.
    fn load_idx(
        &self,
        files: &IdxFiles,
        split: Split,
        mut downloader: Option<&mut Downloader<'_>>,
    ) -> Result<Loaded, DataError> {
        let split = files.split(split);
        let ([height, width], classes) = (self.entry.size, self.entry.classes.len());
        let mut notes = Vec::new();
        let mut obtain = |file, dims: &[usize], check: &dyn Fn(&[u8]) -> Result<(), Damage>| {
            let (data, note) = self.obtain(file, dims, check, downloader.as_deref_mut())?;
            notes.extend(note);
            Ok(data)
        };
        let labels = obtain(&split.labels, &[split.items], &|labels| check_labels(labels, classes))?;
        let images = obtain(&split.images, &[split.items, height, width], &|_| Ok(()))?;
        let labels = labels.into_iter().map(u16::from).collect();
        // A note says that a file cannot be verified.
        Ok(Loaded { records: Records { images, labels }, is_pinned: notes.is_empty(), notes })
    }

    /// Returns the data of a file of shape `dims` from the compressed file, or from the plain file
    /// if the compressed one is missing or damaged. If neither exists, the compressed file is
    /// downloaded with `downloader`. Also returns a note if the file cannot be verified.
    fn obtain(
        &self,
        file: &FileEntry,
        dims: &[usize],
        check: &dyn Fn(&[u8]) -> Result<(), Damage>,
        downloader: Option<&mut Downloader<'_>>,
    ) -> Result<(Vec<u8>, Option<String>), DataError> {
        let sound = |path: &Path| {
            let read = read(path, file, dims).and_then(|data| {
                check(&data).map_err(DataError::damaged(path))?;
                Ok(data)
            });
            read.map_err(DataError::advise_fetching(&self.entry.mirrors))
        };
        let (directory, compressed) = (self.directory(), file.compressed());
        let mut problem = None;
        for name in [&compressed.name, &file.name] {
            let path = directory.join(name);
            if path.try_exists().map_err(DataError::io("read", &path))? {
                match sound(&path) {
                    Ok(data) if file.sha256.is_none() && name == &file.name => {
                        return Ok((data, Some(self.note_of_plain(&path, &compressed.name))));
                    }
                    Ok(data) => return Ok((data, None)),
                    Err(error) => _ = problem.get_or_insert(error),
                }
            }
        }
        match problem {
            Some(problem) => Err(problem),
            None => {
                let path = fetch(downloader, self.name, &compressed, &self.entry.mirrors, &directory)?;
                Ok((sound(&path)?, None))
            }
        }
    }

    /// Describes a plain file without a known checksum.
    fn note_of_plain(&self, path: &Path, compressed: &str) -> String {
        let (name, path) = (self.name, Shown(path));
        format!("{name}: only {compressed} has a known checksum, so {path} may not be the official file")
    }
}

/// Reads a file. Fails if its digest differs from the manifest, or if the shape of the data differs
/// from `dims`. If the manifest has no digest of the content, the compressed file must have the
/// digest of the mirrors' file, and any plain file is accepted.
fn read(path: &Path, file: &FileEntry, dims: &[usize]) -> Result<Vec<u8>, DataError> {
    let Idx { dims: found, data, digest } = Idx::read(path, Idx::content_len(dims))?;
    let is_plain = path.file_name().is_some_and(|name| name == file.name.as_str());
    let (digest, expected) = match file.sha256 {
        Some(expected) => (digest, expected),
        None if is_plain => (digest, digest),
        None => (Digest::of_file(path)?, file.gz_sha256),
    };
    let damage = if digest != expected {
        Damage::Checksum { found: digest, expected }
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
