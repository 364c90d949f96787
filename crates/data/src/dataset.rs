//! A labelled set of images of one size, whatever they come from.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;

use adjoint_tensor::{PixelRange, Tensor};
use sha2::{Digest as _, Sha256};

use crate::glyphs::Factors;
use crate::source::{Images, source};
use crate::{DataError, Downloader, Manifest};

/// The heights and widths, in pixels, that images can be had in.
pub const IMAGE_SIZES: RangeInclusive<usize> = 16..=512;

/// Which part of a dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// To learn from.
    Train,
    /// To evaluate on.
    Test,
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Train => "train",
            Self::Test => "test",
        })
    }
}

/// What to load a dataset with.
#[derive(Clone, Debug)]
pub struct Options {
    /// The directory with a subdirectory for each dataset.
    pub data_dir: PathBuf,
    /// Height and width of the images, within [`IMAGE_SIZES`]. Stored images of another size get a
    /// black margin if they are up to a quarter too small and are resampled otherwise; glyphs are
    /// drawn at this size.
    pub image_size: usize,
    /// Names the glyphs; without effect on stored datasets. It is not the seed of a training run:
    /// two runs of different seeds should see the same images, in another order.
    pub seed: u64,
    /// The datasets that are known besides the built-in ones.
    pub manifest: Manifest,
}

impl Default for Options {
    /// `datasets/`, 28 pixels, seed 0 and the manifest of this crate.
    fn default() -> Self {
        Self { data_dir: "datasets".into(), image_size: 28, seed: 0, manifest: Manifest::default() }
    }
}

/// A labelled set of images of one size. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Dataset {
    name: String,
    split: Split,
    channels: usize,
    classes: Vec<String>,
    images: Arc<dyn Images>,
}

impl Dataset {
    /// Loads one split of the dataset called `name`.
    ///
    /// The files of a stored dataset are looked for in its subdirectory of the data directory,
    /// compressed or not, and are verified. Missing ones are fetched if there is a `downloader`.
    ///
    /// # Errors
    /// [`DataError`], for a name or a size that is not possible, and for files that are missing,
    /// can't be read or are not what they should be.
    pub fn load(
        name: &str,
        split: Split,
        options: &Options,
        downloader: Option<&mut Downloader<'_>>,
    ) -> Result<Self, DataError> {
        check_size(options.image_size)?;
        let source = source(name, options)?;
        Ok(Self {
            name: name.to_string(),
            split,
            channels: source.channels(),
            classes: source.classes(),
            images: source.load(split, downloader)?.into(),
        })
    }

    /// The name it was loaded by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which part of the dataset it is.
    pub fn split(&self) -> Split {
        self.split
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels().len()
    }

    /// Is there no image at all?
    pub fn is_empty(&self) -> bool {
        self.labels().is_empty()
    }

    /// Height and width of an image in pixels.
    pub fn image_size(&self) -> usize {
        self.images.image_size()
    }

    /// Numbers to a pixel: 1 (grey) or 3 (red, green, blue).
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Bytes of an image: height x width x channels.
    pub fn image_len(&self) -> usize {
        self.image_size() * self.image_size() * self.channels
    }

    /// The names of the classes, in the order of their labels.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The label of every image, an index into [`classes`](Self::classes).
    pub fn labels(&self) -> &[u8] {
        self.images.labels()
    }

    /// SHA-256 of all images and labels, as 64 hexadecimal digits: what is made from exactly these
    /// can be told from what is not.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        let mut bytes = vec![0; self.image_len()];
        self.draw_all();
        for index in 0..self.len() {
            self.image(index, &mut bytes);
            hash.update(&bytes);
        }
        hash.update(self.labels());
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Draws all images of a built-in dataset now, on all processors, unless they are too large to
    /// be kept. Without this call, each image is drawn when it is first needed.
    pub fn draw_all(&self) {
        self.images.prepare(&(0..self.len()).collect::<Vec<_>>());
    }

    /// The factors that image `index` was drawn from. None if the dataset does not know them.
    ///
    /// # Panics
    /// If there is no such image.
    #[track_caller]
    pub fn factors(&self, index: usize) -> Option<Factors> {
        assert!(index < self.len(), "image {index} of {}", self.len());
        self.images.factors(index)
    }

    /// Writes image `index`, height x width x channels bytes, over all of `image`.
    ///
    /// # Panics
    /// If there is no such image, or `image` has another length than
    /// [`image_len`](Self::image_len).
    #[track_caller]
    pub fn image(&self, index: usize, image: &mut [u8]) {
        assert!(index < self.len(), "image {index} of {}", self.len());
        assert_eq!(image.len(), self.image_len(), "an image of {} into a wrong buffer", self.name);
        self.images.image(index, image);
    }

    /// The images at `indices` as a tensor (indices, height, width, channels).
    ///
    /// # Panics
    /// If there is no image at one of them.
    #[track_caller]
    pub fn images(&self, indices: &[usize], range: PixelRange) -> Tensor<f32> {
        let values = range.values();
        let mut bytes = vec![0; self.image_len()];
        self.images.prepare(indices);
        Tensor::build([indices.len(), self.image_size(), self.image_size(), self.channels], |out| {
            for (&index, image) in indices.iter().zip(out.chunks_exact_mut(self.image_len())) {
                self.image(index, &mut bytes);
                for (value, &byte) in image.iter_mut().zip(&bytes) {
                    *value = values[usize::from(byte)];
                }
            }
        })
    }
}

fn check_size(size: usize) -> Result<(), DataError> {
    let (smallest, largest) = (*IMAGE_SIZES.start(), *IMAGE_SIZES.end());
    if IMAGE_SIZES.contains(&size) { Ok(()) } else { Err(DataError::ImageSize { size, smallest, largest }) }
}
