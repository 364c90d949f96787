//! Paths as one line of text. The name of a file can hold a line break, an escape code of the
//! terminal, or bytes that are not UTF-8.

use std::ffi::OsStr;
use std::fmt::{self, Write};
use std::path::{Path, PathBuf};

/// Displays a path on one line, for messages. Control characters and bytes that are not UTF-8 are
/// escaped as in Rust literals; everything else, including backslashes, is shown as it is.
pub(crate) struct Shown<'a>(pub(crate) &'a Path);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_escaped(f, self.0.as_os_str().as_encoded_bytes(), false)
    }
}

/// Returns the encoded bytes of a name, or of a path with `/` between the names, on one line.
/// Backslashes are escaped too, so different names have different texts.
pub(crate) fn escaped(name: &[u8]) -> String {
    let mut text = String::new();
    write_escaped(&mut text, name, true).expect("a string can be written");
    text
}

/// Returns a relative path on one line, with `/` between the names on every system.
pub(crate) fn escaped_path(path: &Path) -> String {
    escaped(&path_bytes(path))
}

/// Returns the bytes of a relative path, with `/` between the names on every system.
pub(crate) fn path_bytes(path: &Path) -> Vec<u8> {
    path.iter().map(OsStr::as_encoded_bytes).collect::<Vec<_>>().join(&b'/')
}

/// Returns the path of which these are the [bytes](path_bytes). A name that is not Unicode is found
/// again on Unix only.
pub(crate) fn path_of_bytes(bytes: &[u8]) -> PathBuf {
    #[cfg(unix)]
    return PathBuf::from(<OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(bytes));
    #[cfg(not(unix))]
    return PathBuf::from(String::from_utf8_lossy(bytes).into_owned());
}

fn write_escaped(out: &mut dyn Write, text: &[u8], backslash: bool) -> fmt::Result {
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            // U+2028 and U+2029 are line breaks in some editors. U+202A to U+202E and U+2066 to
            // U+2069 reorder the rest of the line.
            let is_plain = !character.is_control()
                && !matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
                && (character != '\\' || !backslash);
            if is_plain {
                out.write_char(character)?;
            } else {
                write!(out, "{}", character.escape_default())?;
            }
        }
        chunk.invalid().iter().try_for_each(|byte| write!(out, "\\x{byte:02x}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn awkward_names_are_one_line() {
        assert_eq!(escaped("plain name.png".as_bytes()), "plain name.png");
        assert_eq!(escaped("Фото №1 日本.jpg".as_bytes()), "Фото №1 日本.jpg");
        assert_eq!(escaped("a\nb\tc\r\u{1b}[2J\u{2028}".as_bytes()), r"a\nb\tc\r\u{1b}[2J\u{2028}");
        assert_eq!(escaped(r"a\nb".as_bytes()), r"a\\nb");
        assert_eq!(Shown(Path::new("a\\b\n")).to_string(), "a\\b\\n");
        assert_eq!(escaped_path(Path::new("a b/c\nd")), r"a b/c\nd");
        assert_eq!(path_bytes(Path::new("a/b\n/c")), b"a/b\n/c");
        assert_eq!(path_of_bytes(b"a/b\n/c"), Path::new("a/b\n/c"));
    }

    #[cfg(unix)]
    #[test]
    fn bytes_that_are_not_utf8_are_escaped() {
        use std::os::unix::ffi::OsStrExt;
        let name = OsStr::from_bytes(b"caf\xe9\xff.png");
        assert_eq!(escaped(name.as_bytes()), r"caf\xe9\xff.png");
        assert_eq!(Shown(Path::new(name)).to_string(), r"caf\xe9\xff.png");
        assert_eq!(path_bytes(Path::new(name)), b"caf\xe9\xff.png");
        assert_eq!(path_of_bytes(b"caf\xe9\xff.png"), Path::new(name));
    }
}
