//! Formats paths for config.toml and for printed commands. Any path is supported, UTF-8 or not.
//!
//! On a command line, clap parses a path as a `PathBuf`, which also accepts any path.

use std::ffi::OsString;
use std::path::Path;

use serde::{Serialize, Serializer};
use toml::Value;

/// Serialises a path for config.toml: as text, or as an array of bytes such as `[100, 255]` if the
/// path is not UTF-8.
///
/// # Errors
/// If the serialiser fails.
pub fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    match path.to_str() {
        Some(text) => serializer.serialize_str(text),
        None => path.as_os_str().as_encoded_bytes().serialize(serializer),
    }
}

/// Parses a value that [`serialize`] wrote. Returns `None` for any other value.
pub(crate) fn of_toml(value: &Value) -> Option<OsString> {
    match value {
        Value::String(text) => Some(text.into()),
        Value::Array(bytes) => {
            let byte = |item: &Value| u8::try_from(item.as_integer()?).ok();
            of_bytes(bytes.iter().map(byte).collect::<Option<_>>()?)
        }
        _ => None,
    }
}

#[cfg(unix)]
fn of_bytes(bytes: Vec<u8>) -> Option<OsString> {
    Some(std::os::unix::ffi::OsStringExt::from_vec(bytes))
}

/// On other systems, paths are not bytes, and nearly all paths are UTF-8.
#[cfg(not(unix))]
fn of_bytes(bytes: Vec<u8>) -> Option<OsString> {
    String::from_utf8(bytes).ok().map(OsString::from)
}

/// Formats a path as one word of a shell command, on one line. The word is quoted if necessary. If
/// the path is not UTF-8 or has control characters, the word has escapes (`$'\\377'`, which bash,
/// ksh, zsh and POSIX 2024 have).
pub(crate) fn shell_word(path: &Path) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+=:,@%".contains(c);
    match path.to_str() {
        Some(text) if !text.is_empty() && text.chars().all(plain) => text.to_owned(),
        Some(text) if !text.contains(char::is_control) => format!("'{}'", text.replace('\'', r"'\''")),
        _ => {
            let escaped = |&byte: &u8| match byte {
                b' '..=b'~' if !br"'\".contains(&byte) => char::from(byte).to_string(),
                _ => format!("\\{byte:03o}"),
            };
            let bytes = path.as_os_str().as_encoded_bytes();
            format!("$'{}'", bytes.iter().map(escaped).collect::<String>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shell_words_are_quoted_only_where_needed() {
        assert_eq!(shell_word(Path::new("runs/dcgan-001")), "runs/dcgan-001");
        assert_eq!(shell_word(Path::new("my runs/it's")), r"'my runs/it'\''s'");
        assert_eq!(shell_word(Path::new("")), "''");
        assert_eq!(shell_word(Path::new("a\n'b\\")), r"$'a\012\047b\134'");
    }

    #[cfg(unix)]
    #[test]
    fn a_path_that_is_not_utf8_comes_back_as_it_was() {
        use std::os::unix::ffi::OsStringExt;
        #[derive(Serialize)]
        struct Settings {
            #[serde(serialize_with = "serialize")]
            place: std::path::PathBuf,
        }
        for bytes in [&b"datasets"[..], b"d\xff/\xc3\xa9", "d\u{e9}".as_bytes(), b"a\nb"] {
            let place = std::path::PathBuf::from(OsString::from_vec(bytes.to_vec()));
            let text = toml::to_string(&Settings { place: place.clone() }).unwrap();
            let table: toml::Table = text.parse().unwrap();
            assert_eq!(of_toml(&table["place"]), Some(place.into_os_string()), "{text}");
        }
        let others = [Value::Integer(1), Value::Array(vec![256.into()]), Value::Array(vec!["a".into()])];
        assert!(others.iter().all(|value| of_toml(value).is_none()));
        assert_eq!(shell_word(Path::new(&OsString::from_vec(b"d\xff7".to_vec()))), r"$'d\3777'");
    }
}
