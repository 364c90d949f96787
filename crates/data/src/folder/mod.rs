//! Datasets that are a directory of image files.
//!
//! * [`walk`] finds the files, and [`scan`] gives them classes and splits.
//! * [`record`] turns a file into the pixels of a dataset, by [`adjoint_decode`].
//! * [`build`] does this for all files on several threads. [`cache`] keeps the result in a file.
//! * [`decoded`] opens or makes the decoded images of a folder.
//! * [`file_list`] names the first difference between two states of a folder.
//!
//! Nothing here changes the folder, and no image is changed at random.

mod build;
mod cache;
mod decoded;
mod error;
mod file_list;
mod record;
mod scan;
#[cfg(test)]
mod tests;
mod walk;

use std::cell::{Cell, OnceCell};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use error::FolderError;
pub use file_list::first_difference;
pub use walk::Skipped;

use self::scan::{Listing, scan};
use crate::settings::Settings;
use crate::source::{Images, Kind, Source};
use crate::split_images::{Set, SplitImages, obtain};
use crate::{DataError, Downloader, FitMode, Options, Split};

/// A directory of image files, as a dataset. It is listed and decoded when it is first needed.
pub(crate) struct Folder<'a> {
    path: PathBuf,
    options: &'a Options,
    /// The list of the folder, which is dropped when the images are decoded.
    listing: Cell<Option<Listing>>,
    images: OnceCell<Arc<Set>>,
}

impl<'a> Folder<'a> {
    pub(crate) fn new(path: &Path, options: &'a Options) -> Self {
        Self { path: path.to_path_buf(), options, listing: Cell::default(), images: OnceCell::new() }
    }

    fn listing(&self) -> Result<Listing, DataError> {
        self.listing.take().map_or_else(|| scan(&self.path), Ok)
    }
}

impl Source for Folder<'_> {
    fn kind(&self) -> Kind {
        Kind::Folder
    }

    fn channels(&self) -> usize {
        self.options.channels.unwrap_or(3)
    }

    fn classes(&self) -> Result<Vec<String>, DataError> {
        if let Some(set) = self.images.get() {
            return Ok(set.contents.classes().to_vec());
        }
        let listing = self.listing()?;
        let classes = listing.classes.clone();
        self.listing.set(Some(listing));
        Ok(classes)
    }

    fn load(
        &self,
        split: Split,
        _downloader: Option<&mut Downloader<'_>>,
    ) -> Result<Box<dyn Images>, DataError> {
        let settings = Settings::of(self.options, self.channels(), FitMode::Crop);
        let set = obtain(&self.images, || decoded::load(self.listing()?, settings, self.options))?;
        Ok(Box::new(SplitImages::new(set, split)))
    }
}

/// Returns the name of a dataset that is given by its name or its path. It is the last part of the
/// path, without the end of the name of an array, reduced to the characters a to z, 0 to 9 and `-`.
/// Upper case becomes lower case, and other characters become one `-`. A name of which nothing is
/// left becomes `folder`.
///
/// ```
/// use adjoint_data::dataset_name;
///
/// assert_eq!(dataset_name("mnist".as_ref()), "mnist");
/// assert_eq!(dataset_name("photos/My Cats (2024)/".as_ref()), "my-cats-2024");
/// assert_eq!(dataset_name("arrays/faces.npy".as_ref()), "faces");
/// assert_eq!(dataset_name("/".as_ref()), "folder");
/// ```
pub fn dataset_name(path: &Path) -> String {
    let absolute = std::fs::canonicalize(path).or_else(|_| std::path::absolute(path));
    let absolute = absolute.as_deref().unwrap_or(path);
    let is_array = absolute.extension().is_some_and(|end| end == "npy" || end == "npz");
    let name = if is_array { absolute.file_stem() } else { absolute.file_name() };
    let name = name.unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let words = name.split(|character: char| !character.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    if words.is_empty() { "folder".to_string() } else { words.join("-") }
}
