//! The identity of the images of a folder or of an array: keys, labels, splits and digests.
//!
//! **Order.** The images of a split are in the order of the SHA-256 of their keys, which is the
//! hash that holds out test images. So the first images of a split are a fair sample of it, however
//! its files are sorted, and the order stays when images are added. Fingerprint and list are in the
//! order of the keys instead, and cover all splits.

use std::borrow::Cow;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::escape::{escaped, path_bytes};
use crate::held_out::{held_out, sort_by_hash};
use crate::settings::Settings;
use crate::{Digest, Options, Split};

/// The keys of images: each image has another key.
pub(crate) enum Keys {
    /// The index of an image: eight bytes, lowest first.
    Indices,
    /// The paths of all images, one after another, and where each of them ends. One string per
    /// image would need more memory.
    Paths { bytes: Vec<u8>, ends: Vec<usize> },
}

impl Keys {
    /// The keys of files with these relative paths.
    pub(crate) fn of_paths<'p>(paths: impl Iterator<Item = &'p Path>) -> Self {
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        for path in paths {
            bytes.extend(path_bytes(path));
            ends.push(bytes.len());
        }
        bytes.shrink_to_fit();
        Self::Paths { bytes, ends }
    }

    /// The key of an image.
    pub(crate) fn key(&self, image: usize) -> Cow<'_, [u8]> {
        match self {
            Self::Indices => Cow::Owned((image as u64).to_le_bytes().to_vec()),
            Self::Paths { bytes, ends } => {
                let start = image.checked_sub(1).map_or(0, |before| ends[before]);
                Cow::Borrowed(&bytes[start..ends[image]])
            }
        }
    }

    /// The key of an image on one line: its index or its path.
    pub(crate) fn shown(&self, image: usize) -> String {
        match self {
            Self::Indices => image.to_string(),
            Self::Paths { .. } => escaped(&self.key(image)),
        }
    }
}

/// How images are divided into splits.
pub(crate) enum Splits {
    /// The split of each image.
    Given(Vec<Split>),
    /// This fraction of the images is in the test split, by the hash of their keys.
    HeldOut(f64),
}

impl Splits {
    /// The given splits of images. Without them, the fraction that the options hold out.
    pub(crate) fn new(given: Option<Vec<Split>>, options: &Options) -> Self {
        given.map_or(Self::HeldOut(options.test_fraction), Self::Given)
    }

    /// A note, if the user chose a fraction that is not used.
    pub(crate) fn note(&self, options: &Options) -> Option<String> {
        let is_unused = matches!(self, Self::Given(_)) && !options.has_usual_fraction();
        is_unused.then(|| "--test-fraction is not used, because the dataset has a test split".to_owned())
    }
}

/// The images of all splits of a set.
pub(crate) struct Contents {
    keys: Arc<Keys>,
    /// The names of the classes; empty if the images have no labels.
    classes: Vec<String>,
    labels: Vec<u16>,
    /// The split of each image. The split of a broken image has no meaning.
    splits: Vec<Split>,
    /// The SHA-256 of each image; `None` for broken images, which are in no split.
    digests: Vec<Option<Digest>>,
}

impl Contents {
    /// A broken image has no influence on the splits of others.
    pub(crate) fn new(
        keys: impl Into<Arc<Keys>>,
        classes: Vec<String>,
        labels: Vec<u16>,
        digests: Vec<Option<Digest>>,
        splits: Splits,
    ) -> Self {
        let mut contents = Self { keys: keys.into(), classes, labels, splits: Vec::new(), digests };
        contents.splits = match splits {
            Splits::Given(splits) => splits,
            Splits::HeldOut(fraction) => contents.held_out(fraction),
        };
        contents
    }

    fn held_out(&self, fraction: f64) -> Vec<Split> {
        let keys = self.sound().map(|(image, _)| self.keys.key(image));
        let labels: Vec<u16> = self.sound().map(|(image, _)| self.labels[image]).collect();
        let mut splits = vec![Split::Train; self.digests.len()];
        for ((image, _), is_test) in self.sound().zip(held_out(keys, &labels, fraction)) {
            splits[image] = if is_test { Split::Test } else { Split::Train };
        }
        splits
    }

    /// Returns the images that are not broken, with their SHA-256.
    fn sound(&self) -> impl Iterator<Item = (usize, Digest)> {
        self.digests.iter().enumerate().filter_map(|(image, digest)| Some((image, (*digest)?)))
    }

    /// Number of images, broken ones included.
    pub(crate) fn len(&self) -> usize {
        self.digests.len()
    }

    pub(crate) fn classes(&self) -> &[String] {
        &self.classes
    }

    pub(crate) fn label(&self, image: usize) -> u16 {
        self.labels[image]
    }

    /// The SHA-256 of an image; `None` if it is broken.
    pub(crate) fn digest(&self, image: usize) -> Option<Digest> {
        self.digests[image]
    }

    /// Returns the images of a split in the order of the hash of their keys.
    pub(crate) fn of_split(&self, split: Split) -> Vec<usize> {
        let mut images: Vec<usize> =
            self.sound().map(|(image, _)| image).filter(|&image| self.splits[image] == split).collect();
        sort_by_hash(&mut images, |image| self.keys.key(image));
        images
    }

    /// The number of broken images, and the shown key of the first of them.
    pub(crate) fn broken(&self) -> Option<(usize, String)> {
        let first = self.digests.iter().position(Option::is_none)?;
        Some((self.len() - self.sound().count(), self.keys.shown(first)))
    }

    /// The SHA-256 over the settings, and over keys, splits, labels and digests of all images that
    /// are not broken. It does not depend on the place of the files.
    pub(crate) fn fingerprint(&self, settings: &Settings) -> Digest {
        let mut hash = Sha256::new();
        settings.hash(&mut hash);
        hash.update((self.classes.len() as u64).to_le_bytes());
        for (image, digest) in self.sound() {
            let key = self.keys.key(image);
            hash.update((key.len() as u64).to_le_bytes());
            hash.update(key);
            hash.update([u8::from(self.splits[image] == Split::Test)]);
            hash.update(self.labels[image].to_le_bytes());
            hash.update(digest.bytes());
        }
        hash.into()
    }

    /// One line per image: split, class, digest and key, separated by tabs.
    pub(crate) fn file_list(&self) -> String {
        let mut list = String::new();
        for (image, digest) in self.sound() {
            let class = self.classes.get(usize::from(self.labels[image])).map_or("-", String::as_str);
            let digest = u64::from_be_bytes(*digest.bytes().first_chunk().expect("a digest has 32 bytes"));
            let (split, key) = (self.splits[image], self.keys.shown(image));
            writeln!(list, "{split}\t{class}\t{digest:016x}\t{key}").expect("a string can be written");
        }
        list
    }
}
