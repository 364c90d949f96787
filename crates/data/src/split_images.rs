//! The images of one split of a folder or of an array. Both splits share one store.

use std::cell::OnceCell;
use std::fmt;
use std::sync::Arc;

use crate::contents::Contents;
use crate::settings::Settings;
use crate::source::Images;
use crate::{DataError, Digest, Split};

/// The place of pixels.
pub(crate) trait Store: Send + Sync {
    /// Writes image `image` of all images, with the channels and the size of the dataset, into
    /// `pixels`. `digest` is its SHA-256 when the set was opened.
    fn read(&self, image: usize, digest: Digest, pixels: &mut [u8]) -> Result<(), DataError>;

    /// The kind of the place, for debugging.
    fn kind(&self) -> &'static str;
}

/// All images of a folder or of an array.
pub(crate) struct Set {
    pub(crate) contents: Contents,
    pub(crate) settings: Settings,
    pub(crate) store: Box<dyn Store>,
    /// What a user should know, one line each.
    pub(crate) notes: Vec<String>,
}

impl fmt::Debug for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Set")
            .field("images", &self.contents.len())
            .field("store", &self.store.kind())
            .finish_non_exhaustive()
    }
}

/// Returns the set in a cell, and makes it first if there is none.
pub(crate) fn obtain(
    cell: &OnceCell<Arc<Set>>,
    make: impl FnOnce() -> Result<Set, DataError>,
) -> Result<Arc<Set>, DataError> {
    if let Some(set) = cell.get() {
        return Ok(set.clone());
    }
    let set = Arc::new(make()?);
    Ok(cell.get_or_init(|| set).clone())
}

/// The images of one split.
#[derive(Debug)]
pub(crate) struct SplitImages {
    set: Arc<Set>,
    /// The index of each image among those of all splits.
    images: Vec<usize>,
    labels: Vec<u16>,
}

impl SplitImages {
    pub(crate) fn new(set: Arc<Set>, split: Split) -> Self {
        let images = set.contents.of_split(split);
        let labels = images.iter().map(|&image| set.contents.label(image)).collect();
        Self { set, images, labels }
    }
}

impl Images for SplitImages {
    fn image_size(&self) -> usize {
        self.set.settings.size
    }

    fn labels(&self) -> &[u16] {
        &self.labels
    }

    fn image(&self, index: usize, pixels: &mut [u8]) -> Result<(), DataError> {
        let image = self.images[index];
        let digest = self.set.contents.digest(image).expect("a broken image is in no split");
        self.set.store.read(image, digest, pixels)
    }

    fn notes(&self) -> &[String] {
        &self.set.notes
    }

    fn fingerprint(&self) -> Option<Digest> {
        Some(self.set.contents.fingerprint(&self.set.settings))
    }

    fn file_list(&self) -> Option<String> {
        Some(self.set.contents.file_list())
    }
}
