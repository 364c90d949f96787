//! Tests with folders that the tests make.

mod cache;
mod disk;
mod files;
mod order;
mod place;
mod scan;
mod source;

use std::fs;
use std::path::Path;

/// Asserts that the message of an error is one line and contains all of `words`.
#[track_caller]
fn assert_message<T>(result: Result<T, impl ToString>, words: &[&str]) {
    let Err(error) = result else { panic!("no error, where one with {words:?} was expected") };
    let text = error.to_string();
    assert!(!text.contains(['\n', '\r']), "more than one line: {text:?}");
    for word in words {
        assert!(text.contains(word), "\"{word}\" is not in: {text}");
    }
}

/// Writes files, and the directories that they need.
fn write(root: &Path, files: &[(&str, &[u8])]) {
    for (path, content) in files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

/// The sorted names of the files in a directory.
fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
