//! Datasets that are a directory of image files.
//!
//! * [`walk`] finds the files, and [`scan`] gives them classes and splits.
//! * [`record`] turns a file into the pixels of a dataset, by [`adjoint_decode`].
//! * [`build`] does this for all files on several threads, and [`permit`] limits their memory.
//! * [`cache`](crate::cache) keeps the result in a file, and [`key`] says on what it depends.
//! * [`originals`] decodes a single image, such as one whose pixels in the cache are damaged.
//! * [`decoded`] opens or makes the decoded images of a folder.
//! * [`file_list`] names the first difference between two states of a folder.
//!
//! Nothing here changes the folder, and no image is changed at random.

mod build;
mod decoded;
mod error;
mod file_list;
mod key;
mod originals;
mod permit;
mod record;
mod scan;
#[cfg(test)]
mod tests;
mod walk;

use std::cell::{Cell, OnceCell};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

pub use error::FolderError;
pub use file_list::first_difference;
pub use originals::decode_file;
pub use walk::Skipped;

use self::scan::{Listing, scan};
use crate::arrays::is_array;
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

/// The longest name of a dataset in bytes. Names of files that contain it fit in 255 bytes.
const MAX_NAME: usize = 100;

/// Returns the name of a dataset that is given by its name or its path. A name of the characters a
/// to z, 0 to 9, `-` and `_` stays as it is. The name of a path is its last part, without the end
/// of the name of an array, reduced to the characters a to z, 0 to 9 and `-`. Upper case becomes
/// lower case, and other characters become one `-`. A name of which nothing is left becomes
/// `folder`. A link has its own name, not that of its target. A name is cut after 100 characters.
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
    let is_plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    let mut name = match path.to_str() {
        Some(name) if !name.is_empty() && name.bytes().all(is_plain) => name.to_string(),
        _ => name_of_path(path),
    };
    name.truncate(MAX_NAME);
    name
}

/// The last part of a path, reduced to a to z, 0 to 9 and `-`.
fn name_of_path(path: &Path) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    // Links before `..` decide its target.
    let ends_in_parent = absolute.components().next_back() == Some(Component::ParentDir);
    let real = if ends_in_parent { std::fs::canonicalize(&absolute).ok() } else { None };
    let path = real.unwrap_or(absolute);
    let name = if is_array(&path) { path.file_stem() } else { path.file_name() };
    let name = name.unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let words = name.split(|character: char| !character.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    if words.is_empty() { "folder".to_string() } else { words.join("-") }
}
