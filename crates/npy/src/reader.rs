//! Reads the elements of an array one after another, in constant memory.

use std::io::Read;

use crate::{Dtype, Header, NpyError, Scale};

/// Elements that are decoded at once.
const CHUNK: usize = 1 << 13;

/// An array whose header has been read and agrees with the length of the file.
pub struct Reader<'a> {
    file: Box<dyn Read + 'a>,
    header: Header,
    /// Number of elements that have not been read.
    left: usize,
}

/// The least and the greatest value of an array.
#[derive(Clone, Debug, PartialEq)]
pub struct Extent {
    /// The least value.
    pub min: f64,
    /// The greatest value.
    pub max: f64,
    /// The indices of the first value in C order that is not finite, and this value.
    pub not_finite: Option<(Vec<usize>, f64)>,
}

impl<'a> Reader<'a> {
    /// Reads the header. `len` is the length of the whole file in bytes.
    ///
    /// # Errors
    /// [`NpyError`] if the header is not valid, or if the elements that it announces do not have
    /// exactly the bytes that follow.
    pub fn new(file: impl Read + 'a, len: u64) -> Result<Self, NpyError> {
        let mut file: Box<dyn Read> = Box::new(file);
        let (header, start) = Header::read(&mut file)?;
        let (announced, found) = (header.data_len()?, len.saturating_sub(start));
        if announced != u128::from(found) {
            return Err(NpyError::Length { announced, found });
        }
        // The product of a shape with a 0 is 0, but the product of its other sizes may overflow.
        let sizes = header.shape.iter().filter(|&&size| size > 0);
        let product =
            sizes.into_iter().try_fold(header.dtype.size(), |product, &size| product.checked_mul(size));
        product.ok_or(NpyError::TooLarge)?;
        let left = header.shape.iter().product();
        Ok(Self { file, header, left })
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Calls `each` for all elements in the order of the file. Its arguments are the index of an
    /// element in C order and the value. Integers above 2^53 are rounded.
    ///
    /// # Errors
    /// [`NpyError`] if the file cannot be read or has not the announced length.
    pub fn floats(self, each: impl FnMut(usize, f64)) -> Result<(), NpyError> {
        self.decode(decode_numbers, each)
    }

    /// Returns the extent of the values.
    ///
    /// # Errors
    /// As for [`floats`](Self::floats).
    pub fn extent(self) -> Result<Extent, NpyError> {
        let mut sizes = self.header.shape.clone();
        let (mut min, mut max, mut wrong) = (f64::INFINITY, f64::NEG_INFINITY, None::<(usize, f64)>);
        self.floats(|index, value| {
            (min, max) = (min.min(value), max.max(value));
            // In Fortran order, the first element of the file may not be the first in C order.
            if !value.is_finite() && wrong.is_none_or(|(first, _)| index < first) {
                wrong = Some((index, value));
            }
        })?;
        let not_finite = wrong.map(|(mut at, value)| {
            for size in sizes.iter_mut().rev() {
                (*size, at) = (at % *size, at / *size);
            }
            (sizes, value)
        });
        Ok(Extent { min, max, not_finite })
    }

    /// Writes the bytes of values on `scale` into `bytes`: those from index `first` in C order on.
    /// Bytes after the last value stay. The whole array is read, so
    /// [`next_bytes`](Self::next_bytes) is better for one in C order.
    ///
    /// # Errors
    /// As for [`floats`](Self::floats).
    pub fn to_bytes(self, scale: Scale, first: usize, bytes: &mut [u8]) -> Result<(), NpyError> {
        let range = first..first + bytes.len();
        let mut keep = |index: usize, byte| {
            if range.contains(&index) {
                bytes[index - first] = byte;
            }
        };
        match self.header.dtype {
            Dtype::U8 if scale == Scale::Bytes => {
                self.decode(|_, read, values| values.extend_from_slice(read), keep)
            }
            _ => self.floats(|index, value| keep(index, scale.byte(value))),
        }
    }

    /// Writes the bytes of the next `bytes.len()` values on `scale`, in the order of the file, into
    /// `bytes`. Call [`finish`](Self::finish) after the last ones.
    ///
    /// # Errors
    /// [`NpyError`] if the file cannot be read or ends early.
    ///
    /// # Panics
    /// If fewer values are left.
    #[track_caller]
    pub fn next_bytes(&mut self, scale: Scale, bytes: &mut [u8]) -> Result<(), NpyError> {
        let left = self.left.checked_sub(bytes.len());
        self.left = left.unwrap_or_else(|| panic!("{} values of {}", bytes.len(), self.left));
        if self.header.dtype == Dtype::U8 && scale == Scale::Bytes {
            return Ok(self.file.read_exact(bytes)?);
        }
        let size = self.header.dtype.size();
        let (mut read, mut values) = (vec![0; bytes.len().min(CHUNK) * size], Vec::new());
        for bytes in bytes.chunks_mut(CHUNK) {
            let read = &mut read[..bytes.len() * size];
            self.file.read_exact(read)?;
            values.clear();
            decode_numbers(&self.header, read, &mut values);
            bytes.iter_mut().zip(&values).for_each(|(byte, &value)| *byte = scale.byte(value));
        }
        Ok(())
    }

    /// Checks that the file ends after the elements that have been read.
    ///
    /// # Errors
    /// [`NpyError`] if the file cannot be read or is longer than announced.
    pub fn finish(mut self) -> Result<(), NpyError> {
        // A compressed file verifies its checksum only when its end is read.
        match self.file.read(&mut [0])? {
            0 => Ok(()),
            _ => {
                let announced = self.header.data_len()?;
                Err(NpyError::Length { announced, found: announced as u64 + 1 })
            }
        }
    }

    /// Calls `each` for all elements like [`floats`](Self::floats), for integers of any size.
    ///
    /// # Errors
    /// As for [`floats`](Self::floats).
    ///
    /// # Panics
    /// If the elements are floating-point numbers.
    #[track_caller]
    pub fn integers(self, each: impl FnMut(usize, i128)) -> Result<(), NpyError> {
        assert!(!self.header.dtype.is_float(), "an array of {} as integers", self.header.dtype);
        self.decode(decode_integers, each)
    }

    /// Decodes all elements in chunks.
    fn decode<T: Copy>(
        mut self,
        decode: impl Fn(&Header, &[u8], &mut Vec<T>),
        mut each: impl FnMut(usize, T),
    ) -> Result<(), NpyError> {
        let size = self.header.dtype.size();
        let mut indices = Indices::new(&self.header);
        let mut bytes = vec![0; self.left.min(CHUNK) * size];
        let mut values = Vec::with_capacity(self.left.min(CHUNK));
        while self.left > 0 {
            let bytes = &mut bytes[..self.left.min(CHUNK) * size];
            self.file.read_exact(bytes)?;
            decode(&self.header, bytes, &mut values);
            values.drain(..).for_each(|value| each(indices.next(), value));
            self.left -= bytes.len() / size;
        }
        self.finish()
    }
}

/// The indices in C order of the elements of a file.
struct Indices {
    /// Size, step of the index and position of each axis, fastest axis of the file first. Empty for
    /// a file in C order.
    axes: Vec<Axis>,
    index: usize,
}

struct Axis {
    size: usize,
    step: usize,
    at: usize,
}

impl Indices {
    fn new(header: &Header) -> Self {
        let mut axes = vec![];
        if header.fortran_order {
            let mut step = header.shape.iter().product::<usize>();
            for &size in &header.shape {
                step = step.checked_div(size).unwrap_or(0);
                axes.push(Axis { size, step, at: 0 });
            }
        }
        Self { axes, index: 0 }
    }

    /// Returns the index of the next element.
    fn next(&mut self) -> usize {
        let index = self.index;
        if self.axes.is_empty() {
            self.index += 1;
        }
        for axis in &mut self.axes {
            axis.at += 1;
            self.index += axis.step;
            if axis.at < axis.size {
                break;
            }
            self.index -= axis.at * axis.step;
            axis.at = 0;
        }
        index
    }
}

/// Returns the elements of `N` bytes, lowest byte first.
fn elements<const N: usize>(header: &Header, bytes: &[u8]) -> impl Iterator<Item = [u8; N]> {
    let big_endian = header.big_endian;
    bytes.as_chunks::<N>().0.iter().map(move |&element| {
        let mut element = element;
        if big_endian {
            element.reverse();
        }
        element
    })
}

/// Decodes numbers of any type. Integers above 2^53 are rounded.
fn decode_numbers(header: &Header, bytes: &[u8], values: &mut Vec<f64>) {
    if header.dtype.is_float() {
        return decode_floats(header, bytes, values);
    }
    let mut integers = Vec::with_capacity(bytes.len() / header.dtype.size());
    decode_integers(header, bytes, &mut integers);
    values.extend(integers.into_iter().map(|value| value as f64));
}

fn decode_floats(header: &Header, bytes: &[u8], values: &mut Vec<f64>) {
    match header.dtype {
        Dtype::F16 => values.extend(elements(header, bytes).map(|e| half(u16::from_le_bytes(e)))),
        Dtype::F32 => values.extend(elements(header, bytes).map(|e| f64::from(f32::from_le_bytes(e)))),
        Dtype::F64 => values.extend(elements(header, bytes).map(f64::from_le_bytes)),
        dtype => unreachable!("{dtype} is not a floating-point type"),
    }
}

fn decode_integers(header: &Header, bytes: &[u8], values: &mut Vec<i128>) {
    match header.dtype {
        Dtype::U8 => values.extend(bytes.iter().map(|&e| i128::from(e))),
        Dtype::U16 => values.extend(elements(header, bytes).map(|e| i128::from(u16::from_le_bytes(e)))),
        Dtype::U32 => values.extend(elements(header, bytes).map(|e| i128::from(u32::from_le_bytes(e)))),
        Dtype::U64 => values.extend(elements(header, bytes).map(|e| i128::from(u64::from_le_bytes(e)))),
        Dtype::I8 => values.extend(elements(header, bytes).map(|e| i128::from(i8::from_le_bytes(e)))),
        Dtype::I16 => values.extend(elements(header, bytes).map(|e| i128::from(i16::from_le_bytes(e)))),
        Dtype::I32 => values.extend(elements(header, bytes).map(|e| i128::from(i32::from_le_bytes(e)))),
        Dtype::I64 => values.extend(elements(header, bytes).map(|e| i128::from(i64::from_le_bytes(e)))),
        Dtype::F16 | Dtype::F32 | Dtype::F64 => unreachable!("{} is not an integer type", header.dtype),
    }
}

/// The value of an IEEE 754 binary16 number: 1 bit of sign, 5 of exponent, 10 of mantissa.
fn half(bits: u16) -> f64 {
    let (exponent, mantissa) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    let magnitude = match exponent {
        0 => mantissa * 2.0_f64.powi(-24),
        0x1f if mantissa == 0.0 => f64::INFINITY,
        0x1f => f64::NAN,
        _ => (1024.0 + mantissa) * 2.0_f64.powi(exponent - 25),
    };
    if bits >> 15 == 0 { magnitude } else { -magnitude }
}
