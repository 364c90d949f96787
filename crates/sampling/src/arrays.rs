//! Arrays of other programs: `.npy` files that a command reads or writes.

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::Path;

use adjoint_data::npy::{self, Dtype, Reader};
use adjoint_nn::{Shape, Tensor};
use adjoint_runs::{BoxError, Error};

/// The most numbers of an array that is read into memory.
const MOST_NUMBERS: usize = 1 << 28;

/// Reads an array of numbers into memory.
///
/// # Errors
/// If the file cannot be read, is no array, or has numbers that are not finite.
pub(crate) fn read(path: &Path) -> Result<Tensor<f32>, BoxError> {
    let wrong = |problem: String| Error::file(path, problem);
    let file = File::open(path).map_err(Error::io("open", path))?;
    let found = file.metadata().map_err(Error::io("read", path))?;
    if !found.is_file() {
        return Err(wrong("not a file; name a .npy file".to_owned()).into());
    }
    let reader = Reader::new(BufReader::new(file), found.len()).map_err(|error| wrong(error.to_string()))?;
    let shape = reader.header().shape.clone();
    let Some(shape) = Shape::checked(&shape).filter(|shape| shape.len() <= MOST_NUMBERS) else {
        let problem =
            format!("an array {shape:?}, but at most 4 axes and {MOST_NUMBERS} numbers can be read");
        return Err(wrong(problem).into());
    };
    let mut values = vec![0.0; shape.len()];
    let mut not_finite = None;
    let read = reader.floats(|index, value| {
        values[index] = value as f32;
        if !values[index].is_finite() {
            not_finite.get_or_insert((index, value));
        }
    });
    read.map_err(|error| wrong(error.to_string()))?;
    if let Some((index, value)) = not_finite {
        return Err(wrong(format!("number {index} is {value}; replace numbers that are not finite")).into());
    }
    Ok(Tensor::from_slice(shape, &values))
}

/// Returns the bytes of numbers, lowest byte first.
pub(crate) fn bytes(x: &Tensor<f32>) -> Vec<u8> {
    x.data().iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// Writes an array. `parts` are the bytes of its elements. Each part is computed when it is
/// written.
///
/// # Errors
/// If a part fails or cannot be written.
pub(crate) fn write(
    out: &mut dyn Write,
    dtype: Dtype,
    shape: &[usize],
    parts: impl IntoIterator<Item = Result<Vec<u8>, BoxError>>,
) -> io::Result<()> {
    npy::write(out, dtype, shape, parts.into_iter().map(|part| part.map_err(io::Error::other)))
}
