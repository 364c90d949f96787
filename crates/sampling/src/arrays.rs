//! Arrays of other programs: `.npy` files that a command reads or writes.

use std::fs::{self, File};
use std::io::{self, BufReader, Write};
use std::path::Path;

use adjoint_data::npy::{self, Dtype, Reader};
use adjoint_nn::{Shape, Tensor};
use adjoint_runs::{BoxError, Error};

/// The most values of an array in memory.
pub(crate) const MOST_VALUES: usize = 1 << 28;

/// Reads an array into memory.
///
/// # Errors
/// If the file cannot be read, is no array, or has values that are not finite.
pub(crate) fn read(path: &Path) -> Result<Tensor<f32>, BoxError> {
    let wrong = |problem: String| Error::file(path, problem);
    // Opening a pipe would wait for its other end.
    let found = fs::metadata(path).map_err(Error::io("open", path))?;
    if !found.is_file() {
        return Err(wrong("not a file; name a .npy file".to_owned()).into());
    }
    let file = File::open(path).map_err(Error::io("open", path))?;
    let reader = Reader::new(BufReader::new(file), found.len()).map_err(|error| wrong(error.to_string()))?;
    let shape = reader.header().shape.clone();
    let Some(shape) = Shape::checked(&shape).filter(|shape| shape.len() <= MOST_VALUES) else {
        let problem = format!("an array {shape:?}, but at most 4 axes and {MOST_VALUES} values can be read");
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
        return Err(wrong(format!("value {index} is {value}; replace values that are not finite")).into());
    }
    Ok(Tensor::from_slice(shape, &values))
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
