//! Datasets that are a directory of image files.
//!
//! * [`walk`] finds the files, and [`scan`] gives them classes and splits.
//! * [`record`] turns a file into the pixels of a dataset, by [`adjoint_decode`].
//! * [`build`] does this for all files on several threads. [`cache`] keeps the result in a file.
//! * [`decoded`] has the images of a folder with their splits and their digest.
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

use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use error::FolderError;
pub use file_list::first_difference;
pub use walk::Skipped;

use self::decoded::{Decoded, SplitImages};
use self::record::Settings;
use self::scan::{Listing, scan};
use crate::source::{Images, Kind, Source};
use crate::{DataError, Downloader, FitMode, Options, Split};

/// A directory of image files, as a dataset. It is listed and decoded when it is first needed.
pub(crate) struct Folder<'a> {
    path: PathBuf,
    options: &'a Options,
    listing: OnceCell<Arc<Listing>>,
    decoded: OnceCell<Arc<Decoded>>,
}

impl<'a> Folder<'a> {
    pub(crate) fn new(path: &Path, options: &'a Options) -> Self {
        Self { path: path.to_path_buf(), options, listing: OnceCell::new(), decoded: OnceCell::new() }
    }

    fn listing(&self) -> Result<Arc<Listing>, DataError> {
        obtain(&self.listing, || scan(&self.path))
    }

    fn decoded(&self) -> Result<Arc<Decoded>, DataError> {
        obtain(&self.decoded, || Decoded::load(self.listing()?, self.settings(), self.options))
    }

    fn settings(&self) -> Settings {
        Settings {
            size: self.options.image_size,
            channels: self.channels(),
            background: self.options.background,
            fit: self.options.fit.unwrap_or(FitMode::Crop),
        }
    }
}

/// Returns the value of a cell, and makes it first if there is none.
fn obtain<T>(
    cell: &OnceCell<Arc<T>>,
    make: impl FnOnce() -> Result<T, DataError>,
) -> Result<Arc<T>, DataError> {
    if let Some(value) = cell.get() {
        return Ok(value.clone());
    }
    let value = Arc::new(make()?);
    Ok(cell.get_or_init(|| value).clone())
}

impl Source for Folder<'_> {
    fn kind(&self) -> Kind {
        Kind::Folder
    }

    fn channels(&self) -> usize {
        self.options.channels.unwrap_or(3)
    }

    fn classes(&self) -> Result<Vec<String>, DataError> {
        Ok(self.listing()?.classes.clone())
    }

    fn load(
        &self,
        split: Split,
        _downloader: Option<&mut Downloader<'_>>,
    ) -> Result<Box<dyn Images>, DataError> {
        Ok(Box::new(SplitImages::new(self.decoded()?, split)))
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
