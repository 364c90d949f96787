//! The errors of array files.

use std::path::PathBuf;

use adjoint_npy::{Dtype, NpyError};

use super::layout::MAX_IMAGES;
use crate::escape::Shown;
use crate::settings::MAX_SIDE;

/// An array file that cannot be used. The message is one line.
#[derive(Debug, thiserror::Error)]
#[error("cannot use {}{}: {problem}", Shown(path), self.of_member())]
pub struct ArrayError {
    /// The file.
    pub path: PathBuf,
    /// The name of the array, if the file holds several.
    pub member: Option<String>,
    /// What is wrong with it.
    pub problem: ArrayProblem,
}

impl ArrayError {
    fn of_member(&self) -> String {
        // The name in an archive can have any length.
        let shown = |name: &String| format!(", array {:?}", name.chars().take(40).collect::<String>());
        self.member.as_ref().map(shown).unwrap_or_default()
    }
}

/// The reason why an array file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ArrayProblem {
    /// The array cannot be read.
    #[error(transparent)]
    Npy(#[from] NpyError),
    /// The `.npz` file is not an archive of which this program knows the format.
    #[error("{0}; save it with numpy.savez or numpy.savez_compressed")]
    Zip(String),
    /// The compressed array cannot have this size.
    #[error(
        "it announces {unpacked} bytes in {packed} compressed bytes, which is not possible; save it again \
         with numpy.savez or numpy.savez_compressed"
    )]
    Bomb {
        /// The size that the archive announces.
        unpacked: u64,
        /// The compressed size.
        packed: u64,
    },
    /// The file is not the one whose header was read first.
    #[error("it changed while it was read; start again")]
    Changed,
    /// The images that are converted at once do not fit into memory: one image, or a group of
    /// images of an array in Fortran order.
    #[error("its conversion needs {0} bytes of memory; free some, or save smaller images in C order")]
    Memory(usize),
    /// The shape is not one of images.
    #[error(
        "its shape is {0:?}; save images as (N, H, W), or as (N, H, W, C) or (N, C, H, W) with C = 1 or 3"
    )]
    Shape(Vec<usize>),
    /// The array has the shape of a single image with channels.
    #[error(
        "its shape {0:?} is that of one image, (H, W, C); save images as (N, H, W, C), or grayscale images \
         as (N, H, W) with more than 3 columns"
    )]
    OneColorImage(Vec<usize>),
    /// The array has too many images.
    #[error("it has {0} images; save at most {MAX_IMAGES} of them")]
    TooManyImages(usize),
    /// The second and the last axis can both be the channels.
    #[error(
        "its shape {0:?} can be (N, H, W, C) or (N, C, H, W); save grayscale images as (N, H, W), and colour \
         images with more than 3 rows and columns"
    )]
    AmbiguousShape(Vec<usize>),
    /// The array has no images.
    #[error("it has no images: its shape is {0:?}")]
    Empty(Vec<usize>),
    /// The test images have another height, width or number of channels than the training images.
    #[error("its images do not have the height, width and channels of the training images")]
    OtherImages,
    /// The array has a single image.
    #[error("it has only one image; a dataset needs two or more")]
    OneImage,
    /// The images are too large.
    #[error("its images have {0} x {1} pixels; save them with at most {MAX_SIDE} rows and columns")]
    Side(usize, usize),
    /// The elements are integers of another type than `uint8`.
    #[error(
        "its elements are {0}; save images as uint8 (array.astype('uint8')) or as floating-point numbers"
    )]
    Dtype(Dtype),
    /// A value is not a number, or infinite.
    #[error("its element {index:?} is {value}; replace values that are not finite (numpy.nan_to_num)")]
    NotFinite {
        /// The index of the first such element.
        index: Vec<usize>,
        /// Its value.
        value: f64,
    },
    /// The extent of the values is not that of images.
    #[error("its values are from {min} to {max}; images have values in [0, 1], [-1, 1] or [0, 255]")]
    Extent {
        /// The least value.
        min: f64,
        /// The greatest value.
        max: f64,
    },
    /// The values are `uint8` and at most 1, so all images would be black.
    #[error(
        "its values are 0 and 1, and uint8 images have values from 0 to 255; multiply them by 255, or save \
         floating-point numbers"
    )]
    Binary,
    /// The labels do not have one axis with one element per image.
    #[error(
        "the shape of the labels is {found:?}, but there are {images} images; save an array of shape ({images},)"
    )]
    LabelShape {
        /// The shape of the labels.
        found: Vec<usize>,
        /// Number of images.
        images: usize,
    },
    /// The labels are not integers.
    #[error("the labels are {0}; save them as integers (array.astype('int64'))")]
    LabelDtype(Dtype),
    /// A label is negative or larger than any supported number of classes allows.
    #[error("label number {index} is {value}; labels are from 0 to 65534")]
    Label {
        /// The index of the label, from 0.
        index: usize,
        /// The label.
        value: i128,
    },
    /// No array of the archive has three or four axes.
    #[error("none of its arrays has the shape of images; it has {0}")]
    NoImages(String),
    /// Several arrays of the archive can be the images.
    #[error("several of its arrays can be the images; name one of them \"images\"; it has {0}")]
    ManyImages(String),
    /// Several arrays of the archive can be the labels.
    #[error("several of its arrays can be the labels; name one of them \"labels\"; it has {0}")]
    ManyLabels(String),
    /// The images of one split have labels, and those of the other split have none.
    #[error("only one of its splits has labels; save labels of both splits, or none; it has {0}")]
    LabelsOfOneSplit(String),
}
