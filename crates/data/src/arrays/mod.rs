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
//! images are appended. The same hash decides the order of the images in a split, so the first ones
//! are a fair sample even if the array is sorted by class.
//!
//! A `.npy` file of `uint8` in C order is read image by image when an image is
//! needed. Any other array is converted to bytes once and kept in memory.

mod error;
mod images;
mod layout;
mod npz;
mod place;
mod store;
#[cfg(test)]
mod tests;

use std::cell::OnceCell;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

pub use error::{ArrayError, ArrayProblem};

use crate::contents::{Contents, Keys, Splits};
use crate::escape::Shown;
use crate::settings::Settings;
use crate::source::{Images, Kind, Source};
use crate::split_images::{Set, SplitImages, obtain};
use crate::{DataError, Downloader, FitMode, Options, Split};
use adjoint_npy::{Dtype, Header};
use images::ArrayImages;
use layout::Layout;
use place::Place;
use store::Pixels;

/// The array of the images of a dataset, and their labels. The file is open only while it is read.
#[derive(Debug)]
pub struct Arrays<'a> {
    options: &'a Options,
    place: Place,
    header: Header,
    layout: Layout,
    /// One label per image; `None` if the images have no labels.
    labels: Option<Vec<u16>>,
    /// A note that says which arrays of an archive were taken.
    origin: Option<String>,
    images: OnceCell<Arc<Set>>,
}

/// Is this the path of a file of arrays? The name decides: it ends in `.npy` or `.npz`, in lower or
/// upper case.
pub fn is_array(path: &Path) -> bool {
    is_archive(path) || ends_in(path, "npy")
}

fn is_archive(path: &Path) -> bool {
    ends_in(path, "npz")
}

fn ends_in(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension))
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
            // A link that leads nowhere is an error, not a set without labels.
            let exists = match beside.symlink_metadata() {
                Ok(_) => true,
                Err(cause) if cause.kind() == ErrorKind::NotFound => false,
                Err(cause) => return Err(DataError::io("read", &beside)(cause)),
            };
            (Place::file(path), exists.then(|| Place::file(&beside)))
        };
        let header = images.header()?;
        let layout = Layout::of(&header.shape).map_err(|problem| images.error(problem))?;
        if layout.images == 1 {
            return Err(images.error(ArrayProblem::OneImage));
        }
        if header.dtype != Dtype::U8 && !header.dtype.is_float() {
            return Err(images.error(ArrayProblem::Dtype(header.dtype)));
        }
        let labels_of = labels.as_ref().and_then(|place| Some(place.member.as_ref()?.1.clone()));
        let labels = labels.map(|place| read_labels(&place, layout.images)).transpose()?;
        let origin = images.member.as_ref().map(|(_, name)| {
            let of_labels = labels_of
                .map_or("no array has the labels".to_owned(), |name| format!("the labels are {name:?}"));
            format!("{}: the images are the array {name:?}, {of_labels}", Shown(path))
        });
        Ok(Self { options, place: images, header, layout, labels, origin, images: OnceCell::new() })
    }

    /// Opens the array of images, or converts it to bytes.
    fn set(&self) -> Result<Set, DataError> {
        let settings = Settings::of(self.options, self.channels(), FitMode::Crop);
        let (pixels, note) = Pixels::load(&self.place, &self.header)?;
        let notes = [self.origin.clone(), self.gaps(), note].into_iter().flatten().collect();
        let store = ArrayImages::new(self.place.clone(), self.layout, pixels, &settings);
        let labels = self.labels.clone().unwrap_or_else(|| vec![0; self.layout.images]);
        let splits = Splits::HeldOut(self.options.test_fraction);
        let contents = Contents::new(Keys::Indices, self.classes()?, labels, store.digests()?, splits);
        Ok(Set { contents, settings, store: Box::new(store), notes })
    }

    /// A note on classes below the greatest label that no image has.
    fn gaps(&self) -> Option<String> {
        let labels = self.labels.as_ref()?;
        let mut images = vec![0_usize; labels.iter().max().map_or(0, |&label| usize::from(label) + 1)];
        labels.iter().for_each(|&label| images[usize::from(label)] += 1);
        let first = images.iter().position(|&images| images == 0)?;
        let empty = images.iter().filter(|&&images| images == 0).count();
        let (path, classes) = (Shown(&self.place.path), images.len());
        let advice = "number the classes from 0 without gaps";
        Some(format!("{path}: {empty} of {classes} classes have no image, the first is {first}; {advice}"))
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
        Ok(Box::new(SplitImages::new(obtain(&self.images, || self.set())?, split)))
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
