//! The errors of a folder of images. Each message is one line.

use std::path::PathBuf;

use super::walk::Skipped;
use crate::escape::{Shown, escaped_path};

/// The reason why a folder of images cannot be used as a dataset. Relative paths are relative to
/// the folder.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The folder has no images.
    #[error("{} has no images (png, jpg, jpeg, webp, bmp or gif); {skipped}", Shown(root))]
    NoImages {
        /// The folder.
        root: PathBuf,
        /// What it has instead.
        skipped: Skipped,
    },

    /// The folder has a single image.
    #[error("{} has only one image; a dataset needs two or more", Shown(.0))]
    OneImage(PathBuf),

    /// An image is beside folders that are classes.
    #[error(
        "the image {} of {} is beside the class folder {}; move the image into a class folder",
        escaped_path(image),
        Shown(root),
        escaped_path(class)
    )]
    BesideClasses {
        /// The folder.
        root: PathBuf,
        /// The relative path of the image.
        image: PathBuf,
        /// The relative path of a class folder beside it.
        class: PathBuf,
    },

    /// A folder with images is beside folders that are splits.
    #[error(
        "{} has {} beside the split {split}; move it into {split}, or out of the folder",
        Shown(root),
        escaped_path(entry)
    )]
    BesideSplits {
        /// The folder.
        root: PathBuf,
        /// The name of the folder or image beside the splits.
        entry: PathBuf,
        /// The name of a split.
        split: &'static str,
    },

    /// The folder has splits, but none to train on.
    #[error(
        "{} has the split {split} but no split train; name its folder train, or use {split} as the dataset",
        Shown(root)
    )]
    NoTrainSplit {
        /// The folder.
        root: PathBuf,
        /// The name of a split that exists.
        split: &'static str,
    },

    /// A class is missing in one of the splits.
    #[error(
        "{} has images of the class {class} in {with} but not in {without}; both splits need the same classes",
        Shown(root)
    )]
    ClassesDiffer {
        /// The folder.
        root: PathBuf,
        /// The name of the class.
        class: String,
        /// The split that has images of the class.
        with: &'static str,
        /// The split that has none.
        without: &'static str,
    },

    /// A file changed after the folder was listed.
    #[error("{} changed while the folder was read; start again when nothing changes the folder", Shown(.0))]
    Changed(PathBuf),

    /// An image cannot be decoded.
    #[error("{} is broken: {problem}; repair or remove it, or train with --skip-broken", Shown(path))]
    Broken {
        /// The file.
        path: PathBuf,
        /// The problem, on one line.
        problem: String,
    },

    /// Fewer than two images are left after the broken images have been skipped.
    #[error(
        "only {sound} of the {images} images of {} can be decoded; a dataset needs two or more",
        Shown(root)
    )]
    FewSound {
        /// The folder.
        root: PathBuf,
        /// Number of images.
        images: usize,
        /// Number of images that are not broken.
        sound: usize,
    },
}
