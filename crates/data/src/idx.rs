//! Reads IDX files, plain or gzipped. IDX is the format of MNIST (LeCun, Cortes & Burges, "The
//! MNIST database of handwritten digits").
//!
//! A file consists of a header and the elements, last axis fastest. The header is two zero bytes,
//! the element type, the number of axes, and the size of each axis as a big-endian u32. Only type
//! 0x08, unsigned bytes, is supported. The header never decides how much memory is allocated: the
//! content is read first, up to a limit given by the caller. Then its size is compared with the
//! size in the header.

use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::Path;

use flate2::bufread::GzDecoder;

use crate::regular::open;
use crate::{Damage, DataError, Digest};

/// Element type "unsigned byte" in the third byte of the header.
const UNSIGNED_BYTE: u8 = 0x08;

/// An array of bytes from an IDX file.
#[derive(Debug)]
pub struct Idx {
    /// The sizes of the 1 to 4 axes.
    pub dims: Vec<usize>,
    /// The elements, last axis fastest.
    pub data: Vec<u8>,
    /// The SHA-256 of the uncompressed content, including the header.
    pub digest: Digest,
}

impl Idx {
    /// Reads the file `path`, whose uncompressed content may have at most `limit` bytes. A gzip
    /// file is recognised by its first bytes, not by its name. Its content is the content of all
    /// its members (RFC 1952, section 2.2); zeros may follow each member.
    ///
    /// # Errors
    /// [`DataError::Io`] if the file cannot be read. [`DataError::NotAFile`] if `path` is not a
    /// regular file. [`DataError::Damaged`] if the content is not exactly one complete IDX file of
    /// bytes.
    pub fn read(path: &Path, limit: u64) -> Result<Self, DataError> {
        let mut reader = BufReader::new(open(path)?);
        let gzipped = reader.fill_buf().map_err(DataError::io("read", path))?.starts_with(&[0x1f, 0x8b]);
        let mut content = Vec::new();
        if gzipped {
            gunzip(reader, path, &mut content, limit)?;
        } else {
            read_up_to(reader, path, &mut content, limit)?;
        }
        let dims = parse_header(&content).map_err(DataError::damaged(path))?;
        let digest = Digest::of(&content);
        content.drain(..header_len(dims.len()));
        content.shrink_to_fit();
        Ok(Self { dims, data: content, digest })
    }

    /// The size in bytes of an uncompressed file with axes of these sizes. It is the `limit` for
    /// reading a file of known shape.
    pub fn content_len(dims: &[usize]) -> u64 {
        (header_len(dims.len()) + dims.iter().product::<usize>()) as u64
    }
}

/// Converts the errors of the gzip decoder to [`Damage`]; other errors are unchanged.
fn of_gzip(error: DataError) -> DataError {
    let DataError::Io { cause, path, .. } = &error else { return error };
    match cause.kind() {
        ErrorKind::UnexpectedEof => DataError::damaged(path)(Damage::CutShort),
        ErrorKind::InvalidInput | ErrorKind::InvalidData => DataError::damaged(path)(Damage::Corrupt),
        _ => error,
    }
}

/// Decompresses the members of a gzip file one after another. `gzip` in append mode and `bgzip`
/// write several members. Zeros after a member are padding to the block size of a tape or disk.
fn gunzip(mut reader: impl BufRead, path: &Path, content: &mut Vec<u8>, limit: u64) -> Result<(), DataError> {
    loop {
        let member = read_up_to(GzDecoder::new(reader), path, content, limit);
        reader = member.map_err(of_gzip)?.into_inner();
        while reader.fill_buf().map_err(DataError::io("read", path))?.first() == Some(&0) {
            reader.consume(1);
        }
        match reader.fill_buf().map_err(DataError::io("read", path))? {
            [] => return Ok(()),
            [0x1f, ..] => {}
            _ => return Err(DataError::damaged(path)(Damage::TrailingBytes)),
        }
    }
}

/// Appends all bytes of `reader` to `content` and returns the reader. Fails if `content` becomes
/// longer than `limit` bytes.
fn read_up_to<R: Read>(reader: R, path: &Path, content: &mut Vec<u8>, limit: u64) -> Result<R, DataError> {
    let mut reader = reader.take((limit - content.len() as u64).saturating_add(1));
    reader.read_to_end(content).map_err(DataError::io("read", path))?;
    let is_too_long = content.len() as u64 > limit;
    if is_too_long { Err(DataError::damaged(path)(Damage::TooLong(limit))) } else { Ok(reader.into_inner()) }
}

/// Returns the sizes of the axes. Fails unless `content` has exactly as many elements after the
/// header as these sizes require.
fn parse_header(content: &[u8]) -> Result<Vec<usize>, Damage> {
    let Some(&magic) = content.first_chunk::<4>() else { return Err(Damage::NoHeader) };
    let rank = match magic {
        [0, 0, UNSIGNED_BYTE, rank @ 1..=4] => usize::from(rank),
        found => return Err(Damage::Magic(found)),
    };
    let sizes = content.get(4..header_len(rank)).ok_or(Damage::NoHeader)?;
    let sizes: Vec<u32> =
        sizes.chunks_exact(4).map(|s| u32::from_be_bytes([s[0], s[1], s[2], s[3]])).collect();

    // Four sizes below 2^32 have a product below 2^128.
    let announced = sizes.iter().map(|&size| u128::from(size)).product();
    let found = (content.len() - header_len(rank)) as u64;
    if announced != u128::from(found) {
        return Err(Damage::Length { announced, found });
    }
    Ok(sizes.into_iter().map(|size| size as usize).collect())
}

fn header_len(rank: usize) -> usize {
    4 + 4 * rank
}
