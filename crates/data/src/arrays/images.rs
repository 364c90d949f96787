//! The images of an array with the channels and the size of the dataset.

use super::ArrayProblem;
use super::layout::Layout;
use super::place::Place;
use super::store::Pixels;
use crate::settings::Settings;
use crate::split_images::Store;
use crate::{DataError, Digest, Fit};
use adjoint_raster::convert;

/// The images of all splits, converted and fitted when they are requested.
pub(super) struct ArrayImages {
    place: Place,
    layout: Layout,
    pixels: Pixels,
    /// Values per pixel of the dataset.
    channels: usize,
    fit: Fit,
}

impl ArrayImages {
    pub(super) fn new(place: Place, layout: Layout, pixels: Pixels, settings: &Settings) -> Self {
        let fit = settings.fit([layout.height, layout.width]);
        Self { place, layout, pixels, channels: settings.channels, fit }
    }

    /// Returns the SHA-256 of each image, height x width x channels bytes as they are stored.
    pub(super) fn digests(&self) -> Result<Vec<Option<Digest>>, DataError> {
        let mut stored = vec![0; self.layout.image_len()];
        let digests = (0..self.layout.images).map(|image| {
            self.pixels.read(&self.place, image, &mut stored)?;
            Ok(Some(Digest::of(&self.layout.interleave(&stored))))
        });
        digests.collect()
    }
}

impl Store for ArrayImages {
    fn read(&self, image: usize, digest: Digest, pixels: &mut [u8]) -> Result<(), DataError> {
        let mut stored = vec![0; self.layout.image_len()];
        self.pixels.read(&self.place, image, &mut stored)?;
        let interleaved = self.layout.interleave(&stored);
        if matches!(self.pixels, Pixels::File { .. }) && Digest::of(&interleaved) != digest {
            return Err(self.place.error(ArrayProblem::Changed));
        }
        self.fit.apply(&convert(interleaved, self.layout.channels, self.channels), pixels);
        Ok(())
    }

    fn kind(&self) -> &'static str {
        match self.pixels {
            Pixels::File { .. } => "file",
            Pixels::Memory(_) => "memory",
        }
    }
}
