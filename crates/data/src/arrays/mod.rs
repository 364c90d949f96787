//! Datasets that are arrays of NumPy: a `.npy` file, or arrays in a `.npz` file.
//!
//! | shape | images |
//! | --- | --- |
//! | (N, H, W) | grayscale |
//! | (N, H, W, C) | grayscale if C is 1, red, green, blue if C is 3 |
//! | (N, C, H, W) | the same |
//!
//! With four axes, the second or the last one must have the size 1 or 3, but not both: these are
//! the channels. Values are `uint8`, or floating-point numbers whose [extent](Scale) is that of
//! images.
//!
//! **Labels** are integers from 0, one per image. The classes are named `0`, `1` and so on up to
//! the greatest label. The labels of `faces.npy` are in `faces.labels.npy` in the same directory.
//! Without this file, the images have no labels.
//!
//! **In a `.npz` file**, the images are the only array with three or four axes; among several, the
//! one named `images`, `x` or `data`. The labels are the array named `labels`, `y` or `label`;
//! without such a name, the only array of integers with one axis and one element per image.
//!
//! The test split is chosen by the hash of the index of an image, so it remains the same when
//! images are appended. A `.npy` file of `uint8` in C order is read image by image when an image is
//! needed. Any other array is converted to bytes once and kept in memory.

mod error;
mod images;
mod layout;
mod npz;
mod place;
mod scale;
mod store;
#[cfg(test)]
mod tests;

use std::ffi::OsStr;
use std::path::Path;

pub use error::{ArrayError, ArrayProblem};
pub use scale::Scale;

use crate::held_out::held_out_by_index;
use crate::npy::Header;
use crate::source::{Images, Kind, Source};
use crate::{DataError, Downloader, Options, Split};
use images::{ArrayImages, Contents};
use layout::Layout;
use place::Place;
use store::Store;

/// The array of the images of a dataset, and their labels. The file is open only while it is read.
#[derive(Debug)]
pub struct Arrays<'a> {
    options: &'a Options,
    place: Place,
    header: Header,
    layout: Layout,
    /// One label per image; `None` if the images have no labels.
    labels: Option<Vec<u16>>,
}

/// Is this the path of a file of arrays? The name decides: it ends in `.npy` or `.npz`.
pub fn is_array(path: &Path) -> bool {
    is_archive(path) || path.extension() == Some(OsStr::new("npy"))
}

fn is_archive(path: &Path) -> bool {
    path.extension() == Some(OsStr::new("npz"))
}

impl<'a> Arrays<'a> {
    /// Reads the header of the array of images, and the labels.
    ///
    /// # Errors
    /// [`DataError`] if a file cannot be read, or if its arrays are not images and labels. The
    /// message says what to do.
    pub fn open(path: &Path, options: &'a Options) -> Result<Self, DataError> {
        let (images, labels) = if is_archive(path) {
            npz::choose(path)?
        } else {
            let beside = path.with_extension("labels.npy");
            let exists = beside.try_exists().map_err(DataError::io("read", &beside))?;
            (Place::file(path), exists.then(|| Place::file(&beside)))
        };
        let header = images.header()?;
        let layout = Layout::of(&header.shape).map_err(|problem| images.error(problem))?;
        Scale::check(header.dtype).map_err(|problem| images.error(problem))?;
        let labels = labels.map(|place| read_labels(&place, layout.images)).transpose()?;
        Ok(Self { options, place: images, header, layout, labels })
    }
}

impl Source for Arrays<'_> {
    fn kind(&self) -> Kind {
        Kind::Array
    }

    fn channels(&self) -> usize {
        self.options.channels.unwrap_or(self.layout.channels)
    }

    fn classes(&self) -> Result<Vec<String>, DataError> {
        let greatest = self.labels.iter().flatten().max();
        let count = greatest.map_or(0, |&greatest| usize::from(greatest) + 1);
        Ok((0..count).map(|class| class.to_string()).collect())
    }

    fn load(&self, split: Split, _: Option<&mut Downloader<'_>>) -> Result<Box<dyn Images>, DataError> {
        let (store, note) = Store::load(&self.place, &self.header)?;
        let unlabelled = || vec![0; self.layout.images];
        let labels = self.labels.clone().unwrap_or_else(unlabelled);
        let contents = Contents {
            layout: self.layout,
            labels: self.labels.clone(),
            held_out: held_out_by_index(&labels, self.options.test_fraction),
            digests: store.digests(&self.layout)?,
        };
        Ok(Box::new(ArrayImages::new(contents, store, split, note, self.options)))
    }
}

/// Reads one label per image.
fn read_labels(place: &Place, images: usize) -> Result<Vec<u16>, DataError> {
    let header = place.header()?;
    if header.shape != [images] {
        return Err(place.error(ArrayProblem::LabelShape { found: header.shape, images }));
    }
    if header.dtype.is_float() {
        return Err(place.error(ArrayProblem::LabelDtype(header.dtype)));
    }
    place.read(|reader| {
        let mut labels = vec![];
        let mut wrong = None;
        reader.integers(|index, value| match u16::try_from(value) {
            Ok(label) if label < u16::MAX => labels.push(label),
            _ => _ = wrong.get_or_insert(ArrayProblem::Label { index, value }),
        })?;
        wrong.map_or(Ok(labels), Err)
    })
}
