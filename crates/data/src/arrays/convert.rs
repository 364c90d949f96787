//! Converts arrays to images with the channels and the size of the dataset.
//!
//! An array in C order is read from its start to its end, with one image in memory. An array in
//! Fortran order has values of all images side by side, so it is read once for each group of
//! images. An array of floating-point numbers is read once more before, for the extent of its
//! values.

use std::borrow::Cow;
use std::fs;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use adjoint_npy::{Dtype, Extent, Scale};
use adjoint_raster::convert;
use sha2::{Digest as _, Sha256};

use super::layout::Layout;
use super::{ArrayProblem, Part, count};
use crate::cache::{CacheError, Content, Index, VERSION, Write, hash_file};
use crate::escape::Shown;
use crate::report::{Decoding, Report};
use crate::settings::Settings;
use crate::split_images::Store;
use crate::{DataError, Digest};

/// The most bytes of an array in Fortran order that are in memory at once, if they are more than
/// one image. Tests read several groups.
const GROUP: usize = if cfg!(test) { 100 } else { 1 << 28 };
/// Bytes of a digest.
const DIGEST: usize = size_of::<Digest>();

/// The conversion of the arrays of a dataset.
#[derive(Clone)]
pub(super) struct Conversion {
    pub(super) parts: Arc<[Part]>,
    pub(super) settings: Settings,
    pub(super) report: Report,
}

/// Receives one image: height x width x channels bytes.
type Each<'a> = dyn FnMut(Cow<'_, [u8]>) -> Result<(), DataError> + 'a;

/// What a cache keeps of arrays besides the fitted images.
pub(super) struct Facts {
    /// The SHA-256 of each image as it is stored: height x width x channels bytes.
    pub(super) stored: Vec<Option<Digest>>,
    /// The least and the greatest value of all floating-point numbers; `None` if there are none.
    pub(super) extent: Option<[f64; 2]>,
}

impl Facts {
    /// Reads the facts of `images` images.
    pub(super) fn of(bytes: &[u8], images: usize) -> Self {
        let (digests, extent) = bytes.split_at(images * DIGEST);
        let digests = digests.as_chunks().0.iter().map(|&digest: &[u8; DIGEST]| Some(digest.into()));
        let extent = match extent.as_chunks().0 {
            &[min, max] => Some([min, max].map(f64::from_le_bytes)),
            _ => None,
        };
        Self { stored: digests.collect(), extent }
    }
}

impl Conversion {
    /// The images of all arrays.
    ///
    /// # Errors
    /// If a file has no absolute path.
    pub(super) fn content(&self) -> Result<Content, DataError> {
        let path = &self.parts[0].place.path;
        let source = fs::canonicalize(path).map_err(DataError::io("read", path))?;
        let mut hash = Sha256::new();
        hash.update(VERSION.to_le_bytes());
        hash.update("array");
        self.settings.hash(&mut hash);
        for Part { place, header, .. } in &*self.parts {
            hash_file(&mut hash, &source, place.stamp.size, place.stamp.modified);
            hash.update(place.member.as_ref().map_or(0, |(index, _)| *index as u64 + 1).to_le_bytes());
            hash.update(header.to_bytes());
        }
        let extent_len = if self.has_floats() { size_of::<[f64; 2]>() } else { 0 };
        Ok(Content {
            source,
            key: hash.into(),
            images: count(&self.parts),
            record_len: self.settings.image_len(),
            facts_len: count(&self.parts) * DIGEST + extent_len,
        })
    }

    fn has_floats(&self) -> bool {
        self.parts.iter().any(|part| part.header.dtype.is_float())
    }

    /// Passes each image to `write` in the order of the arrays. Returns the digests of the fitted
    /// images, and the bytes of [`Facts`].
    ///
    /// # Errors
    /// If an array cannot be read or has changed, if its values are not those of images, and the
    /// errors of `write`.
    pub(super) fn run(&self, write: &mut Write<'_>) -> Result<Index, DataError> {
        let extent = if self.has_floats() { Some(self.extent()?) } else { None };
        let total = count(&self.parts);
        let (mut digests, mut facts) = (Vec::with_capacity(total), Vec::new());
        let mut pixels = vec![0; self.settings.image_len()];
        for part in &*self.parts {
            let Layout { height, width, channels, images, .. } = part.layout;
            let fit = self.settings.fit([height, width]);
            let (is_bytes, mut greatest) = (part.header.dtype == Dtype::U8, 0);
            each_image(part, 0..images, extent, &mut |stored| {
                if is_bytes && greatest <= 1 {
                    greatest = stored.iter().copied().fold(greatest, u8::max);
                }
                facts.extend(Digest::of(&stored).bytes());
                fit.apply(&convert(stored, channels, self.settings.channels), &mut pixels);
                write(digests.len(), &pixels)?;
                digests.push(Some(Digest::of(&pixels)));
                self.report.send(Decoding { folder: &part.place.path, done: digests.len(), total });
                Ok(())
            })?;
            if is_bytes && greatest == 1 {
                return Err(part.place.error(ArrayProblem::Binary));
            }
        }
        facts.extend(extent.into_iter().flatten().flat_map(f64::to_le_bytes));
        Ok(Index { digests, facts })
    }

    /// Returns the least and the greatest value of all floating-point numbers.
    fn extent(&self) -> Result<[f64; 2], DataError> {
        let (mut least, mut greatest) = (f64::INFINITY, f64::NEG_INFINITY);
        let mut floats = self.parts.iter().filter(|part| part.header.dtype.is_float()).peekable();
        let first = floats.peek().map(|part| &part.place);
        for Part { place, header, .. } in floats {
            let Extent { min, max, not_finite } = place.read_as(header, |reader| Ok(reader.extent()?))?;
            if let Some((index, value)) = not_finite {
                return Err(place.error(ArrayProblem::NotFinite { index, value }));
            }
            (least, greatest) = (least.min(min), greatest.max(max));
        }
        match (first, scale([least, greatest])) {
            (Some(first), None) => Err(first.error(ArrayProblem::Extent { min: least, max: greatest })),
            _ => Ok([least, greatest]),
        }
    }

    /// A note on the scale of floating-point numbers.
    pub(super) fn note(&self, extent: [f64; 2]) -> Option<String> {
        let first = self.parts.iter().find(|part| part.header.dtype.is_float())?;
        let ([least, greatest], range) = (extent, scale(extent)?.range());
        let path = Shown(&first.place.path);
        Some(format!("{path}: values from {least} to {greatest} are taken as black to white in {range}"))
    }
}

/// The scale of floating-point numbers, which is the same for all arrays.
fn scale([least, greatest]: [f64; 2]) -> Option<Scale> {
    Scale::of(least, greatest)
}

/// Passes the images of an array in a range to `each`. `extent` is that of floating-point numbers.
fn each_image(
    part: &Part,
    range: Range<usize>,
    extent: Option<[f64; 2]>,
    each: &mut Each<'_>,
) -> Result<(), DataError> {
    let Part { place, header, layout, .. } = part;
    let scale = if header.dtype == Dtype::U8 { None } else { extent.and_then(scale) };
    let (scale, len) = (scale.unwrap_or(Scale::Bytes), layout.image_len());
    let in_group = if header.fortran_order { (GROUP / len).clamp(1, range.len()) } else { 1 };
    let mut group = Vec::new();
    let reserved = group.try_reserve_exact(in_group * len);
    reserved.map_err(|_| place.error(ArrayProblem::Memory(in_group * len)))?;
    group.resize(in_group * len, 0);
    if !header.fortran_order {
        return place.read_as(header, |mut reader| {
            for image in 0..range.end {
                reader.next_bytes(scale, &mut group)?;
                if range.contains(&image)
                    && let Err(error) = each(layout.interleave(&group))
                {
                    return Ok(Err(error));
                }
            }
            if range.end == layout.images {
                reader.finish()?;
            }
            Ok(Ok(()))
        })?;
    }
    for first in range.clone().step_by(in_group) {
        let group = &mut group[..in_group.min(range.end - first) * len];
        place.read_as(header, |reader| Ok(reader.to_bytes(scale, first * len, group)?))?;
        group.chunks_exact(len).try_for_each(|image| each(layout.interleave(image)))?;
    }
    Ok(())
}

/// The arrays as a store, which converts an image for each read. Damaged images of the cache are
/// rare, so an image is found by reading those before it.
pub(super) struct Originals {
    pub(super) conversion: Conversion,
    pub(super) extent: Option<[f64; 2]>,
    /// Where the images were kept.
    pub(super) cache: PathBuf,
}

impl Store for Originals {
    /// # Errors
    /// If an array has changed, and [`CacheError::Damaged`] if the image has other pixels now.
    fn read(&self, mut image: usize, digest: Digest, pixels: &mut [u8]) -> Result<(), DataError> {
        let Conversion { parts, settings, .. } = &self.conversion;
        for part in &**parts {
            let Layout { height, width, channels, images, .. } = part.layout;
            if image < images {
                let fit = settings.fit([height, width]);
                each_image(part, image..image + 1, self.extent, &mut |stored| {
                    fit.apply(&convert(stored, channels, settings.channels), pixels);
                    Ok(())
                })?;
                if Digest::of(pixels) == digest {
                    return Ok(());
                }
                let (cache, path) = (self.cache.clone(), part.place.path.clone());
                let problem = "it has changed".to_owned();
                return Err(DataError::Cache(CacheError::Damaged { cache, path, problem }));
            }
            image -= images;
        }
        panic!("image {image} after the last one")
    }

    fn kind(&self) -> &'static str {
        "file"
    }
}
