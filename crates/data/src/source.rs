//! The traits of a dataset, and the lookup of a dataset by its name.
//!
//! A [`Source`] describes a dataset before any image is read or drawn, and loads the [`Images`] of
//! a split. Each kind of dataset implements both traits in its own file. [`source`] returns the
//! dataset with a given name. All other code gets channels, sizes and classes from these traits.

use std::fmt;
use std::path::Path;

use crate::arrays::{self, Arrays};
use crate::drawn::BuiltIn;
use crate::folder::Folder;
use crate::glyphs::{Factors, Palette};
use crate::stored::Stored;
use crate::{DataError, Digest, Downloader, Options, Split};

/// The kind of a dataset, by the origin of its images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// They are drawn by code.
    Drawn,
    /// They are read from the files of a manifest.
    Stored,
    /// They are the image files in a directory.
    Folder,
    /// They are an array in a file.
    Array,
}

/// A dataset before any of its images is read or drawn.
pub trait Source {
    /// Values per pixel: 1 (grayscale) or 3 (red, green, blue).
    fn channels(&self) -> usize;

    /// The names of the classes, in the order of their labels. Empty if the images have no labels.
    ///
    /// # Errors
    /// If the classes are those of a folder or of an array that cannot be read.
    fn classes(&self) -> Result<Vec<String>, DataError>;

    /// Where the images come from. The default implementation returns [`Kind::Drawn`].
    fn kind(&self) -> Kind {
        Kind::Drawn
    }

    /// Does the manifest say from where files can be downloaded? The default implementation returns
    /// false.
    fn has_mirrors(&self) -> bool {
        false
    }

    /// The accuracy (a fraction) that a classifier of the test split can be expected to have.
    /// Scores by a less accurate classifier are unreliable. `None` if it is not known.
    fn judge_accuracy(&self) -> Option<f64> {
        None
    }

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

    /// The label of each image, an index into [`Source::classes`]. In a set without classes, all
    /// labels are 0.
    fn labels(&self) -> &[u16];

    /// Writes image `index`, height x width x channels bytes, into `image`. The caller has checked
    /// that the index is in range and that `image` has the right length.
    ///
    /// # Errors
    /// If the image is in a file that cannot be read.
    fn image(&self, index: usize, image: &mut [u8]) -> Result<(), DataError>;

    /// Prepares the images at `indices` on all processors, because they are needed soon. An image
    /// that cannot be read is an error of [`image`](Self::image) later. The default implementation
    /// has no effect.
    fn prepare(&self, _indices: &[usize]) {}

    /// What the user should know about the images, such as files that cannot be verified. Each note
    /// is one line. The default implementation returns none.
    fn notes(&self) -> &[String] {
        &[]
    }

    /// The factors from which image `index` was drawn, or `None` for a dataset without factors. The
    /// default implementation returns `None`.
    fn factors(&self, _index: usize) -> Option<Factors> {
        None
    }

    /// The SHA-256 of everything from which a run takes these images: image settings, paths,
    /// splits, labels and pixels of all splits. Checksums in a user's manifest stand for the files
    /// that they verify. `None` for a built-in set, drawn or verified, which its name defines. The
    /// default implementation returns `None`.
    fn fingerprint(&self) -> Option<Digest> {
        None
    }

    /// The images behind the [fingerprint](Self::fingerprint) as a text, one line each: split,
    /// class, the first 16 digits of the SHA-256 of the pixels, and path or index, separated by
    /// tabs. The default implementation returns `None`.
    fn file_list(&self) -> Option<String> {
        None
    }
}

/// Returns the number of classes as the type of labels, in which every index of a class fits.
///
/// # Errors
/// [`DataError::Classes`] if there are more than 65,535 classes.
pub(crate) fn class_count(dataset: &str, classes: usize) -> Result<u16, DataError> {
    u16::try_from(classes).map_err(|_| DataError::Classes { dataset: dataset.to_string(), classes })
}

/// The datasets that are drawn by code.
const BUILT_IN: [(&str, Palette); 2] = [("glyphs", Palette::Gray), ("glyphs-rgb", Palette::Rgb)];

/// Is a dataset of this name drawn by code?
pub(crate) fn is_drawn(name: &str) -> bool {
    BUILT_IN.iter().any(|(of_drawn, _)| *of_drawn == name)
}

/// Returns all datasets with their names: those that are drawn by code, then those of the manifest.
pub fn sources(options: &Options) -> Vec<(&str, Box<dyn Source + '_>)> {
    let drawn =
        BUILT_IN.map(|(name, palette)| (name, Box::new(BuiltIn { palette, options }) as Box<dyn Source>));
    let stored = options.manifest.entries().map(|(name, entry)| {
        let stored: Box<dyn Source> = Box::new(Stored::new(name, entry, options));
        (name, stored)
    });
    drawn.into_iter().chain(stored).collect()
}

/// Returns the dataset that a name or a path denotes. Its files need not exist yet. A name that no
/// dataset has is the path of a directory of images, or of a file of [arrays] if it ends in `.npy`
/// or `.npz`. A path that is called as a dataset is written with a `/`, such as `./mnist`.
///
/// # Errors
/// [`DataError::UnknownDataset`] if no dataset has this name and it is not such a path, and the
/// errors of [`Arrays::open`].
pub fn source<'a>(
    dataset: impl AsRef<Path>,
    options: &'a Options,
) -> Result<Box<dyn Source + 'a>, DataError> {
    let path = dataset.as_ref();
    let all = sources(options);
    let known = all.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    // The comparison of paths ignores a slash at the end, but it says that a directory is meant.
    let found = all.into_iter().find(|(name, _)| path.as_os_str() == *name);
    match found {
        Some((_, source)) => Ok(source),
        None if path.is_dir() => Ok(Box::new(Folder::new(path, options))),
        None if arrays::is_array(path) => Ok(Box::new(Arrays::open(path, options)?)),
        None if path.exists() => Err(DataError::NotADataset(path.to_path_buf())),
        // A name has no separator and no dot.
        None if path.to_string_lossy().contains(|c| std::path::is_separator(c) || c == '.' || c == '~') => {
            Err(DataError::NoPath(path.to_path_buf()))
        }
        None => Err(DataError::UnknownDataset { name: path.to_string_lossy().into_owned(), known }),
    }
}
