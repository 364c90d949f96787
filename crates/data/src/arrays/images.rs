//! The images of one split of an array.

use std::borrow::Cow;
use std::fmt::{self, Write};

use sha2::{Digest as _, Sha256};

use super::layout::Layout;
use super::store::Store;
use crate::color::{self, convert};
use crate::fit::{Fit, FitMode};
use crate::source::Images;
use crate::{DataError, Digest, Options, Split};

/// What identifies the images of all splits of an array.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) layout: Layout,
    /// The label of each image; `None` if the images have no labels.
    pub(super) labels: Option<Vec<u16>>,
    /// Is the image in the test split?
    pub(super) held_out: Vec<bool>,
    /// The SHA-256 of the pixels of each image.
    pub(super) digests: Vec<Digest>,
}

impl Contents {
    fn label(&self, index: usize) -> Option<u16> {
        self.labels.as_ref().map(|labels| labels[index])
    }

    fn split(&self, index: usize) -> Split {
        if self.held_out[index] { Split::Test } else { Split::Train }
    }

    /// The indices of the images of a split.
    pub(super) fn of_split(&self, split: Split) -> Vec<usize> {
        (0..self.layout.images).filter(|&index| self.split(index) == split).collect()
    }

    /// The SHA-256 over the size of images, and over splits, labels and pixels of all images. It
    /// does not depend on the name of the file, the order of its axes or the type of its elements.
    fn fingerprint(&self) -> Digest {
        let mut hash = Sha256::new();
        for number in [self.layout.height, self.layout.width, self.layout.channels] {
            hash.update((number as u64).to_le_bytes());
        }
        for (index, digest) in self.digests.iter().enumerate() {
            hash.update([u8::from(self.held_out[index]), u8::from(self.labels.is_some())]);
            hash.update(self.label(index).unwrap_or(0).to_le_bytes());
            hash.update(digest.bytes());
        }
        hash.into()
    }

    /// One line per image: split, label, digest and index, separated by tabs.
    fn file_list(&self) -> String {
        let mut list = String::new();
        for (index, digest) in self.digests.iter().enumerate() {
            let label = self.label(index).map_or("-".to_owned(), |label| label.to_string());
            let digest = &digest.to_string()[..16];
            writeln!(list, "{}\t{label}\t{digest}\t{index}", self.split(index))
                .expect("a string can be written");
        }
        list
    }
}

/// The images of one split, converted and fitted when they are requested.
pub(super) struct ArrayImages {
    contents: Contents,
    store: Store,
    /// The index in the store of each image of the split.
    images: Vec<usize>,
    labels: Vec<u16>,
    /// Values per pixel of the dataset.
    channels: usize,
    fit: Fit,
    notes: Vec<String>,
}

impl ArrayImages {
    pub(super) fn new(
        contents: Contents,
        mut store: Store,
        split: Split,
        note: Option<String>,
        options: &Options,
    ) -> Self {
        let layout = contents.layout;
        let channels = options.channels.unwrap_or(layout.channels);
        let images = contents.of_split(split);
        let labels = images.iter().map(|&index| contents.label(index).unwrap_or(0)).collect();
        let images = store.keep(images, layout.image_len());
        let background = convert(Cow::Borrowed(&options.background), 3, channels);
        let mode = options.fit.unwrap_or(FitMode::Crop);
        let fit = Fit::new(mode, [layout.height, layout.width], channels, options.image_size, &background);
        Self { contents, store, images, labels, channels, fit, notes: note.into_iter().collect() }
    }
}

impl Images for ArrayImages {
    fn image_size(&self) -> usize {
        self.fit.size
    }

    fn labels(&self) -> &[u16] {
        &self.labels
    }

    fn image(&self, index: usize, image: &mut [u8]) -> Result<(), DataError> {
        let layout = self.contents.layout;
        let mut stored = vec![0; layout.image_len()];
        self.store.read(self.images[index], &mut stored)?;
        let pixels = color::convert(layout.interleave(&stored), layout.channels, self.channels);
        self.fit.apply(&pixels, image);
        Ok(())
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }

    fn fingerprint(&self) -> Option<Digest> {
        Some(self.contents.fingerprint())
    }

    fn file_list(&self) -> Option<String> {
        Some(self.contents.file_list())
    }
}

impl fmt::Debug for ArrayImages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let store = match self.store {
            Store::File { .. } => "file",
            Store::Memory(_) => "memory",
        };
        f.debug_struct("ArrayImages").field("images", &self.images.len()).field("store", &store).finish()
    }
}
