//! Lists the images of a folder with their classes and splits.
//!
//! | at the top of the folder | meaning |
//! | --- | --- |
//! | images only | no classes; every label is 0 |
//! | folders with images | each is a class; deeper folders belong to it |
//! | `train`, `test`, `val`, `valid`, each with folders of images | splits; their folders are classes |
//!
//! A folder with splits needs `train`, and the same classes in all splits. Without `test`, `val` is
//! the test split, and without both it is `valid`. A validation split that is not needed is left
//! out. Folders without images do not count.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::FolderError;
use super::walk::{Found, Tree, walk};
use crate::escape::{Shown, escaped};
use crate::source::class_count;
use crate::{DataError, Split};

/// The name of the folder with the images to train on.
const TRAIN: &str = "train";
/// The names of folders that are splits. The first of them besides `train` is the test split.
const SPLITS: [&str; 4] = [TRAIN, "test", "val", "valid"];

/// The images of a folder.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listing {
    /// The absolute path of the folder, without links.
    pub(crate) root: PathBuf,
    /// The names of the classes in the order of their labels, escaped to one line each; empty for a
    /// flat folder.
    pub(crate) classes: Vec<String>,
    /// The images, sorted by path.
    pub(crate) images: Vec<Found>,
    /// The label of each image.
    pub(crate) labels: Vec<u16>,
    /// The split of each image; `None` if the folder has no splits.
    pub(crate) splits: Option<Vec<Split>>,
    /// What a user should know: skipped entries and unexpected folders. One line each.
    pub(crate) notes: Vec<String>,
}

/// Lists the folder `root`.
///
/// # Errors
/// [`DataError::Io`] if a directory or file cannot be read; [`DataError::Classes`] if there are too
/// many classes; [`DataError::Folder`] if the folder has fewer than two images, or if its classes
/// and splits are not clear.
pub(crate) fn scan(root: &Path) -> Result<Listing, DataError> {
    let root = fs::canonicalize(root).map_err(DataError::io("read the directory", root))?;
    let tree = walk(&root)?;
    arrange(root, tree)
}

/// Gives the images of a tree their classes and splits.
pub(super) fn arrange(root: PathBuf, tree: Tree) -> Result<Listing, DataError> {
    let Tree { images, skipped } = tree;
    match images.len() {
        0 => return Err(DataError::Folder(FolderError::NoImages { root, skipped })),
        1 => return Err(DataError::Folder(FolderError::OneImage(root))),
        _ => {}
    }
    let mut listing = Listing { root, images, ..Listing::default() };
    listing.notes.extend(skipped.any().then(|| skipped.to_string()));
    let depth = usize::from(listing.find_splits().map_err(DataError::Folder)?);
    listing.find_classes(depth)?;
    Ok(listing)
}

/// Returns the name at `depth` of a path, if it is the name of a folder.
fn folder_at(path: &Path, depth: usize) -> Option<&OsStr> {
    let mut names = path.iter().skip(depth);
    let name = names.next();
    name.filter(|_| names.next().is_some())
}

impl Listing {
    /// Returns the first image of a split that `is_wanted`.
    fn first(&self, is_wanted: impl Fn(&Path) -> bool) -> Option<&Path> {
        self.images.iter().map(|image| &*image.path).find(|path| is_wanted(path))
    }

    /// Sets the split of each image, and removes the images of a validation split that is not
    /// needed. Returns true if the folder has splits.
    fn find_splits(&mut self) -> Result<bool, FolderError> {
        let holds = |split: &str, is_wanted: &dyn Fn(&Path) -> bool| {
            self.first(|path| folder_at(path, 0) == Some(split.as_ref()) && is_wanted(path)).is_some()
        };
        let present = SPLITS.into_iter().filter(|split| holds(split, &|_| true)).collect::<Vec<_>>();
        let flat = present.iter().find(|split| !holds(split, &|path| folder_at(path, 1).is_some()));
        if let Some(flat) = flat {
            self.notes
                .push(format!("{flat} has no class folders; classes, not splits: {}", present.join(", ")));
        }
        let Some(&first) = present.first().filter(|_| flat.is_none()) else { return Ok(false) };
        let is_outside = |path: &Path| !present.iter().any(|split| path.starts_with(split));
        if let Some(path) = self.first(is_outside) {
            let entry = path.iter().next().unwrap_or_default().into();
            return Err(FolderError::BesideSplits { root: self.root.clone(), entry, split: first });
        }
        if first != TRAIN {
            return Err(FolderError::NoTrainSplit { root: self.root.clone(), split: first });
        }
        if let Some(&test) = present.get(1) {
            for unused in &present[2..] {
                self.notes.push(format!("{unused} is not used, because {test} is the test split"));
                self.images.retain(|image| !image.path.starts_with(unused));
            }
            let split = |image: &Found| if image.path.starts_with(test) { Split::Test } else { Split::Train };
            self.splits = Some(self.images.iter().map(split).collect());
            self.check_splits(test)?;
        }
        Ok(true)
    }

    /// Fails if one of the splits has a class that the other one does not have.
    fn check_splits(&self, test: &'static str) -> Result<(), FolderError> {
        let [in_train, in_test] = [TRAIN, test].map(|split| {
            let images = self.images.iter().filter(|image| image.path.starts_with(split));
            images.filter_map(|image| folder_at(&image.path, 1)).collect::<BTreeSet<_>>()
        });
        let Some(class) = in_train.symmetric_difference(&in_test).next() else { return Ok(()) };
        let (with, without) = if in_train.contains(class) { (TRAIN, test) } else { (test, TRAIN) };
        Err(FolderError::ClassesDiffer {
            root: self.root.clone(),
            class: escaped(class.as_encoded_bytes()),
            with,
            without,
        })
    }

    /// Sets classes and labels. The folder at `depth` of a path is the class.
    fn find_classes(&mut self, depth: usize) -> Result<(), DataError> {
        let names: BTreeSet<&OsStr> =
            self.images.iter().filter_map(|image| folder_at(&image.path, depth)).collect();
        let names: Vec<&OsStr> = names.into_iter().collect();
        class_count(&Shown(&self.root).to_string(), names.len())?;
        let unlabelled = self.first(|path| folder_at(path, depth).is_none());
        if let (Some(image), false) = (unlabelled, names.is_empty()) {
            let parent = image.parent().unwrap_or(Path::new(""));
            let beside = |path: &Path| path.starts_with(parent) && folder_at(path, depth).is_some();
            let other = self.first(beside).unwrap_or(parent);
            let class = other.iter().take(depth + 1).collect();
            let root = self.root.clone();
            return Err(DataError::Folder(FolderError::BesideClasses { root, image: image.into(), class }));
        }
        let label = |image: &Found| {
            let class = folder_at(&image.path, depth)?;
            u16::try_from(names.binary_search(&class).ok()?).ok()
        };
        self.labels = self.images.iter().map(|image| label(image).unwrap_or(0)).collect();
        self.classes = names.into_iter().map(|name| escaped(name.as_encoded_bytes())).collect();
        Ok(())
    }
}
