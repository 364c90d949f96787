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
//! image. Arrays of a validation split are not used, and a note names them.
//!
//! Without a test split, the hash of the index of an image chooses it, so it remains the same when
//! images are appended. The same hash decides the order of the images in a split, so the first ones
//! are a fair sample even if the array is sorted by class.
//!
//! The images are converted and fitted once, into a file in [`Options::cache_dir`] or into memory.
//! Images are read from there. An array in C order is read as a stream, so its conversion needs the
//! memory of one image. One in Fortran order needs at most 256 MiB, or one image.

mod convert;
mod error;
mod layout;
mod npz;
mod place;
#[cfg(test)]
mod tests;

use std::cell::OnceCell;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

pub use error::{ArrayError, ArrayProblem};

use adjoint_npy::{Dtype, Header};

use crate::cache::Index;
use crate::contents::{Contents, Keys, Splits};
use crate::escape::Shown;
use crate::settings::Settings;
use crate::source::{Images, Kind, Source};
use crate::split_images::{Set, SplitImages, Store, obtain};
use crate::{DataError, Digest, Downloader, FitMode, Options, Split};
use convert::{Conversion, Facts, Originals};
use layout::Layout;
use npz::{Chosen, ChosenPart};
use place::Place;

/// The arrays of the images of a dataset, and their labels. Files are open only while they are
/// read. Labels are read when they are first needed, and images when they are first loaded.
#[derive(Debug)]
pub struct Arrays<'a> {
    options: &'a Options,
    /// The array of all images; or that of the training images and that of the test images, which
    /// have the same size and channels.
    parts: Arc<[Part]>,
    /// One label per image of all parts; `None` if the images have no labels.
    labels: OnceCell<Option<Vec<u16>>>,
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
    labels: Option<Place>,
}

/// Number of images of all parts.
fn count(parts: &[Part]) -> usize {
    parts.iter().map(|part| part.layout.images).sum()
}

/// The fitted images of arrays.
struct Fitted {
    store: Box<dyn Store>,
    /// The SHA-256 of each fitted image. The digests of the set are those of stored images.
    digests: Vec<Digest>,
}

impl Store for Fitted {
    fn read(&self, image: usize, _stored: Digest, pixels: &mut [u8]) -> Result<(), DataError> {
        self.store.read(image, self.digests[image], pixels)
    }

    fn kind(&self) -> &'static str {
        self.store.kind()
    }
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
    /// Reads the headers of the arrays of images.
    ///
    /// # Errors
    /// [`DataError`] if a file cannot be read, or if its arrays are not images. The message says
    /// what to do.
    pub fn open(path: &Path, options: &'a Options) -> Result<Self, DataError> {
        let chosen = if is_archive(path) { npz::choose(path)? } else { Chosen::only(beside(path)?) };
        let origin = npz::describe(path, &chosen);
        let parts = chosen.parts.into_iter().map(Part::open).collect::<Result<Arc<[Part]>, _>>()?;
        if let Some(other) = parts.iter().find(|part| !part.layout.is_like(&parts[0].layout)) {
            return Err(other.place.error(ArrayProblem::OtherImages));
        }
        Ok(Self { options, parts, labels: OnceCell::new(), origin, images: OnceCell::new() })
    }

    /// Returns one label per image of all parts; `None` if the images have no labels.
    fn labels(&self) -> Result<Option<&[u16]>, DataError> {
        if self.labels.get().is_none() {
            let of_parts = self.parts.iter().filter_map(Part::read_labels);
            let of_parts = of_parts.collect::<Result<Vec<_>, _>>()?;
            _ = self.labels.set((!of_parts.is_empty()).then(|| of_parts.concat()));
        }
        Ok(self.labels.get().and_then(Option::as_deref))
    }

    /// The first array.
    fn first(&self) -> &Part {
        &self.parts[0]
    }

    /// Opens the cache of the images, or converts them.
    fn set(&self) -> Result<Set, DataError> {
        let settings = Settings::of(self.options, self.channels(), FitMode::Crop);
        let labels = self.labels()?.map_or_else(|| vec![0; count(&self.parts)], <[u16]>::to_vec);
        let (parts, report) = (self.parts.clone(), self.options.report.clone());
        let conversion = Conversion { parts, settings, report };
        let facts = |index: &Index| Facts::of(&index.facts, count(&self.parts));
        let mut notes: Vec<String> = self.origin.iter().cloned().chain(self.gaps()?).collect();
        let (store, index) = conversion.content()?.keep(
            self.options.cache_dir.as_deref(),
            // No image of an array is broken.
            |index| index.digests.iter().all(Option::is_some),
            |write| conversion.run(write),
            |cache, index| Originals {
                conversion: conversion.clone(),
                extent: facts(index).extent,
                cache: cache.to_path_buf(),
            },
            &mut notes,
        )?;
        let Facts { stored, extent } = facts(&index);
        let given = match &self.parts[..] {
            [train, test] => Some(
                [vec![Split::Train; train.layout.images], vec![Split::Test; test.layout.images]].concat(),
            ),
            _ => None,
        };
        let splits = Splits::new(given, self.options);
        notes.extend(splits.note(self.options));
        let contents = Contents::new(Keys::Indices, self.classes()?, labels, stored, splits);
        let Layout { height, width, .. } = self.first().layout;
        notes.extend(extent.and_then(|extent| conversion.note(extent)));
        notes.extend(settings.enlarged([height, width]));
        let store = Box::new(Fitted { store, digests: index.digests.into_iter().flatten().collect() });
        Ok(Set { contents, settings, store, notes })
    }

    /// A note on classes up to the greatest label that no image has, or no training image.
    fn gaps(&self) -> Result<Option<String>, DataError> {
        let Some(labels) = self.labels()? else { return Ok(None) };
        let classes = self.classes()?.len();
        let first_gap = |labels: &[u16]| {
            let mut has_images = vec![false; classes];
            labels.iter().for_each(|&label| has_images[usize::from(label)] = true);
            let empty = has_images.iter().filter(|&&has_images| !has_images).count();
            Some((empty, has_images.iter().position(|&has_images| !has_images)?))
        };
        // The labels of the training images are first.
        let of_training = &labels[..self.first().layout.images];
        let (empty, first, what, advice) = match (first_gap(labels), first_gap(of_training)) {
            (Some((empty, first)), _) => (empty, first, "image", "number the classes from 0 without gaps"),
            (None, Some((empty, first))) => (
                empty,
                first,
                "training image",
                "train on images of each class, or leave out its test images",
            ),
            (None, None) => return Ok(None),
        };
        let path = Shown(&self.first().place.path);
        Ok(Some(format!(
            "{path}: {empty} of {classes} classes have no {what}, the first is {first}; {advice}"
        )))
    }
}

impl Part {
    fn open(chosen: ChosenPart) -> Result<Self, DataError> {
        let ChosenPart { images: place, labels } = chosen;
        let header = place.header()?;
        let layout = Layout::of(&header.shape).map_err(|problem| place.error(problem))?;
        if layout.images == 1 {
            return Err(place.error(ArrayProblem::OneImage));
        }
        if header.dtype != Dtype::U8 && !header.dtype.is_float() {
            return Err(place.error(ArrayProblem::Dtype(header.dtype)));
        }
        Ok(Self { place, header, layout, labels })
    }

    /// Reads the labels, if there are any.
    fn read_labels(&self) -> Option<Result<Vec<u16>, DataError>> {
        Some(read_labels(self.labels.as_ref()?, self.layout.images))
    }
}

/// Returns the array of a `.npy` file, and the labels beside it.
fn beside(path: &Path) -> Result<ChosenPart, DataError> {
    let labels = path.with_extension("labels.npy");
    // A link that leads nowhere is an error, not a set without labels.
    let exists = match labels.symlink_metadata() {
        Ok(_) => true,
        Err(cause) if cause.kind() == ErrorKind::NotFound => false,
        Err(cause) => return Err(DataError::io("read", &labels)(cause)),
    };
    let labels = exists.then(|| Place::file(&labels)).transpose()?;
    Ok(ChosenPart { images: Place::file(path)?, labels })
}

impl Source for Arrays<'_> {
    fn kind(&self) -> Kind {
        Kind::Array
    }

    fn channels(&self) -> usize {
        self.options.channels.unwrap_or(self.first().layout.channels)
    }

    fn classes(&self) -> Result<Vec<String>, DataError> {
        let greatest = self.labels()?.into_iter().flatten().max();
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
