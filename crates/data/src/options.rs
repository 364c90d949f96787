//! Options for loading a dataset.

use std::path::PathBuf;

use crate::{FitMode, Manifest, Report};

/// The fraction of the images that is the test split if the user chooses none.
const USUAL_FRACTION: f64 = 0.1;

/// The options for loading a dataset.
#[derive(Clone, Debug)]
pub struct Options {
    /// The directory that has one subdirectory per dataset.
    pub data_dir: PathBuf,
    /// Height and width of the images, within [`IMAGE_SIZES`](crate::IMAGE_SIZES). Glyphs are drawn
    /// at this size. Images of another size are fitted, see [`fit`](Self::fit).
    pub image_size: usize,
    /// The seed of the glyphs, and of the random order of [`limit`](Self::limit). This seed is
    /// separate from the seed of a training run: two runs with different training seeds should see
    /// the same images in a different order.
    pub seed: u64,
    /// The datasets that are available besides the built-in ones.
    pub manifest: Manifest,
    /// Values per pixel, 1 or 3, to which images are converted. `None` is the dataset's own number,
    /// which is 3 for folders and for arrays of colour.
    pub channels: Option<usize>,
    /// How images are fitted into the square of [`image_size`](Self::image_size). `None` is the
    /// dataset's own way: [`FitMode::Margin`] for IDX files, and [`FitMode::Crop`] for all others.
    pub fit: Option<FitMode>,
    /// Red, green and blue of the background of transparent images and of padding.
    pub background: [u8; 3],
    /// The fraction of the images that form the test split of a dataset without one.
    pub test_fraction: f64,
    /// The largest number of images per split: the first ones of a random order, which is a
    /// function of [`seed`](Self::seed). `None` keeps all images.
    pub limit: Option<usize>,
    /// Skips images that cannot be decoded. Otherwise such an image is an error.
    pub skip_broken: bool,
    /// The directory of the files that keep decoded images. `None` keeps none.
    pub cache_dir: Option<PathBuf>,
    /// Receives the progress of decoding a folder or an array.
    pub report: Report,
}

impl Options {
    /// Is the fraction of the test split the default?
    pub(crate) fn has_usual_fraction(&self) -> bool {
        self.test_fraction.to_bits() == USUAL_FRACTION.to_bits()
    }
}

impl Default for Options {
    /// `datasets/`, 28 pixels, seed 0, the manifest of this crate, a white background, a tenth of
    /// the images for testing, no limit, no broken images and no cache.
    fn default() -> Self {
        Self {
            data_dir: "datasets".into(),
            image_size: 28,
            seed: 0,
            manifest: Manifest::default(),
            channels: None,
            fit: None,
            background: [255; 3],
            test_fraction: USUAL_FRACTION,
            limit: None,
            skip_broken: false,
            cache_dir: None,
            report: Report::default(),
        }
    }
}
