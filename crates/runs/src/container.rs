//! The safetensors container: eight bytes of header length, a JSON header, the values.
//!
//! The crate of that name reads the header. Files are written here, for two things that it doesn't
//! give: the same content makes the same bytes (its metadata is a hash map), and a *seal*, a
//! SHA-256 over the whole file that stands in its own metadata. A header is never trusted: nothing
//! is allocated that the file's length doesn't cover. Tensors are read one after another, without a
//! copy of the file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use adjoint_tensor::{Shape, Tensor};
use safetensors::tensor::{Metadata as Layout, TensorInfo};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::numbers::converter;
use crate::{Error, NamedTensors};

/// Metadata key of the seal.
const SEAL: &str = "sha256";
/// What stands in the seal's place while the seal is computed: 64 hexadecimal digits.
const BLANK: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// Longest header that is read, which is the limit of the format's reference implementation.
const MAX_HEADER: u64 = 100_000_000;
/// Numbers that are read and converted at once.
const CHUNK: usize = 1 << 14;

/// Free text beside the tensors.
pub(crate) type Metadata = BTreeMap<String, String>;

/// A container in memory.
#[derive(Debug)]
pub(crate) struct Container {
    pub(crate) metadata: Metadata,
    /// In the order of their names.
    pub(crate) tensors: NamedTensors,
    /// Does it have a seal, and is its content what was sealed?
    pub(crate) sealed: bool,
}

#[derive(Serialize)]
struct Header {
    #[serde(rename = "__metadata__")]
    metadata: Metadata,
    #[serde(flatten)]
    tensors: BTreeMap<String, Entry>,
}

#[derive(Serialize)]
struct Entry {
    dtype: &'static str,
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
        (name.clone(), Entry { dtype: "F32", shape, data_offsets: [start, end] })
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

/// Reads a container of any writer. Its metadata mean nothing here, the seal aside.
///
/// # Errors
/// [`Error::Io`] if the file can't be read; [`Error::Unreadable`] if it is no sound container of
/// tensors that we can hold, of a type that `f32` can stand for.
pub(crate) fn read(path: &Path) -> Result<Container, Error> {
    let unreadable = |problem: String| Err(Error::unreadable(path, problem));
    let file = File::open(path).map_err(Error::io("open", path))?;
    let stat = file.metadata().map_err(Error::io("read", path))?;
    if !stat.is_file() {
        return unreadable("not a file".into());
    }
    let (mut source, length) = (Source { path, file: BufReader::new(file), hash: None }, stat.len());
    if length < 8 {
        return unreadable(format!("truncated or not a safetensors file ({length} bytes)"));
    }
    let mut prefix = [0; 8];
    source.fill(&mut prefix)?;
    let header_length = u64::from_le_bytes(prefix);
    if header_length > MAX_HEADER || header_length > length - 8 {
        let problem = "truncated or not a safetensors file (its header would be longer than the file)";
        return unreadable(problem.into());
    }
    let mut header = vec![0; header_length as usize];
    source.fill(&mut header)?;
    // Checks, too, that offsets fit types and shapes and leave no gap.
    let layout: Layout = match serde_json::from_slice(&header) {
        Ok(layout) => layout,
        Err(error) => return unreadable(format!("damaged or not a safetensors file (header: {error})")),
    };
    let (expected, found) = (layout.data_len() as u64, length - 8 - header_length);
    if expected != found {
        return unreadable(format!(
            "truncated or damaged: {expected} bytes of values expected, {found} found"
        ));
    }
    let pairs = layout.metadata().iter().flatten();
    let metadata: Metadata = pairs.map(|(key, value)| (key.clone(), value.clone())).collect();
    let seal = metadata.get(SEAL);
    source.hash = seal.map(|seal| Sha256::new().chain_update(prefix).chain_update(blanked(header, seal)));
    let mut tensors = NamedTensors::new();
    for name in layout.offset_keys() {
        let info = layout.info(&name).expect("a name of the layout is in it");
        let tensor = source.tensor(&name, info)?;
        tensors.push((name, tensor));
    }
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    let sealed = source.hash.is_some_and(|hash| seal == Some(&hex(&hash.finalize())));
    Ok(Container { metadata, tensors, sealed })
}

/// The header as it was when the seal was computed. Quotes within JSON strings are escaped, so the
/// first match is it.
fn blanked(mut header: Vec<u8>, seal: &str) -> Vec<u8> {
    let sealed = format!("\"{SEAL}\":\"{seal}\"").into_bytes();
    if let Some(at) = header.windows(sealed.len()).position(|window| window == sealed) {
        header.splice(at..at + sealed.len(), format!("\"{SEAL}\":\"{BLANK}\"").into_bytes());
    }
    header
}

/// A file that is read from its start to its end.
struct Source<'a> {
    path: &'a Path,
    file: BufReader<File>,
    /// Of what was read, with a blank seal. None if there is no seal.
    hash: Option<Sha256>,
}

impl Source<'_> {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        self.file.read_exact(bytes).map_err(Error::io("read", self.path))?;
        self.hash.iter_mut().for_each(|hash| hash.update(&*bytes));
        Ok(())
    }

    /// The next tensor, read chunk by chunk.
    fn tensor(&mut self, name: &str, info: &TensorInfo) -> Result<Tensor<f32>, Error> {
        let TensorInfo { dtype, shape: dims, .. } = info;
        let unreadable = |problem| Err(Error::unreadable(self.path, format!("tensor `{name}` {problem}")));
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
