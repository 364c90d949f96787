//! Decodes the binary records of CIFAR-10 and CIFAR-100 (Krizhevsky 2009, "Learning Multiple Layers
//! of Features from Tiny Images").
//!
//! A record is one or two label bytes and the red, green and blue planes of an image, each with one
//! byte per pixel, row by row. The last label byte is the class; in CIFAR-100 the first one is a
//! coarse class, which is ignored. A file is a sequence of records without a header.

use std::io::{self, Read};

use adjoint_raster::planes_to_pixels;

use crate::Damage;

/// Red, green and blue.
pub(crate) const CHANNELS: usize = 3;

/// Records that are read at once.
const CHUNK: usize = 64;

/// The shape of a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    /// Label bytes before the pixels. The last one is the class.
    pub(crate) label_bytes: usize,
    /// Pixels of an image: height x width.
    pub(crate) pixels: usize,
    /// Number of classes, above every label.
    pub(crate) classes: usize,
}

/// Decoded records.
#[derive(Debug, Default)]
pub(crate) struct Records {
    /// All images one after another, each height x width x channels bytes.
    pub(crate) images: Vec<u8>,
    pub(crate) labels: Vec<u16>,
}

impl Layout {
    /// Bytes of a record.
    pub(crate) fn record_len(&self) -> usize {
        self.label_bytes + CHANNELS * self.pixels
    }

    /// Reads all records of `reader` and appends them to `records`. `seen` is called with all bytes
    /// in turn. At most `items` records are read.
    ///
    /// # Errors
    /// Those of `reader`. A [`Damage`] if the number of records is not from 1 to `items`, if the
    /// last one is not complete, or if a label is not a class.
    pub(crate) fn read(
        &self,
        reader: impl Read,
        items: usize,
        records: &mut Records,
        mut seen: impl FnMut(&[u8]),
    ) -> io::Result<Result<(), Damage>> {
        let limit = items as u64 * self.record_len() as u64;
        let mut reader = reader.take(limit + 1);
        let mut chunk = Vec::new();
        let mut found = 0;
        loop {
            chunk.clear();
            let chunk_len = (CHUNK * self.record_len()) as u64;
            reader.by_ref().take(chunk_len).read_to_end(&mut chunk)?;
            seen(&chunk);
            found += chunk.len() as u64;
            if found > limit {
                return Ok(Err(Damage::TooLong(limit)));
            }
            if found == 0 || !chunk.len().is_multiple_of(self.record_len()) {
                return Ok(Err(Damage::Records { found, record: self.record_len() }));
            }
            if chunk.is_empty() {
                return Ok(Ok(()));
            }
            if let Err(damage) = self.decode(&chunk, records) {
                return Ok(Err(damage));
            }
        }
    }

    /// Appends complete records to `records`.
    ///
    /// # Errors
    /// [`Damage::Label`] if a label is not a class.
    fn decode(&self, bytes: &[u8], records: &mut Records) -> Result<(), Damage> {
        for record in bytes.chunks_exact(self.record_len()) {
            let (labels, planes) = record.split_at(self.label_bytes);
            let label = u16::from(labels[self.label_bytes - 1]);
            if usize::from(label) >= self.classes {
                return Err(Damage::Label { index: records.labels.len(), label, classes: self.classes });
            }
            records.labels.push(label);
            planes_to_pixels(planes, &mut records.images);
        }
        Ok(())
    }
}

impl Records {
    /// Keeps the records for which `is_kept` is true.
    pub(crate) fn retain(&mut self, is_kept: &[bool]) {
        let image_len = self.images.len() / self.labels.len().max(1);
        let mut kept = 0;
        for (index, _) in is_kept.iter().enumerate().filter(|(_, is_kept)| **is_kept) {
            self.images.copy_within(index * image_len..(index + 1) * image_len, kept * image_len);
            self.labels[kept] = self.labels[index];
            kept += 1;
        }
        self.images.truncate(kept * image_len);
        self.labels.truncate(kept);
    }

    /// Returns memory that is reserved for more records.
    pub(crate) fn shrink_to_fit(&mut self) {
        self.images.shrink_to_fit();
        self.labels.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: Layout = Layout { label_bytes: 2, pixels: 2, classes: 10 };

    fn read(bytes: &[u8], items: usize) -> Result<Records, Damage> {
        let mut records = Records::default();
        let mut seen = Vec::new();
        let read = TWO.read(bytes, items, &mut records, |bytes| seen.extend_from_slice(bytes)).unwrap();
        assert!(bytes.starts_with(&seen));
        read.map(|()| records)
    }

    #[test]
    fn planes_become_pixels_and_the_last_label_counts() {
        let bytes = [99, 3, 1, 2, 11, 12, 21, 22, 98, 4, 5, 6, 15, 16, 25, 26];
        let records = read(&bytes, 2).unwrap();
        assert_eq!(records.labels, [3, 4]);
        assert_eq!(records.images, [1, 11, 21, 2, 12, 22, 5, 15, 25, 6, 16, 26]);
    }

    #[test]
    fn many_records_are_read_in_chunks() {
        for items in [CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK] {
            let bytes: Vec<u8> =
                (0..items).flat_map(|item| [0, (item % 10) as u8, 1, 2, 3, 4, 5, 6]).collect();
            let records = read(&bytes, 5 * CHUNK).unwrap();
            assert_eq!(records.labels.len(), items);
            assert_eq!(records.images, [1, 3, 5, 2, 4, 6].repeat(items));
        }
    }

    #[test]
    fn bytes_that_are_no_records_are_rejected() {
        assert_eq!(read(&[], 2).unwrap_err(), Damage::Records { found: 0, record: 8 });
        assert_eq!(read(&[0; 7], 2).unwrap_err(), Damage::Records { found: 7, record: 8 });
        assert_eq!(read(&[0; 15], 2).unwrap_err(), Damage::Records { found: 15, record: 8 });
        assert_eq!(read(&[0; 17], 2).unwrap_err(), Damage::TooLong(16));
        let wrong = [0, 9, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0];
        assert_eq!(read(&wrong, 2).unwrap_err(), Damage::Label { index: 1, label: 10, classes: 10 });
    }

    #[test]
    fn chosen_records_are_kept_in_their_order() {
        let bytes: Vec<u8> = (0..4).flat_map(|item| [0, item, item, item, item, item, item, item]).collect();
        let mut records = read(&bytes, 4).unwrap();
        records.retain(&[false, true, false, true]);
        assert_eq!(records.labels, [1, 3]);
        assert_eq!(records.images, [[1; 6], [3; 6]].concat());
        records.retain(&[false, false]);
        assert_eq!((records.labels, records.images), (vec![], vec![]));
    }
}
