//! The traits of a dataset, and the lookup of a dataset by its name.
//!
//! A [`Source`] describes a dataset before any image is read or drawn, and loads the [`Images`] of
//! a split. Each kind of dataset implements both traits in its own file. [`source`] returns the
//! dataset with a given name. All other code gets channels, sizes and classes from these traits.

use std::fmt;

use crate::drawn::BuiltIn;
use crate::glyphs::{Factors, Palette};
use crate::stored::Stored;
use crate::{DataError, Downloader, Options, Split};

/// A dataset before any of its images is read or drawn.
pub trait Source {
    /// Values per pixel: 1 (grayscale) or 3 (red, green, blue).
    fn channels(&self) -> usize;

    /// The names of the classes, in the order of their labels.
    fn classes(&self) -> Vec<String>;

    /// Loads the images of a split. Missing files are downloaded if `downloader` is given.
    ///
    /// # Errors
    /// [`DataError`] if a file is missing, cannot be read, or fails its checks.
    fn load(
        &self,
        split: Split,
        downloader: Option<&mut Downloader<'_>>,
    ) -> Result<Box<dyn Images>, DataError>;
}

/// The images of one split, all of the same size. Several threads may use a value at once.
pub trait Images: fmt::Debug + Send + Sync {
    /// Height and width of an image in pixels.
    fn image_size(&self) -> usize;

    /// The label of each image, an index into [`Source::classes`].
    fn labels(&self) -> &[u8];

    /// Writes image `index`, height x width x channels bytes, into `image`. The caller has checked
    /// that the index is in range and that `image` has the right length.
    fn image(&self, index: usize, image: &mut [u8]);

    /// Prepares the images at `indices`, which are needed soon, on all processors. The default
    /// implementation is empty.
    fn prepare(&self, _indices: &[usize]) {}

    /// The factors from which image `index` was drawn, or `None` for a dataset without factors. The
    /// default implementation returns `None`.
    fn factors(&self, _index: usize) -> Option<Factors> {
        None
    }
}

/// The datasets that are drawn by code.
const BUILT_IN: [(&str, Palette); 2] = [("glyphs", Palette::Grey), ("glyphs-rgb", Palette::Rgb)];

/// Returns the dataset called `name`. Its files need not exist yet.
///
/// # Errors
/// [`DataError::UnknownDataset`] if no dataset has this name.
pub fn source<'a>(name: &'a str, options: &'a Options) -> Result<Box<dyn Source + 'a>, DataError> {
    if let Some(&(_, palette)) = BUILT_IN.iter().find(|(built_in, _)| *built_in == name) {
        return Ok(Box::new(BuiltIn { palette, options }));
    }
    let built_in = BUILT_IN.iter().map(|(name, _)| *name);
    match options.manifest.get(name) {
        Some(entry) => Ok(Box::new(Stored { name, entry, options })),
        None => Err(DataError::UnknownDataset {
            name: name.to_string(),
            known: built_in.chain(options.manifest.names()).collect::<Vec<_>>().join(", "),
        }),
    }
}

/// Is the dataset called `name` drawn by code instead of read from files?
pub fn is_built_in(name: &str) -> bool {
    BUILT_IN.iter().any(|(built_in, _)| *built_in == name)
}
