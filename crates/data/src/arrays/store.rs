//! The pixels of an array as bytes, in the file or in memory.

use std::fs::File;

use super::ArrayProblem;
use super::place::Place;
use crate::escape::Shown;
use crate::positioned::read_exact_at;
use crate::{DataError, regular};
use adjoint_npy::{Dtype, Extent, Header, Scale};

/// The images of an array as bytes, with the axes of an image as they are in the file.
pub(super) enum Pixels {
    /// An array of bytes in C order, which is read image by image.
    File {
        file: File,
        /// The position of the first element in the file.
        start: u64,
    },
    /// All images one after another.
    Memory(Vec<u8>),
}

impl Pixels {
    /// Opens the array, or converts it to bytes. Returns a note on the conversion, too.
    pub(super) fn load(place: &Place, header: &Header) -> Result<(Self, Option<String>), DataError> {
        let is_bytes = header.dtype == Dtype::U8;
        if is_bytes && !header.fortran_order && place.member.is_none() {
            let start = place.read_as(header, |reader| Ok(reader.start()))?;
            let file = regular::open(&place.path)?;
            return Ok((Self::File { file, start }, None));
        }
        if is_bytes {
            return Ok((Self::Memory(convert(place, header, Scale::Bytes)?), None));
        }
        let Extent { min, max, not_finite } = place.read_as(header, |reader| Ok(reader.extent()?))?;
        if let Some((index, value)) = not_finite {
            return Err(place.error(ArrayProblem::NotFinite { index, value }));
        }
        let scale = Scale::of(min, max).ok_or_else(|| place.error(ArrayProblem::Extent { min, max }))?;
        let (path, range) = (Shown(&place.path), scale.range());
        let note = format!("{path}: values from {min} to {max} are taken as black to white in {range}");
        Ok((Self::Memory(convert(place, header, scale)?), Some(note)))
    }

    /// Writes image `index` of the array at `place` into `image`.
    pub(super) fn read(&self, place: &Place, index: usize, image: &mut [u8]) -> Result<(), DataError> {
        match self {
            Self::File { file, start } => {
                let offset = start + index as u64 * image.len() as u64;
                read_exact_at(file, image, offset).map_err(DataError::io("read", &place.path))
            }
            Self::Memory(bytes) => {
                image.copy_from_slice(&bytes[index * image.len()..][..image.len()]);
                Ok(())
            }
        }
    }
}

/// Converts all values to bytes.
fn convert(place: &Place, header: &Header, scale: Scale) -> Result<Vec<u8>, DataError> {
    let len = header.shape.iter().product();
    let mut bytes = vec![];
    bytes.try_reserve_exact(len).map_err(|_| place.error(ArrayProblem::Memory(len)))?;
    bytes.resize(len, 0);
    place.read_as(header, |reader| Ok(reader.to_bytes(scale, &mut bytes)?))?;
    Ok(bytes)
}
