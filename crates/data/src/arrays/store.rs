//! The pixels of an array as bytes, in the file or in memory.

use std::fs::File;

use super::place::Place;
use super::{ArrayProblem, Scale};
use crate::escape::Shown;
use crate::npy::{Dtype, Header};
use crate::positioned::read_exact_at;
use crate::{DataError, regular};

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
        let [min, max] = extent(place, header)?;
        let scale = Scale::of(min, max).map_err(|problem| place.error(problem))?;
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

/// Returns the least and the greatest value. Fails if a value is not finite.
fn extent(place: &Place, header: &Header) -> Result<[f64; 2], DataError> {
    let (mut min, mut max, mut wrong) = (f64::INFINITY, f64::NEG_INFINITY, None::<(usize, f64)>);
    place.read_as(header, |reader| {
        Ok(reader.floats(|index, value| {
            (min, max) = (min.min(value), max.max(value));
            // In Fortran order, the first element of the file may not be the first in C order.
            if !value.is_finite() && wrong.is_none_or(|(first, _)| index < first) {
                wrong = Some((index, value));
            }
        })?)
    })?;
    let Some((mut at, value)) = wrong else { return Ok([min, max]) };
    let mut index = header.shape.clone();
    for size in index.iter_mut().rev() {
        (*size, at) = (at % *size, at / *size);
    }
    Err(place.error(ArrayProblem::NotFinite { index, value }))
}

/// Converts all values to bytes.
fn convert(place: &Place, header: &Header, scale: Scale) -> Result<Vec<u8>, DataError> {
    let len = header.shape.iter().product();
    let mut bytes = vec![];
    bytes.try_reserve_exact(len).map_err(|_| place.error(ArrayProblem::Memory(len)))?;
    bytes.resize(len, 0);
    place.read_as(header, |reader| match header.dtype {
        Dtype::U8 => Ok(reader.bytes(|index, value| bytes[index] = value)?),
        _ => Ok(reader.floats(|index, value| bytes[index] = scale.byte(value))?),
    })?;
    Ok(bytes)
}
