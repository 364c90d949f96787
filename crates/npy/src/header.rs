//! The header of a `.npy` file: parsed with a limit on its length, and written.

use std::io::Read;

use super::literal::Literal;
use super::{DTYPES, Dtype, NpyError};

/// The first bytes of every file.
const SIGNATURE: &[u8; 6] = b"\x93NUMPY";
/// The longest header that is read, in bytes.
pub const MAX_HEADER: u32 = 1 << 16;
/// The longest dtype that an error repeats, in characters.
const SHOWN: usize = 20;

/// The header of an array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The type of the elements.
    pub dtype: Dtype,
    /// Is the highest byte of an element first?
    pub big_endian: bool,
    /// Is the first axis fastest? Otherwise the last axis is.
    pub fortran_order: bool,
    /// The size of each axis. An array without axes has one element.
    pub shape: Vec<usize>,
}

impl Header {
    /// Reads the header and leaves `file` at the first element. Returns the header and its length
    /// in bytes, including signature and version.
    ///
    /// # Errors
    /// [`NpyError`] if the header is not complete and valid, or if the type of the elements is not
    /// a [`Dtype`].
    pub fn read(file: &mut dyn Read) -> Result<(Self, u64), NpyError> {
        let mut start = [0; 8];
        file.read_exact(&mut start)?;
        if !start.starts_with(SIGNATURE) {
            return Err(NpyError::Signature);
        }
        let (len, prefix) = match (start[6], start[7]) {
            (1, 0) => {
                let mut len = [0; 2];
                file.read_exact(&mut len)?;
                (u32::from(u16::from_le_bytes(len)), 10)
            }
            (2 | 3, 0) => {
                let mut len = [0; 4];
                file.read_exact(&mut len)?;
                (u32::from_le_bytes(len), 12)
            }
            (major, minor) => return Err(NpyError::Version(major, minor)),
        };
        if len > MAX_HEADER {
            return Err(NpyError::HeaderTooLong(len));
        }
        let mut text = vec![0; len as usize];
        file.read_exact(&mut text)?;
        Ok((Self::parse(&text)?, prefix + u64::from(len)))
    }

    /// Parses the dict literal. It must have the keys `descr`, `fortran_order` and `shape` in any
    /// order, each once, and nothing else.
    fn parse(text: &[u8]) -> Result<Self, NpyError> {
        let mut literal = Literal::new(text);
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        literal.expect(b'{', "the start of a dict")?;
        while !literal.accept(b'}') {
            let key = literal.string()?;
            literal.expect(b':', "a colon")?;
            let repeated = match key {
                b"descr" if literal.accept(b'[') => return Err(NpyError::Structured),
                b"descr" => descr.replace(literal.string()?).is_some(),
                b"fortran_order" => fortran_order.replace(literal.boolean()?).is_some(),
                b"shape" => shape.replace(literal.sizes()?).is_some(),
                _ => true,
            };
            if repeated {
                return Err(literal.error("a dict of descr, fortran_order and shape alone"));
            }
            if !literal.accept(b',') {
                literal.expect(b'}', "the end of a dict")?;
                break;
            }
        }
        literal.end()?;
        let (Some(descr), Some(fortran_order), Some(shape)) = (descr, fortran_order, shape) else {
            return Err(literal.error("a dict of descr, fortran_order and shape"));
        };
        let (dtype, big_endian) = dtype(descr)?;
        Ok(Self { dtype, big_endian, fortran_order, shape })
    }

    /// Bytes of all elements.
    ///
    /// # Errors
    /// [`NpyError::TooLarge`] if the product exceeds 128 bits.
    pub fn data_len(&self) -> Result<u128, NpyError> {
        let sizes = self.shape.iter().map(|&size| size as u128);
        let product = sizes.into_iter().try_fold(self.dtype.size() as u128, u128::checked_mul);
        product.ok_or(NpyError::TooLarge)
    }

    /// The bytes of the header in version 1. Spaces at its end make the elements start at a
    /// multiple of 64 bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let order = match (self.dtype.size(), self.big_endian) {
            (1, _) => '|',
            (_, true) => '>',
            (_, false) => '<',
        };
        let fortran_order = if self.fortran_order { "True" } else { "False" };
        let sizes: Vec<String> = self.shape.iter().map(|size| format!("{size},")).collect();
        let mut text = format!(
            "{{'descr': '{order}{}', 'fortran_order': {fortran_order}, 'shape': ({}), }}",
            self.dtype.code(),
            sizes.join(" ")
        );
        let used = 10 + text.len() + 1;
        text.push_str(&" ".repeat(used.next_multiple_of(64) - used));
        text.push('\n');
        let len = u16::try_from(text.len()).expect("a header of a few axes is shorter than 64 KiB");
        [SIGNATURE, &b"\x01\x00"[..], &len.to_le_bytes(), text.as_bytes()].concat()
    }
}

/// Returns the type that `descr` names, and whether its highest byte is first.
fn dtype(descr: &[u8]) -> Result<(Dtype, bool), NpyError> {
    let (order, code) = descr.split_at(descr.len().min(1));
    if code.starts_with(b"O") {
        return Err(NpyError::Pickled);
    }
    let found = DTYPES.iter().find(|(_, of_dtype, _)| of_dtype.as_bytes() == code);
    match (found, order) {
        (Some(&(dtype, ..)), b"<") => Ok((dtype, false)),
        (Some(&(dtype, ..)), b">") => Ok((dtype, true)),
        (Some(&(dtype, ..)), b"|") if dtype.size() == 1 => Ok((dtype, false)),
        (None, b"|") if code == b"b1" => Err(NpyError::Boolean),
        _ => Err(NpyError::Dtype(String::from_utf8_lossy(descr).chars().take(SHOWN).collect())),
    }
}
