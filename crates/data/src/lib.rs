//! Datasets: where images and labels come from, checked on the way in, and the order in which
//! training sees them.
//!
//! * [`Dataset`] is a labelled set of images of one size, by name: `glyphs` and `glyphs-rgb` are
//!   drawn by code ([`glyphs`]), `mnist` and `fashion-mnist` are read from IDX files ([`idx`])
//!   whose SHA-256 stand in a [`Manifest`].
//! * [`Source`] and [`Images`] are what each kind of dataset implements.
//! * [`Downloader`] fetches missing files; nothing reaches its final name before its size and hash
//!   are right.
//! * [`Batches`] shuffles: batch `s` is a function of the seed and `s` alone, so a resumed run
//!   continues exactly.
//!
//! Every file is taken for damaged until proven whole, and no header decides how much memory is
//! allocated. This crate deliberately knows nothing of models, and no augmentation: what is drawn
//! or read is what training sees.
//!
//! ```
//! use adjoint_data::{Batches, Dataset, LastBatch, Options, PixelRange, Split};
//!
//! let data = Dataset::load("glyphs", Split::Train, &Options::default(), None)?;
//! let mut batches = Batches::new(data, 128, 0, LastBatch::Drop, PixelRange::Symmetric)?;
//! let batch = batches.batch(1000);
//! assert_eq!(batch.images.dims(), [128, 28, 28, 1]);
//! assert_eq!(batches.steps_per_epoch(), 468);
//! # Ok::<(), adjoint_data::DataError>(())
//! ```
#![forbid(unsafe_code)]

mod batches;
mod dataset;
mod digest;
mod download;
mod drawn;
mod error;
mod fit;
pub mod glyphs;
pub mod idx;
mod manifest;
pub mod points;
mod prefetch;
mod source;
mod stored;

pub use adjoint_tensor::PixelRange;
pub use batches::{Batch, Batches, LastBatch};
pub use dataset::{Dataset, IMAGE_SIZES, Options, Split};
pub use digest::Digest;
pub use download::{Downloader, Progress};
pub use error::{Damage, DataError};
pub use manifest::{FileEntry, Manifest, ManifestEntry, SplitEntry};
pub use prefetch::Prefetch;
pub use source::{Images, Source, is_built_in, source};
