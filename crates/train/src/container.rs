//! The safetensors container, for f32 tensors: eight bytes of header length, a JSON header, the values.
//!
//! Two things the crate of that name doesn't give: the same content makes the same bytes (its metadata is a hash map),
//! and a *seal*, a SHA-256 over the whole file that stands in its own metadata. Files written here are read by
//! every safetensors reader. A header is never trusted: nothing is allocated that the file's length doesn't cover.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use adjoint_tensor::{Shape, Tensor};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Error, NamedTensors};

/// Metadata key of the seal.
const SEAL: &str = "sha256";
/// What stands in the seal's place while the seal is computed: 64 hexadecimal digits.
const BLANK: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// Longest header that is read, far above what a model of four-dimensional tensors needs.
const MAX_HEADER: u64 = 16 << 20;

/// Free text beside the tensors.
pub(crate) type Metadata = BTreeMap<String, String>;

/// A container in memory.
#[derive(Debug)]
pub(crate) struct Container {
    pub(crate) metadata: Metadata,
    /// In the order of the file, that is of their names if the file was written here.
    pub(crate) tensors: NamedTensors,
}

#[derive(Serialize, Deserialize)]
struct Header {
    #[serde(rename = "__metadata__", default)]
    metadata: Metadata,
    #[serde(flatten)]
    tensors: BTreeMap<String, Entry>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [u64; 2],
}

/// Writes tensors, sorted by name. The bytes depend on the arguments alone.
pub(crate) fn write(out: &mut dyn Write, metadata: &Metadata, tensors: &NamedTensors) -> io::Result<()> {
    let tensors = sorted(tensors);
    each_part(&header(metadata, &tensors)?, &tensors, |bytes| out.write_all(bytes))
}

/// Like [`write`], with a seal by which [`read`] notices any changed bit.
pub(crate) fn write_sealed(
    out: &mut dyn Write,
    metadata: &Metadata,
    tensors: &NamedTensors,
) -> io::Result<()> {
    let tensors = sorted(tensors);
    let mut metadata = metadata.clone();
    metadata.insert(SEAL.into(), BLANK.into());
    let blank = header(&metadata, &tensors)?;
    let mut hash = Sha256::new();
    each_part(&blank, &tensors, |bytes| {
        hash.update(bytes);
        Ok(())
    })?;
    metadata.insert(SEAL.into(), hex(&hash.finalize()));
    each_part(&header(&metadata, &tensors)?, &tensors, |bytes| out.write_all(bytes))
}

fn sorted(tensors: &NamedTensors) -> NamedTensors {
    let mut tensors = tensors.clone();
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    if let Some(pair) = tensors.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        panic!("two tensors of one state are named `{}`", pair[0].0);
    }
    tensors
}

fn header(metadata: &Metadata, tensors: &NamedTensors) -> io::Result<Vec<u8>> {
    let mut end = 0;
    let entry = |(name, tensor): &(String, Tensor<f32>)| {
        let start = end;
        end += 4 * tensor.len() as u64;
        let shape = tensor.dims().to_vec();
        (name.clone(), Entry { dtype: "F32".into(), shape, data_offsets: [start, end] })
    };
    let header = Header { metadata: metadata.clone(), tensors: tensors.iter().map(entry).collect() };
    let mut bytes = serde_json::to_vec(&header)?;
    bytes.resize(bytes.len().next_multiple_of(8), b' ');
    Ok(bytes)
}

/// Hands out the bytes of a container from the first to the last.
fn each_part(
    header: &[u8],
    tensors: &NamedTensors,
    mut take: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    take(&(header.len() as u64).to_le_bytes())?;
    take(header)?;
    let mut bytes = Vec::new();
    for (_, tensor) in tensors {
        for chunk in tensor.data().chunks(1 << 14) {
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

/// Reads a container and checks its seal if it has one.
///
/// # Errors
/// [`Error::Io`] if the file can't be read; [`Error::Unreadable`] if it is no sound container of f32 tensors.
pub(crate) fn read(path: &Path) -> Result<Container, Error> {
    let mut file = File::open(path).map_err(Error::io("open", path))?;
    let stat = file.metadata().map_err(Error::io("read", path))?;
    let parts = if stat.is_file() {
        read_parts(&mut BufReader::new(&mut file), stat.len())
    } else {
        Err(Problem::Format("not a file".into()))
    };
    parts.map_err(|problem| match problem {
        Problem::Io(cause) => Error::Io { action: "read", path: path.to_path_buf(), cause },
        Problem::Format(problem) => Error::Unreadable { path: path.to_path_buf(), problem },
    })
}

enum Problem {
    Io(io::Error),
    Format(String),
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn format_problem<T>(problem: impl Into<String>) -> Result<T, Problem> {
    Err(Problem::Format(problem.into()))
}

fn read_parts(file: &mut dyn Read, length: u64) -> Result<Container, Problem> {
    if length < 8 {
        return format_problem(format!("truncated or not a safetensors file ({length} bytes)"));
    }
    let mut prefix = [0; 8];
    file.read_exact(&mut prefix)?;
    let header_length = u64::from_le_bytes(prefix);
    if header_length > MAX_HEADER || header_length > length - 8 {
        return format_problem(
            "truncated or not a safetensors file (its header would be longer than the file)",
        );
    }
    let mut header_bytes = vec![0; header_length as usize];
    file.read_exact(&mut header_bytes)?;
    let header: Header = match serde_json::from_slice(&header_bytes) {
        Ok(header) => header,
        Err(error) => return format_problem(format!("damaged or not a safetensors file (header: {error})")),
    };
    let entries = checked_entries(header.tensors, length - 8 - header_length)?;

    let seal = header.metadata.get(SEAL).cloned();
    let mut hash = Sha256::new();
    hash.update(prefix);
    hash.update(blanked(&header_bytes, seal.as_deref()));
    let mut tensors = Vec::with_capacity(entries.len());
    for (name, entry) in entries {
        tensors.push((name, read_tensor(file, &entry, &mut hash)?));
    }
    if seal.is_some_and(|seal| seal != hex(&hash.finalize())) {
        return format_problem("damaged: its content does not match its SHA-256");
    }
    Ok(Container { metadata: header.metadata, tensors })
}

/// The entries in the order of their values, if those are f32, of a shape we can hold, and fill the file exactly.
fn checked_entries(tensors: BTreeMap<String, Entry>, payload: u64) -> Result<Vec<(String, Entry)>, Problem> {
    let mut entries: Vec<_> = tensors.into_iter().collect();
    entries.sort_by_key(|(_, entry)| entry.data_offsets);
    let mut covered = 0;
    for (name, entry) in &entries {
        let Entry { dtype, shape, data_offsets: [start, end] } = entry;
        if dtype != "F32" {
            return format_problem(format!("tensor `{name}` is of type {dtype}; only F32 can be read"));
        }
        if shape.len() > 4 {
            return format_problem(format!(
                "tensor `{name}` has shape {shape:?}; at most 4 dimensions can be read"
            ));
        }
        let bytes = shape.iter().try_fold(4_u64, |bytes, &dim| bytes.checked_mul(dim as u64));
        if *start != covered || bytes.and_then(|bytes| start.checked_add(bytes)) != Some(*end) {
            return format_problem(format!("damaged: the place of tensor `{name}` does not fit its shape"));
        }
        covered = *end;
    }
    if covered != payload {
        return format_problem(format!(
            "truncated or damaged: {covered} bytes of values expected, {payload} found"
        ));
    }
    Ok(entries)
}

/// The header as it was when the seal was computed. Quotes within JSON strings are escaped, so the first match is it.
fn blanked(header: &[u8], seal: Option<&str>) -> Vec<u8> {
    let mut header = header.to_vec();
    if let Some(seal) = seal {
        let sealed = format!("\"{SEAL}\":\"{seal}\"").into_bytes();
        if let Some(at) = header.windows(sealed.len()).position(|window| window == sealed) {
            header.splice(at..at + sealed.len(), format!("\"{SEAL}\":\"{BLANK}\"").into_bytes());
        }
    }
    header
}

fn read_tensor(file: &mut dyn Read, entry: &Entry, hash: &mut Sha256) -> io::Result<Tensor<f32>> {
    let mut bytes = vec![0; (entry.data_offsets[1] - entry.data_offsets[0]) as usize];
    file.read_exact(&mut bytes)?;
    hash.update(&bytes);
    Ok(Tensor::build(Shape::new(&entry.shape), |values| {
        for (value, bytes) in values.iter_mut().zip(bytes.as_chunks().0) {
            *value = f32::from_le_bytes(*bytes);
        }
    }))
}
