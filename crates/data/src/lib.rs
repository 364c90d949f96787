//! Datasets: loads and verifies images and labels, and defines the order in which training uses
//! them.
//!
//! * [`Dataset`] is a labelled set of images of one size, loaded by name. `glyphs` and `glyphs-rgb`
//!   are drawn by code ([`glyphs`]). A [`Manifest`] lists the files and checksums of the others:
//!   `mnist`, `fashion-mnist` and `kmnist` are IDX files ([`idx`]), `cifar10` and `cifar100` are
//!   binary records in an archive.
//! * A directory of image files is a dataset, too. Its folders are classes and splits. The images
//!   of folders and arrays are decoded once, into a file in [`Options::cache_dir`].
//! * Files of the manifest keep the order of their authors. The images of folders and arrays are in
//!   the order of the SHA-256 of their paths or indices. So the first images of any split are a
//!   fair sample of it.
//! * [`Source`] and [`Images`] are the traits that each kind of dataset implements.
//! * [`Fit`] fits an image of any height and width into the square that a model requires.
//! * [`data_dir`] and [`cache_dir`] choose the directories of files.
//! * [`Downloader`] fetches missing files. A file gets its final name only after its size and hash
//!   have been verified.
//! * [`arrays`] are datasets in `.npy` and `.npz` files of NumPy; [`npy`] reads and writes the
//!   format.
//! * [`Batches`] shuffles the images. Batch `s` is a function of the seed and `s` alone, so a
//!   resumed run sees the same batches as an uninterrupted one.
//!
//! Loops over pixels are in `adjoint-raster`, which is compiled for speed.
//!
//! Every file is assumed damaged until its checks pass, and no file header decides how much memory
//! is allocated. This crate deliberately does not depend on models. Its only augmentation is
//! [`Batches::with_flips`], which is off by default: training sees the images exactly as they are
//! drawn or read.
//!
//! ```
//! use adjoint_data::{Batches, Dataset, Options, PixelRange, Split};
//!
//! let data = Dataset::load("glyphs", Split::Train, &Options::default(), None)?;
//! let mut batches = Batches::new(data, 128, 0, PixelRange::Symmetric)?;
//! let batch = batches.batch(1000)?;
//! assert_eq!(batch.images.dims(), [128, 28, 28, 1]);
//! assert_eq!(batches.steps_per_epoch(), 468);
//! # Ok::<(), adjoint_data::DataError>(())
//! ```
#![forbid(unsafe_code)]

mod archive;
pub mod arrays;
mod batches;
mod cache;
mod checksums;
mod cifar;
mod contents;
mod dataset;
mod digest;
mod directories;
mod download;
mod drawn;
mod error;
mod escape;
mod folder;
mod held_out;
pub mod idx;
mod manifest;
mod options;
pub mod points;
mod positioned;
mod prefetch;
mod records;
mod regular;
mod report;
mod settings;
mod source;
mod split_images;
mod stored;
mod subset;
mod unpacked;

pub use adjoint_npy as npy;
pub use adjoint_raster::{Fit, FitMode, IMAGE_SIZES, Split, glyphs};
pub use adjoint_tensor::PixelRange;
pub use batches::{Batch, Batches};
pub use cache::CacheError;
pub use dataset::Dataset;
pub use digest::Digest;
pub use directories::{cache_dir, data_dir};
pub use download::{Downloader, Progress};
pub use error::{Damage, DataError};
pub use folder::{FolderError, Skipped, dataset_name, decode_file, first_difference};
pub use manifest::{
    CifarFiles, FileEntry, Files, IdxFiles, Manifest, ManifestEntry, RecordFile, RemoteFile, SplitEntry,
};
pub use options::Options;
pub use prefetch::Prefetch;
pub use report::{Decoding, Report};
pub use source::{Images, Kind, Source, source, sources};
