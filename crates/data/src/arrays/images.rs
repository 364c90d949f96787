//! The images of an array with the channels and the size of the dataset.

use adjoint_npy::Scale;
use adjoint_raster::convert;

use super::layout::Layout;
use super::place::Place;
use super::store::Pixels;
use super::{ArrayProblem, Part};
use crate::settings::Settings;
use crate::split_images::Store;
use crate::{DataError, Digest, Fit};

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
    /// Opens an array, or converts it to bytes. `scale` is that of floating-point numbers.
    pub(super) fn open(part: &Part, scale: Option<Scale>, settings: &Settings) -> Result<Self, DataError> {
        let pixels = Pixels::load(&part.place, &part.header, scale)?;
        let fit = settings.fit([part.layout.height, part.layout.width]);
        Ok(Self { place: part.place.clone(), layout: part.layout, pixels, channels: settings.channels, fit })
    }

    /// Returns the SHA-256 of each image, height x width x channels bytes as they are stored.
    fn digests(&self) -> Result<Vec<Option<Digest>>, DataError> {
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

/// The images of several arrays, one array after another.
pub(super) struct Joined(pub(super) Vec<ArrayImages>);

impl Joined {
    /// Returns the SHA-256 of each image, as it is stored.
    pub(super) fn digests(&self) -> Result<Vec<Option<Digest>>, DataError> {
        Ok(self.0.iter().map(ArrayImages::digests).collect::<Result<Vec<_>, _>>()?.concat())
    }
}

impl Store for Joined {
    fn read(&self, mut image: usize, digest: Digest, pixels: &mut [u8]) -> Result<(), DataError> {
        for part in &self.0 {
            if image < part.layout.images {
                return part.read(image, digest, pixels);
            }
            image -= part.layout.images;
        }
        panic!("image {image} after the last one")
    }

    fn kind(&self) -> &'static str {
        self.0.first().map_or("nothing", Store::kind)
    }
}
