//! The safetensors container: eight bytes with the length of the header, a JSON header and the
//! values of the tensors.
//!
//! The `safetensors` crate parses the header. This module writes files itself, for two properties
//! that the crate does not provide. First, the same content gives the same bytes, whereas the crate
//! stores metadata in a hash map. Second, a file can have a *seal*, which is a SHA-256 in its
//! metadata. It is computed from the whole file with 64 zeros in place of the seal. Then it
//! replaces the zeros. A reader puts the zeros back, computes the SHA-256 again and compares it
//! with the seal.
//!
//! The header is not trusted: no allocation is larger than the length of the file allows. Tensors
//! are read one after another, without a copy of the file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use adjoint_tensor::{Shape, Tensor};
use safetensors::tensor::{Dtype, Metadata as Layout, TensorInfo};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{Error, NamedTensors};

/// Metadata key of the seal.
const SEAL: &str = "sha256";
/// The value in place of the seal while the seal is computed: 64 hexadecimal digits.
const PLACEHOLDER: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// Maximum length of a header, as in the reference implementation of the format.
const MAX_HEADER: u64 = 100_000_000;
/// Number of values that are read and converted at once.
const CHUNK: usize = 1 << 14;

/// Text entries that are stored beside the tensors.
pub(crate) type Metadata = BTreeMap<String, String>;

/// The content of a safetensors container.
#[derive(Debug)]
pub(crate) struct Container {
    pub(crate) metadata: Metadata,
    /// The tensors, sorted by name.
    pub(crate) tensors: NamedTensors,
    /// The names of the tensors that have integers in the file.
    pub(crate) integers: Vec<String>,
    /// Whether the file has a seal that matches its content.
    pub(crate) sealed: bool,
}

#[derive(Serialize)]
struct Header<'a> {
    #[serde(rename = "__metadata__")]
    metadata: &'a Metadata,
    #[serde(flatten)]
    tensors: BTreeMap<&'a str, TensorInfo>,
}

/// Writes tensors, sorted by name. The bytes depend only on the arguments. If `sealed` is true, the
/// file gets a seal, by which [`read`] detects any changed bit.
pub(crate) fn write(
    out: &mut dyn Write,
    mut metadata: Metadata,
    tensors: &NamedTensors,
    sealed: bool,
) -> io::Result<()> {
    let mut tensors = tensors.clone();
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    if let Some(pair) = tensors.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        panic!("two tensors of one state are named `{}`", pair[0].0);
    }
    if sealed {
        metadata.insert(SEAL.into(), PLACEHOLDER.into());
        let mut hash = Sha256::new();
        each_part(&header(&metadata, &tensors)?, &tensors, |bytes| {
            hash.update(bytes);
            Ok(())
        })?;
        metadata.insert(SEAL.into(), hex(&hash.finalize()));
    }
    each_part(&header(&metadata, &tensors)?, &tensors, |bytes| out.write_all(bytes))
}

fn header(metadata: &Metadata, tensors: &NamedTensors) -> io::Result<Vec<u8>> {
    let mut header = Header { metadata, tensors: BTreeMap::new() };
    let mut end = 0;
    for (name, tensor) in tensors {
        let data_offsets = (end, end + 4 * tensor.len());
        end = data_offsets.1;
        let info = TensorInfo { dtype: Dtype::F32, shape: tensor.dims().to_vec(), data_offsets };
        header.tensors.insert(name, info);
    }
    let mut bytes = serde_json::to_vec(&header)?;
    bytes.resize(bytes.len().next_multiple_of(8), b' ');
    Ok(bytes)
}

/// Calls `take` with the bytes of a container, part by part.
fn each_part(
    header: &[u8],
    tensors: &NamedTensors,
    mut take: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    take(&(header.len() as u64).to_le_bytes())?;
    take(header)?;
    let mut bytes = Vec::new();
    for (_, tensor) in tensors {
        for chunk in tensor.data().chunks(CHUNK) {
            bytes.clear();
            bytes.extend(chunk.iter().flat_map(|value| value.to_le_bytes()));
            take(&bytes)?;
        }
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads a container that any program wrote. Only the seal is interpreted, no other metadata.
///
/// # Errors
/// [`Error::Io`] if the file can't be read. [`Error::File`] if the file is not a valid
/// container, if a tensor is too large, or if its type can't be converted to `f32`.
pub(crate) fn read(path: &Path) -> Result<Container, Error> {
    let unreadable = |problem: String| Error::file(path, problem);
    let file = File::open(path).map_err(Error::io("open", path))?;
    let stat = file.metadata().map_err(Error::io("read", path))?;
    if !stat.is_file() {
        return Err(unreadable("not a file".into()));
    }
    let (mut source, length) = (Source { path, file: BufReader::new(file), hash: None }, stat.len());
    if length < 8 {
        return Err(unreadable(format!("truncated or not a safetensors file ({length} bytes)")));
    }
    let mut prefix = [0; 8];
    source.fill(&mut prefix)?;
    let header_length = u64::from_le_bytes(prefix);
    if header_length > MAX_HEADER || header_length > length - 8 {
        let problem = "truncated or not a safetensors file (its header would be longer than the file)";
        return Err(unreadable(problem.into()));
    }
    let mut header = vec![0; header_length as usize];
    source.fill(&mut header)?;
    // This also checks that the offsets match the types and shapes and leave no gap.
    let layout: Layout = serde_json::from_slice(&header)
        .map_err(|error| unreadable(format!("damaged or not a safetensors file (header: {error})")))?;
    let (expected, found) = (layout.data_len() as u64, length - 8 - header_length);
    if expected != found {
        let problem = format!("truncated or damaged: {expected} bytes of values expected, {found} found");
        return Err(unreadable(problem));
    }
    let pairs = layout.metadata().iter().flatten();
    let metadata: Metadata = pairs.map(|(key, value)| (key.clone(), value.clone())).collect();
    let seal = metadata.get(SEAL);
    source.hash =
        seal.map(|seal| Sha256::new().chain_update(prefix).chain_update(with_placeholder(&header, seal)));
    let (mut tensors, mut integers) = (NamedTensors::new(), vec![]);
    for name in layout.offset_keys() {
        let info = layout.info(&name).expect("the layout contains its own names");
        let tensor = source.tensor(&name, info)?;
        if !matches!(info.dtype, Dtype::F16 | Dtype::BF16 | Dtype::F32 | Dtype::F64) {
            integers.push(name.clone());
        }
        tensors.push((name, tensor));
    }
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    let sealed = source.hash.is_some_and(|hash| seal == Some(&hex(&hash.finalize())));
    Ok(Container { metadata, tensors, integers, sealed })
}

/// Returns the header with the placeholder in place of the seal, as it was when the seal was
/// computed. The text that is searched contains quotes. Quotes within JSON strings are escaped, so
/// no string in the header contains this text.
fn with_placeholder(header: &[u8], seal: &str) -> String {
    let entry = |seal: &str| format!("\"{SEAL}\":\"{seal}\"");
    String::from_utf8_lossy(header).replacen(&entry(seal), &entry(PLACEHOLDER), 1)
}

/// A file that is read sequentially from the start.
struct Source<'a> {
    path: &'a Path,
    file: BufReader<File>,
    /// The hash of the bytes read so far, with the placeholder in place of the seal. `None` if the
    /// file has no seal.
    hash: Option<Sha256>,
}

impl Source<'_> {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        self.file.read_exact(bytes).map_err(Error::io("read", self.path))?;
        self.hash.iter_mut().for_each(|hash| hash.update(&*bytes));
        Ok(())
    }

    /// Reads the next tensor chunk by chunk.
    fn tensor(&mut self, name: &str, info: &TensorInfo) -> Result<Tensor<f32>, Error> {
        let TensorInfo { dtype, shape: dims, .. } = info;
        let unreadable = |problem| Err(Error::file(self.path, format!("tensor `{name}` {problem}")));
        let Some(shape) = Shape::checked(dims) else {
            let most = "at most 4 dimensions, and sizes that memory can address, can be read";
            return unreadable(format!("has shape {dims:?}; {most}"));
        };
        let Some(convert) = converter(*dtype) else {
            let readable = "integers, BOOL, F16, BF16, F32 and F64 can be read";
            return unreadable(format!("is of type {dtype}; {readable}"));
        };
        let mut bytes = vec![0; CHUNK.min(shape.len()) * dtype.bitsize() / 8];
        let mut read = Ok(());
        let tensor = Tensor::build(shape, |values: &mut [f32]| {
            for values in values.chunks_mut(CHUNK) {
                let bytes = &mut bytes[..values.len() * dtype.bitsize() / 8];
                read = self.fill(bytes);
                if read.is_err() {
                    return;
                }
                convert(bytes, values);
            }
        });
        read.map(|()| tensor)
    }
}

/// Reads numbers from little-endian bytes and writes the nearest `f32` of each number.
type Convert = fn(&[u8], &mut [f32]);

/// Returns the conversion from a type of numbers to `f32`. Returns `None` if there is none.
fn converter(dtype: Dtype) -> Option<Convert> {
    fn each<const N: usize>(bytes: &[u8], values: &mut [f32], number: impl Fn([u8; N]) -> f32) {
        for (value, bytes) in values.iter_mut().zip(bytes.as_chunks().0) {
            *value = number(*bytes);
        }
    }
    Some(match dtype {
        Dtype::F32 => |bytes, values| each(bytes, values, f32::from_le_bytes),
        Dtype::F64 => |bytes, values| each(bytes, values, |b| f64::from_le_bytes(b) as f32),
        Dtype::F16 => |bytes, values| each(bytes, values, |b| half(u16::from_le_bytes(b))),
        Dtype::BF16 => |bytes, values| each(bytes, values, |[a, b]| f32::from_le_bytes([0, 0, a, b])),
        Dtype::I64 => |bytes, values| each(bytes, values, |b| i64::from_le_bytes(b) as f32),
        Dtype::I32 => |bytes, values| each(bytes, values, |b| i32::from_le_bytes(b) as f32),
        Dtype::I16 => |bytes, values| each(bytes, values, |b| i16::from_le_bytes(b).into()),
        Dtype::I8 => |bytes, values| each(bytes, values, |b| i8::from_le_bytes(b).into()),
        Dtype::U64 => |bytes, values| each(bytes, values, |b| u64::from_le_bytes(b) as f32),
        Dtype::U32 => |bytes, values| each(bytes, values, |b| u32::from_le_bytes(b) as f32),
        Dtype::U16 => |bytes, values| each(bytes, values, |b| u16::from_le_bytes(b).into()),
        Dtype::U8 | Dtype::BOOL => |bytes, values| each(bytes, values, |[b]| b.into()),
        _ => return None,
    })
}

/// Converts the bits of an IEEE 754 binary16 number. The conversion to `f32` is exact.
fn half(bits: u16) -> f32 {
    let (exponent, fraction) = (u32::from(bits >> 10 & 31), u32::from(bits & 1023));
    let magnitude = match exponent {
        0 => fraction as f32 / (1 << 24) as f32,
        31 => f32::from_bits(0xff << 23 | fraction << 13),
        _ => f32::from_bits((exponent + 127 - 15) << 23 | fraction << 13),
    };
    if bits >> 15 == 1 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_exact() {
        for bits in 0..=u16::MAX {
            let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023) / 1024.0);
            let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
            let found = f64::from(half(bits));
            match exponent {
                0 => assert_eq!(found.to_bits(), (sign * fraction * 2f64.powi(-14)).to_bits()),
                31 if fraction == 0.0 => assert_eq!(found, sign * f64::INFINITY),
                31 => assert!(found.is_nan()),
                _ => assert_eq!(found, sign * (1.0 + fraction) * 2f64.powi(exponent - 15)),
            }
        }
    }
}
