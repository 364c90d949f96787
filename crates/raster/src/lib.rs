//! Loops over the pixels of images: how glyphs are drawn, and how images of any size become
//! squares.
//!
//! * [`glyphs`] are the built-in images, drawn by code.
//! * [`Fit`] fits an image of any height and width into the square that a model requires.
//! * [`convert`], [`compose`] and the other functions convert pixels one after another.
//!
//! It is a crate of its own because these loops need full optimisation. The files of datasets, in
//! `adjoint-data`, need little, and most of their code is generic.
#![forbid(unsafe_code)]

mod color;
mod fit;
pub mod glyphs;
mod order;

use std::fmt;
use std::ops::RangeInclusive;

pub use color::{compose, convert};
pub use fit::{Fit, FitMode};
pub use order::{mirror, planes_to_pixels};

/// The supported image sizes: height and width in pixels.
pub const IMAGE_SIZES: RangeInclusive<usize> = 16..=512;

/// A part of a dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// The images to train on.
    Train,
    /// The images to evaluate on.
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
