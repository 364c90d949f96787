//! Where images come from.
//!
//! A [`Source`] is a dataset of which no image has been read or drawn. It loads the [`Images`] of a
//! split. Each kind of dataset implements both in a file of its own, and [`source`] finds the one
//! that a name stands for. All other code takes channels, sizes and classes from them.

use std::fmt;

use crate::drawn::BuiltIn;
use crate::glyphs::{Factors, Palette};
use crate::stored::Stored;
use crate::{DataError, Downloader, Manifest, Options, Split};

/// A dataset of which no image has been read or drawn.
pub trait Source {
    /// Values per pixel: 1 (grayscale) or 3 (red, green, blue).
    fn channels(&self) -> usize;

    /// Names of the classes, in the order of their labels.
    fn classes(&self) -> Vec<String>;

    /// Loads the images of a split. Missing files are fetched if there is a downloader.
    ///
    /// # Errors
    /// [`DataError`] if files are missing, cannot be read or are not what they should be.
    fn load(
        &self,
        split: Split,
        downloader: Option<&mut Downloader<'_>>,
    ) -> Result<Box<dyn Images>, DataError>;
}

/// The images of one split, all of one size. Several threads may use them.
pub trait Images: fmt::Debug + Send + Sync {
    /// Height and width of an image in pixels.
    fn image_size(&self) -> usize;

    /// The label of each image, an index into [`Source::classes`].
    fn labels(&self) -> &[u8];

    /// Writes image `index`, height x width x channels bytes, over all of `image`. The caller has
    /// checked both.
    fn image(&self, index: usize, image: &mut [u8]);

    /// Prepares images that are needed soon, on all processors. By default, nothing has to be
    /// prepared.
    fn prepare(&self, _indices: &[usize]) {}

    /// The factors of image `index`, if the dataset knows them. By default, it does not.
    fn factors(&self, _index: usize) -> Option<Factors> {
        None
    }
}

/// The datasets that are drawn by code.
const BUILT_IN: [(&str, Palette); 2] = [("glyphs", Palette::Grey), ("glyphs-rgb", Palette::Rgb)];

/// The dataset called `name`. Its files need not exist yet.
///
/// # Errors
/// [`DataError::UnknownDataset`] if there is none of that name.
pub fn source<'a>(name: &'a str, options: &'a Options) -> Result<Box<dyn Source + 'a>, DataError> {
    if let Some(&(_, palette)) = BUILT_IN.iter().find(|(built_in, _)| *built_in == name) {
        return Ok(Box::new(BuiltIn { palette, options }));
    }
    match options.manifest.get(name) {
        Some(entry) => Ok(Box::new(Stored { name, entry, options })),
        None => Err(DataError::UnknownDataset {
            name: name.to_string(),
            known: names(&options.manifest).join(", "),
        }),
    }
}

/// Is the dataset called `name` drawn by code, without files?
pub fn is_built_in(name: &str) -> bool {
    BUILT_IN.iter().any(|(built_in, _)| *built_in == name)
}

/// The names that [`source`] knows: the built-in datasets, then those of `manifest`.
fn names(manifest: &Manifest) -> Vec<String> {
    BUILT_IN.iter().map(|(name, _)| *name).chain(manifest.names()).map(str::to_string).collect()
}
