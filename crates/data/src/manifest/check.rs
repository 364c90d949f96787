//! Which values a manifest can have.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::Path;

use super::{CifarFiles, Files, ManifestEntry, SplitEntry};
use crate::Split;
use crate::settings::MAX_SIDE;

/// Largest number of images in a split.
const MAX_ITEMS: usize = 1 << 28;
/// Largest size of a downloaded file in bytes.
const MAX_BYTES: u64 = 1 << 40;

/// Fails unless `name` can be the name of a directory on every system.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    let is_valid = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    if name.is_empty() || !name.bytes().all(is_valid) {
        return Err("the name of a dataset has only the characters a-z, 0-9, - and _".into());
    }
    Ok(())
}

impl ManifestEntry {
    /// Fails with a description of the first value that is out of range.
    pub(super) fn check(&self) -> Result<(), String> {
        let (size, classes) = (self.size, self.classes.len());
        if size.iter().any(|side| !(1..=MAX_SIDE).contains(side)) {
            return Err(format!("size = {size:?}, but height and width are from 1 to {MAX_SIDE} pixels"));
        }
        if !(1..=256).contains(&classes) {
            return Err(format!("{classes} classes, but a label of a byte names one of 1 to 256"));
        }
        let mut names = HashSet::new();
        if let Some(twice) = self.classes.iter().find(|class| !names.insert(*class)) {
            return Err(format!("classes: {twice:?} is there twice"));
        }
        if let Some(accuracy) = self.judge_accuracy.filter(|accuracy| !(0.0..=1.0).contains(accuracy)) {
            return Err(format!("judge_accuracy = {accuracy}, but it is a fraction from 0 to 1"));
        }
        match &self.files {
            Files::Idx(files) => {
                files.train.check().map_err(|problem| format!("train: {problem}"))?;
                files.test.check().map_err(|problem| format!("test: {problem}"))
            }
            Files::Cifar(files) => files.check(),
        }
    }
}

impl SplitEntry {
    fn check(&self) -> Result<(), String> {
        check_items(self.items)?;
        for file in [&self.images, &self.labels] {
            check_file_name(&file.name)?;
            check_bytes("gz_bytes", file.gz_bytes)?;
        }
        Ok(())
    }
}

impl CifarFiles {
    fn check(&self) -> Result<(), String> {
        if !(1..=2).contains(&self.label_bytes) {
            return Err(format!("label_bytes = {}, but a record has 1 or 2", self.label_bytes));
        }
        if self.train.is_empty() {
            return Err("train: there are no files".into());
        }
        let mut names = HashSet::new();
        for file in self.train.iter().chain(&self.test) {
            check_file_name(&file.name)?;
            check_items(file.items)?;
            if file.items == 0 || !names.insert(&file.name) {
                return Err(format!("{}: a file occurs once and has at least one record", file.name));
            }
        }
        for split in [Split::Train, Split::Test] {
            check_items(self.split(split).iter().map(|file| file.items).sum())?;
        }
        let Some(archive) = &self.archive else { return Ok(()) };
        check_file_name(&archive.name)?;
        check_bytes("bytes", archive.bytes)
    }
}

fn check_items(items: usize) -> Result<(), String> {
    if items > MAX_ITEMS {
        return Err(format!("items = {items}, but {MAX_ITEMS} is the largest number"));
    }
    Ok(())
}

fn check_file_name(name: &str) -> Result<(), String> {
    if Path::new(name).file_name() != Some(OsStr::new(name)) {
        return Err(format!("name = {name:?}, which is not the name of a file"));
    }
    Ok(())
}

fn check_bytes(field: &str, bytes: u64) -> Result<(), String> {
    if !(1..=MAX_BYTES).contains(&bytes) {
        return Err(format!("{field} = {bytes}, but a file has from 1 to {MAX_BYTES}"));
    }
    Ok(())
}
