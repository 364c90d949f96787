//! Datasets that are arrays of NumPy: a `.npy` file, or arrays in a `.npz` file.
//!
//! | shape | images |
//! | --- | --- |
//! | (N, H, W) | grayscale |
//! | (N, H, W, C) | grayscale if C is 1, red, green, blue if C is 3 |
//! | (N, C, H, W) | the same |
//!
//! With four axes, the second or the last one must have the size 1 or 3, but not both: these are
//! the channels. Values are `uint8`, or floating-point numbers whose [extent](adjoint_npy::Scale)
//! is that of images.
//!
//! **Labels** are integers from 0, one per image. The classes are named `0`, `1` and so on up to
//! the greatest label. The labels of `faces.npy` are in `faces.labels.npy` in the same directory.
//! Without this file, the images have no labels.
//!
//! **In a `.npz` file**, the images are the only array with three or four axes; among several, the
//! one named `images`, `x` or `data`. The labels are the array named `labels`, `y` or `label`;
//! without such a name, the only array of integers with one axis and one element per image.
//!
//! An archive whose arrays of images have `train` and `test` in their names has both splits, as
//! Keras (`x_train`, `y_train`, `x_test`, `y_test`) and MedMNIST (`train_images`, `train_labels`
//! and so on) save them. The labels of a split are its array of integers with one element per
//! image. Arrays of a validation split are not used.
//!
//! Without a test split, the hash of the index of an image chooses it, so it remains the same when
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

use adjoint_npy::{Dtype, Header};

use crate::contents::{Contents, Keys, Splits};
use crate::escape::Shown;
use crate::settings::Settings;
use crate::source::{Images, Kind, Source};
use crate::split_images::{Set, SplitImages, obtain};
use crate::{DataError, Downloader, FitMode, Options, Split};
use images::{ArrayImages, Joined};
use layout::Layout;
use npz::Chosen;
use place::Place;
use store::scale;

/// The arrays of the images of a dataset, and their labels. Files are open only while they are
/// read.
#[derive(Debug)]
pub struct Arrays<'a> {
    options: &'a Options,
    /// The array of all images; or that of the training images and that of the test images, which
    /// have the same size and channels.
    parts: Vec<Part>,
    /// One label per image of all parts; `None` if the images have no labels.
    labels: Option<Vec<u16>>,
    /// A note that says which arrays of an archive were taken.
    origin: Option<String>,
    images: OnceCell<Arc<Set>>,
}

/// An array of images.
#[derive(Debug)]
struct Part {
    place: Place,
    header: Header,
    layout: Layout,
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
    /// Reads the headers of the arrays of images, and the labels.
    ///
    /// # Errors
    /// [`DataError`] if a file cannot be read, or if its arrays are not images and labels. The
    /// message says what to do.
    pub fn open(path: &Path, options: &'a Options) -> Result<Self, DataError> {
        let chosen = if is_archive(path) { npz::choose(path)? } else { vec![beside(path)?] };
        let origin = npz::describe(path, &chosen);
        let (mut parts, mut labels) = (Vec::<Part>::new(), Some(vec![]));
        for Chosen { images, labels: of_part } in chosen {
            let part = Part::open(images)?;
            if parts.first().is_some_and(|first| !first.layout.is_like(&part.layout)) {
                return Err(part.place.error(ArrayProblem::OtherImages));
            }
            let of_part = of_part.map(|place| read_labels(&place, part.layout.images)).transpose()?;
            labels = labels.zip(of_part).map(|(before, of_part)| [before, of_part].concat());
            parts.push(part);
        }
        Ok(Self { options, parts, labels, origin, images: OnceCell::new() })
    }

    /// The first array.
    fn first(&self) -> &Part {
        &self.parts[0]
    }

    /// Number of images of all parts.
    fn count(&self) -> usize {
        self.parts.iter().map(|part| part.layout.images).sum()
    }

    /// Opens the arrays of images, or converts them to bytes.
    fn set(&self) -> Result<Set, DataError> {
        let settings = Settings::of(self.options, self.channels(), FitMode::Crop);
        let (scale, note) = scale(&self.parts)?;
        let stores = self.parts.iter().map(|part| ArrayImages::open(part, scale, &settings));
        let store = Joined(stores.collect::<Result<_, _>>()?);
        let labels = self.labels.clone().unwrap_or_else(|| vec![0; self.count()]);
        let splits = match &self.parts[..] {
            [train, test] => Splits::Given(
                [vec![Split::Train; train.layout.images], vec![Split::Test; test.layout.images]].concat(),
            ),
            _ => Splits::HeldOut(self.options.test_fraction),
        };
        let contents = Contents::new(Keys::Indices, self.classes()?, labels, store.digests()?, splits);
        let Layout { height, width, .. } = self.first().layout;
        let enlarged = settings.enlarged([height, width]);
        let notes = [self.origin.clone(), self.gaps(), note, enlarged].into_iter().flatten().collect();
        Ok(Set { contents, settings, store: Box::new(store), notes })
    }

    /// A note on classes below the greatest label that no image has.
    fn gaps(&self) -> Option<String> {
        let labels = self.labels.as_ref()?;
        let mut images = vec![0_usize; labels.iter().max().map_or(0, |&label| usize::from(label) + 1)];
        labels.iter().for_each(|&label| images[usize::from(label)] += 1);
        let first = images.iter().position(|&images| images == 0)?;
        let empty = images.iter().filter(|&&images| images == 0).count();
        let (path, classes) = (Shown(&self.first().place.path), images.len());
        let advice = "number the classes from 0 without gaps";
        Some(format!("{path}: {empty} of {classes} classes have no image, the first is {first}; {advice}"))
    }
}

impl Part {
    fn open(place: Place) -> Result<Self, DataError> {
        let header = place.header()?;
        let layout = Layout::of(&header.shape).map_err(|problem| place.error(problem))?;
        if layout.images == 1 {
            return Err(place.error(ArrayProblem::OneImage));
        }
        if header.dtype != Dtype::U8 && !header.dtype.is_float() {
            return Err(place.error(ArrayProblem::Dtype(header.dtype)));
        }
        Ok(Self { place, header, layout })
    }
}

/// Returns the array of a `.npy` file, and the labels beside it.
fn beside(path: &Path) -> Result<Chosen, DataError> {
    let labels = path.with_extension("labels.npy");
    // A link that leads nowhere is an error, not a set without labels.
    let exists = match labels.symlink_metadata() {
        Ok(_) => true,
        Err(cause) if cause.kind() == ErrorKind::NotFound => false,
        Err(cause) => return Err(DataError::io("read", &labels)(cause)),
    };
    Ok(Chosen { images: Place::file(path), labels: exists.then(|| Place::file(&labels)) })
}

impl Source for Arrays<'_> {
    fn kind(&self) -> Kind {
        Kind::Array
    }

    fn channels(&self) -> usize {
        self.options.channels.unwrap_or(self.first().layout.channels)
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
    // Keras saves the labels of CIFAR as a column.
    if header.shape != [images] && header.shape != [images, 1] {
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
