//! The pixels of an array as bytes, in the file or in memory.

use std::fs::File;

use adjoint_npy::{Dtype, Extent, Header, Scale};

use super::place::Place;
use super::{ArrayProblem, Part};
use crate::escape::Shown;
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
    /// Opens the array, or converts it to bytes. `scale` is that of floating-point numbers.
    pub(super) fn load(place: &Place, header: &Header, scale: Option<Scale>) -> Result<Self, DataError> {
        let is_bytes = header.dtype == Dtype::U8;
        if is_bytes && !header.fortran_order && place.member.is_none() {
            let start = place.read_as(header, |reader| Ok(reader.start()))?;
            let file = regular::open(&place.path)?;
            return Ok(Self::File { file, start });
        }
        let scale = scale.filter(|_| !is_bytes).unwrap_or(Scale::Bytes);
        Ok(Self::Memory(convert(place, header, scale)?))
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

/// Returns the scale of the arrays of floating-point numbers, and a note on it. It is the same for
/// all arrays. `None` if all are bytes.
pub(super) fn scale(parts: &[Part]) -> Result<(Option<Scale>, Option<String>), DataError> {
    let (mut least, mut greatest) = (f64::INFINITY, f64::NEG_INFINITY);
    let mut floats = parts.iter().filter(|part| part.header.dtype != Dtype::U8).peekable();
    let Some(first) = floats.peek().map(|part| &part.place) else { return Ok((None, None)) };
    for Part { place, header, .. } in floats {
        let Extent { min, max, not_finite } = place.read_as(header, |reader| Ok(reader.extent()?))?;
        if let Some((index, value)) = not_finite {
            return Err(place.error(ArrayProblem::NotFinite { index, value }));
        }
        (least, greatest) = (least.min(min), greatest.max(max));
    }
    let scale = Scale::of(least, greatest);
    let scale = scale.ok_or_else(|| first.error(ArrayProblem::Extent { min: least, max: greatest }))?;
    let (path, range) = (Shown(&first.path), scale.range());
    let note = format!("{path}: values from {least} to {greatest} are taken as black to white in {range}");
    Ok((Some(scale), Some(note)))
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
