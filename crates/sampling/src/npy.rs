//! NumPy's array files, version 1.0.

use adjoint_runs::{BoxError, write_file};
use std::io;
use std::path::Path;

/// Returns the header of a file with this type and shape. It is padded so that the data starts at a
/// multiple of 64 bytes.
fn header(kind: &str, shape: &[usize]) -> Vec<u8> {
    let sides: Vec<String> = shape.iter().map(|n| format!("{n},")).collect();
    let mut text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({}), }}", sides.join(" "));
    let used = 10 + text.len() + 1;
    text.push_str(&" ".repeat(used.next_multiple_of(64) - used));
    text.push('\n');
    let length = u16::try_from(text.len()).expect("a header of a few axes is shorter than 64 KiB");
    [b"\x93NUMPY\x01\x00".as_slice(), &length.to_le_bytes(), text.as_bytes()].concat()
}

/// Writes an array of this type (NumPy's name, such as `<f4`) and shape. `parts` are the bytes of
/// the array, each of which is computed when it is written.
///
/// # Errors
/// If a part fails, the disk is full or the file can't be written. An existing file is then
/// unchanged.
pub(crate) fn write(
    path: &Path,
    (kind, shape): (&str, &[usize]),
    parts: impl IntoIterator<Item = Result<Vec<u8>, BoxError>>,
) -> Result<(), BoxError> {
    write_file(path, |out| {
        out.write_all(&header(kind, shape))?;
        for part in parts {
            out.write_all(&part.map_err(io::Error::other)?)?;
        }
        Ok(())
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_says_type_and_shape_and_ends_on_a_boundary() {
        let head = header("<f4", &[3, 1, 28, 28]);
        assert_eq!(head.len() % 64, 0);
        assert_eq!(&head[..8], b"\x93NUMPY\x01\x00");
        assert_eq!(usize::from(u16::from_le_bytes([head[8], head[9]])), head.len() - 10);
        let text = std::str::from_utf8(&head[10..]).unwrap();
        assert!(text.starts_with("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 1, 28, 28,), }"));
        assert!(text.ends_with('\n'));
        assert!(header("<i8", &[7]).len().is_multiple_of(64));
    }
}
