//! Reads and writes NumPy's `.npy` files (NumPy Enhancement Proposal 1, and
//! `numpy.lib.format`).
//!
//! A file is a signature, a version, the length of the header, the header, and the elements. The
//! header is a Python dict literal with the type, the order and the shape:
//!
//! ```text
//! {'descr': '<f4', 'fortran_order': False, 'shape': (60000, 28, 28), }
//! ```
//!
//! [`Reader`] reads versions 1 to 3, numbers of 8 to 64 bits ([`Dtype`]) in both byte orders, in C
//! order (last axis fastest) and in Fortran order (first axis fastest). The header may have at most
//! 64 KiB, and the shape must agree with the length of the file before anything is allocated.
//! [`write()`] writes version 1, lowest byte first, in C order.
//!
//! The values of images become bytes on a [`Scale`], which their [`Extent`] decides.
//!
//! This crate deliberately does not read pickled Python objects, which can run code. It is a crate
//! of its own because its loops over values need full optimisation.
//!
//! ```
//! use adjoint_npy::{Dtype, Reader};
//!
//! let mut file = Vec::new();
//! adjoint_npy::write(&mut file, Dtype::U8, &[2, 3], [Ok(vec![0, 1, 2, 3, 4, 5])])?;
//! let reader = Reader::new(&file[..], file.len() as u64)?;
//! assert_eq!(reader.header().shape, [2, 3]);
//! reader.floats(|index, value| assert_eq!(value, index as f64))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod header;
mod literal;
mod reader;
mod scale;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io::{self, Write};

pub use header::{Header, MAX_HEADER};
pub use reader::{Extent, Reader};
pub use scale::Scale;

/// The type of the elements of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dtype {
    /// Unsigned, 8 bits.
    U8,
    /// Unsigned, 16 bits.
    U16,
    /// Unsigned, 32 bits.
    U32,
    /// Unsigned, 64 bits.
    U64,
    /// Signed, 8 bits.
    I8,
    /// Signed, 16 bits.
    I16,
    /// Signed, 32 bits.
    I32,
    /// Signed, 64 bits.
    I64,
    /// Floating point, 16 bits (IEEE 754 binary16).
    F16,
    /// Floating point, 32 bits.
    F32,
    /// Floating point, 64 bits.
    F64,
}

/// All types, with the code and the name that NumPy uses.
const DTYPES: [(Dtype, &str, &str); 11] = [
    (Dtype::U8, "u1", "uint8"),
    (Dtype::U16, "u2", "uint16"),
    (Dtype::U32, "u4", "uint32"),
    (Dtype::U64, "u8", "uint64"),
    (Dtype::I8, "i1", "int8"),
    (Dtype::I16, "i2", "int16"),
    (Dtype::I32, "i4", "int32"),
    (Dtype::I64, "i8", "int64"),
    (Dtype::F16, "f2", "float16"),
    (Dtype::F32, "f4", "float32"),
    (Dtype::F64, "f8", "float64"),
];

impl Dtype {
    /// Bytes of an element.
    pub fn size(self) -> usize {
        usize::from(self.code().as_bytes()[1] - b'0')
    }

    /// Is it a floating-point type?
    pub fn is_float(self) -> bool {
        self.code().starts_with('f')
    }

    /// NumPy's code of the type without the byte order: a letter and the number of bytes.
    fn code(self) -> &'static str {
        self.names().0
    }

    fn names(self) -> (&'static str, &'static str) {
        let found = DTYPES.iter().find(|(dtype, ..)| *dtype == self);
        found.map(|&(_, code, name)| (code, name)).expect("the table has all types")
    }
}

/// The name that NumPy prints, such as `float32`.
impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.names().1)
    }
}

/// The reason why an array cannot be read. Each message is one line.
#[derive(Debug, thiserror::Error)]
pub enum NpyError {
    /// Reading failed.
    #[error("{0}")]
    Io(io::Error),
    /// The content ends before the end of the header or of the elements.
    #[error("it ends early")]
    CutShort,
    /// The content does not start with the signature of a NumPy file.
    #[error("it is not a NumPy file; write one with numpy.save")]
    Signature,
    /// The version of the format is not supported.
    #[error("its format version is {0}.{1}, but only the versions 1.0, 2.0 and 3.0 are known")]
    Version(u8, u8),
    /// The header is longer than [`MAX_HEADER`].
    #[error("its header has {0} bytes, more than {MAX_HEADER}")]
    HeaderTooLong(u32),
    /// The header is not the dict literal that NumPy writes.
    #[error("byte {at} of its header is not {expected}")]
    Header {
        /// The first byte of the header that is wrong, from 0.
        at: usize,
        /// What was expected there.
        expected: &'static str,
    },
    /// The elements are Python objects.
    #[error("its elements are pickled Python objects, which are not read; save an array of numbers")]
    Pickled,
    /// The elements are structures.
    #[error("its elements are structures (a structured dtype); save each field as an array of numbers")]
    Structured,
    /// The elements are booleans.
    #[error("its elements are booleans; save images as array.astype('uint8') * 255, and labels as integers")]
    Boolean,
    /// The elements are not numbers of 8 to 64 bits. The text is the dtype as it is in the header.
    #[error("its elements have the dtype {0:?}, not integers of 8 to 64 bits or float16, float32 or float64")]
    Dtype(String),
    /// The number of bytes of elements is not the number that the header announces.
    #[error("its header announces {announced} bytes of elements but {found} follow")]
    Length {
        /// The product of the sizes in the header and the size of an element.
        announced: u128,
        /// Number of bytes after the header.
        found: u64,
    },
    /// The product of the sizes in the header that are not 0 is too large for any file.
    #[error("the shape in its header is larger than any file")]
    TooLarge,
}

impl From<io::Error> for NpyError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::CutShort,
            _ => Self::Io(error),
        }
    }
}

/// Writes an array to `out`. `parts` are the bytes of the elements in C order, lowest byte first.
/// Each part is computed when it is written.
///
/// # Errors
/// If `out` or a part fails.
///
/// # Panics
/// If the parts together do not have the length that `dtype` and `shape` require.
pub fn write(
    out: &mut dyn Write,
    dtype: Dtype,
    shape: &[usize],
    parts: impl IntoIterator<Item = io::Result<Vec<u8>>>,
) -> io::Result<()> {
    let header = Header { dtype, big_endian: false, fortran_order: false, shape: shape.to_vec() };
    out.write_all(&header.to_bytes())?;
    let mut written = 0;
    for part in parts {
        let part = part?;
        out.write_all(&part)?;
        written += part.len();
    }
    assert_eq!(written, dtype.size() * shape.iter().product::<usize>(), "bytes of {dtype} {shape:?}");
    Ok(())
}
