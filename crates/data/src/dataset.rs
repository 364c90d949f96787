//! A labelled set of images of one size, drawn by code or read from files.

use std::path::Path;
use std::sync::Arc;

use adjoint_tensor::{PixelRange, Tensor};
use sha2::{Digest as _, Sha256};

use crate::escape::Shown;
use crate::glyphs::Factors;
use crate::source::{Images, Kind, Source, class_count, source};
use crate::subset::Subset;
use crate::{DataError, Digest, Downloader, IMAGE_SIZES, Options, Split, dataset_name};

/// A labelled set of images of one size. A clone shares the images with the original.
#[derive(Clone, Debug)]
pub struct Dataset {
    name: String,
    kind: Kind,
    split: Split,
    channels: usize,
    classes: Vec<String>,
    judge_accuracy: Option<f64>,
    images: Arc<dyn Images>,
}

impl Dataset {
    /// Loads one split of a dataset: of the dataset with this name, or of the folder with this
    /// path.
    ///
    /// The files of a stored dataset are read, compressed or not, from its subdirectory of the data
    /// directory, and are verified. Missing files are downloaded if `downloader` is given.
    ///
    /// # Errors
    /// [`DataError`] if the name is unknown, if the image size is out of range, if there are more
    /// than 65,535 classes, or if a file is missing, cannot be read, or fails its checks.
    pub fn load(
        dataset: impl AsRef<Path>,
        split: Split,
        options: &Options,
        downloader: Option<&mut Downloader<'_>>,
    ) -> Result<Self, DataError> {
        let [set] = Self::load_all(dataset.as_ref(), [split], options, downloader)?;
        Ok(set)
    }

    /// Loads the train and the test split, in this order, like [`load`](Self::load). The splits of
    /// a folder or an array share its pixels and its list of images, so both together need the time
    /// and the memory of one.
    ///
    /// # Errors
    /// As for [`load`](Self::load).
    pub fn load_splits(
        dataset: impl AsRef<Path>,
        options: &Options,
        downloader: Option<&mut Downloader<'_>>,
    ) -> Result<[Self; 2], DataError> {
        Self::load_all(dataset.as_ref(), [Split::Train, Split::Test], options, downloader)
    }

    fn load_all<const N: usize>(
        dataset: &Path,
        splits: [Split; N],
        options: &Options,
        mut downloader: Option<&mut Downloader<'_>>,
    ) -> Result<[Self; N], DataError> {
        if !IMAGE_SIZES.contains(&options.image_size) {
            return Err(DataError::ImageSize(options.image_size));
        }
        let (name, source) = (dataset_name(dataset), source(dataset, options)?);
        let mut sets = Vec::with_capacity(N);
        for split in splits {
            let whole = Self::of_source(&name, &*source, split, downloader.as_deref_mut())?;
            sets.push(match options.limit {
                Some(limit) => whole.limited(limit, options.seed),
                None => whole,
            });
        }
        Ok(sets.try_into().expect("one set per split"))
    }

    /// Loads one split of `source`, a dataset that needs no name known to [`source`](fn@source).
    /// The result is called `name`.
    ///
    /// # Errors
    /// [`DataError`] if there are more than 65,535 classes, if the train split is empty, or if the
    /// source cannot load the split. The test split may be empty.
    pub fn of_source(
        name: &str,
        source: &dyn Source,
        split: Split,
        downloader: Option<&mut Downloader<'_>>,
    ) -> Result<Self, DataError> {
        // The path of a folder may have a line break, and messages have one line.
        let name = Shown(name.as_ref()).to_string();
        let classes = source.classes()?;
        class_count(&name, classes.len())?;
        let images = source.load(split, downloader)?;
        if split == Split::Train && images.labels().is_empty() {
            return Err(DataError::NoTrainImages(name));
        }
        Ok(Self {
            name,
            kind: source.kind(),
            split,
            channels: source.channels(),
            classes,
            judge_accuracy: source.judge_accuracy(),
            images: images.into(),
        })
    }

    /// The first `limit` images of a random order, which is a function of the split and of `seed`.
    /// A set that has no more images stays as it is.
    #[must_use]
    pub fn limited(self, limit: usize, seed: u64) -> Self {
        if self.len() <= limit {
            return self;
        }
        let subset = Subset::new(self.images, limit, self.split, seed);
        Self { images: Arc::new(subset), ..self }
    }

    /// The name of the dataset.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the images come from.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The split that was loaded.
    pub fn split(&self) -> Split {
        self.split
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels().len()
    }

    /// Does the dataset have no images?
    pub fn is_empty(&self) -> bool {
        self.labels().is_empty()
    }

    /// Height and width of an image in pixels.
    pub fn image_size(&self) -> usize {
        self.images.image_size()
    }

    /// Values per pixel: 1 (grayscale) or 3 (red, green, blue).
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Bytes of an image: height x width x channels.
    pub fn image_len(&self) -> usize {
        self.image_size() * self.image_size() * self.channels
    }

    /// The names of the classes, in the order of their labels. Empty if the images have no labels.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The accuracy (a fraction) that a classifier of the test split can be expected to have.
    /// `None` if it is not known.
    pub fn judge_accuracy(&self) -> Option<f64> {
        self.judge_accuracy
    }

    /// The label of every image, an index into [`classes`](Self::classes). In a set without
    /// classes, all labels are 0.
    pub fn labels(&self) -> &[u16] {
        self.images.labels()
    }

    /// What the user should know about the images, such as files that cannot be verified. Each note
    /// is one line. Both splits of a folder or an array have the same notes. A split of another set
    /// has notes on its own files.
    pub fn notes(&self) -> &[String] {
        self.images.notes()
    }

    /// The SHA-256 of all images and labels, as 64 hexadecimal digits. It identifies the data from
    /// which a result was computed.
    ///
    /// # Errors
    /// If an image cannot be read.
    pub fn digest(&self) -> Result<String, DataError> {
        let mut hash = Sha256::new();
        let mut bytes = vec![0; self.image_len()];
        self.draw_all();
        for index in 0..self.len() {
            self.image(index, &mut bytes)?;
            hash.update(&bytes);
        }
        hash.update(label_bytes(self.labels()));
        Ok(Digest::from(hash).to_string())
    }

    /// The SHA-256 over the image settings, and over splits, labels and pixels of all images of a
    /// folder, with their relative paths, of a file of arrays, or of files of which the manifest
    /// has no checksum. `None` for a set whose content its name or the manifest defines. It does
    /// not depend on the place of the files or on [`Options::limit`], and covers all splits.
    pub fn fingerprint(&self) -> Option<Digest> {
        self.images.fingerprint()
    }

    /// The images of a folder or of a file of arrays as a text, one line each: split, class, the
    /// first 16 digits of the SHA-256 of the pixels, and relative path or index, separated by tabs.
    /// If the [fingerprint](Self::fingerprint) of a run differs from that of the dataset,
    /// [`first_difference`](crate::first_difference) of these texts says why.
    pub fn file_list(&self) -> Option<String> {
        self.images.file_list()
    }

    /// Draws all images of a built-in dataset in advance, on all processors. Without this call,
    /// each image is drawn when it is first needed. The call has no effect if the dataset is too
    /// large to be kept in memory.
    pub fn draw_all(&self) {
        self.images.prepare(&(0..self.len()).collect::<Vec<_>>());
    }

    /// The factors from which image `index` was drawn, or `None` for a dataset without factors.
    ///
    /// # Panics
    /// If there is no such image.
    #[track_caller]
    pub fn factors(&self, index: usize) -> Option<Factors> {
        assert!(index < self.len(), "image {index} of {}", self.len());
        self.images.factors(index)
    }

    /// Writes image `index`, height x width x channels bytes, into `image`.
    ///
    /// # Errors
    /// If the image cannot be read.
    ///
    /// # Panics
    /// If there is no such image, or if the length of `image` is not
    /// [`image_len`](Self::image_len).
    #[track_caller]
    pub fn image(&self, index: usize, image: &mut [u8]) -> Result<(), DataError> {
        assert!(index < self.len(), "image {index} of {}", self.len());
        assert_eq!(image.len(), self.image_len(), "an image of {} into a wrong buffer", self.name);
        self.images.image(index, image)
    }

    /// The images at `indices` as a tensor (indices, height, width, channels).
    ///
    /// # Errors
    /// If one of the images cannot be read.
    ///
    /// # Panics
    /// If one of the indices is out of range.
    #[track_caller]
    pub fn images(&self, indices: &[usize], range: PixelRange) -> Result<Tensor<f32>, DataError> {
        Ok(range.tensor(self.dims_of(indices.len()), &self.pixels(indices)?))
    }

    /// The shape of a tensor of `images` images: (images, height, width, channels).
    pub(crate) fn dims_of(&self, images: usize) -> [usize; 4] {
        [images, self.image_size(), self.image_size(), self.channels]
    }

    /// The pixels of the images at `indices`, one image after another.
    ///
    /// # Errors
    /// If one of the images cannot be read.
    ///
    /// # Panics
    /// If one of the indices is out of range.
    #[track_caller]
    pub(crate) fn pixels(&self, indices: &[usize]) -> Result<Vec<u8>, DataError> {
        self.images.prepare(indices);
        let mut pixels = vec![0; indices.len() * self.image_len()];
        let mut images = indices.iter().zip(pixels.chunks_exact_mut(self.image_len()));
        images.try_for_each(|(&index, image)| self.image(index, image))?;
        Ok(pixels)
    }
}

/// Returns the bytes of labels for a digest: one byte per label if all labels fit, else two, the
/// low one first. Most sets have at most 256 classes. With one byte, their digests do not depend on
/// the type of labels, and the files that are named after digests stay valid.
fn label_bytes(labels: &[u16]) -> Vec<u8> {
    let bytes: Result<Vec<u8>, _> = labels.iter().map(|&label| u8::try_from(label)).collect();
    bytes.unwrap_or_else(|_| labels.iter().flat_map(|label| label.to_le_bytes()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_take_one_byte_if_all_fit() {
        assert_eq!(label_bytes(&[]), []);
        assert_eq!(label_bytes(&[0, 7, 255]), [0, 7, 255]);
        assert_eq!(label_bytes(&[0, 7, 256]), [0, 0, 7, 0, 0, 1]);
    }

    /// Judges are stored in files that are named after this digest. It was recorded before labels
    /// were wider than a byte.
    #[test]
    fn the_digest_of_a_set_stays() {
        let options = Options { image_size: 16, ..Options::default() };
        let glyphs = Dataset::load("glyphs", Split::Test, &options, None).unwrap();
        assert_eq!(
            glyphs.digest().unwrap(),
            "c3cd5749a3fbc864623e1bc92d2476ad952e4abfd5320cd9acb3ec5f2097f696"
        );
    }
}
