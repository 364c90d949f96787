//! Finds the images in a directory and in the directories below it.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{self, DirEntry, FileType, ReadDir};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::vec;

use super::FolderError;
use crate::DataError;

/// The extensions of images, in lower case. Any case is accepted.
const EXTENSIONS: [&str; 6] = ["png", "jpg", "jpeg", "webp", "bmp", "gif"];

/// A file with the extension of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// The path relative to the root.
    pub(crate) path: Box<Path>,
    /// Bytes of the file; 0 if `path` is a link to a file that does not exist.
    pub(crate) size: u64,
    /// When the content was modified.
    pub(crate) modified: SystemTime,
}

/// The entries of a folder that are skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Entries whose name starts with a dot. A directory counts once.
    pub hidden: usize,
    /// Files that are not images.
    pub others: usize,
    /// Links to a directory that is listed under another path, and directories that such a path
    /// leads to.
    pub repeated: usize,
    /// Folders without an image, also not in a folder below. The folders in such a folder do not
    /// count.
    pub empty: usize,
}

impl Skipped {
    /// Is any entry skipped?
    pub fn any(&self) -> bool {
        *self != Self::default()
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            (self.hidden, "hidden"),
            (self.others, "not images"),
            (self.repeated, "folders with another path"),
            (self.empty, "folders without images"),
        ];
        let counts = counts.iter().filter(|(count, _)| *count > 0);
        let counts = counts.map(|(count, what)| format!("{count} ({what})")).collect::<Vec<_>>();
        let counts = if counts.is_empty() { "none".to_string() } else { counts.join(", ") };
        write!(f, "skipped entries: {counts}")
    }
}

/// The result of a walk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tree {
    /// The images. Paths are sorted name by name, and names by their bytes: `a/z.png` is before
    /// `a-b/a.png`.
    pub(crate) images: Vec<Found>,
    pub(crate) skipped: Skipped,
}

/// A directory on the way from the root to the current entry.
struct Level {
    /// The path relative to the root.
    path: PathBuf,
    /// The path without links.
    real: PathBuf,
    /// The entries that have not been visited yet, sorted by name.
    entries: vec::IntoIter<(OsString, FileType)>,
}

/// Walks the directory `root`. Symbolic links are followed, but each directory is listed once: a
/// directory in `root` under its own path, and a directory elsewhere under the first path that
/// leads to it. So links cannot form loops, and their number does not multiply the entries.
///
/// # Errors
/// [`DataError::Io`] if a directory or the metadata of an image cannot be read.
pub(crate) fn walk(root: &Path) -> Result<Tree, DataError> {
    walk_with(root, &|directory| fs::read_dir(directory))
}

/// [`walk`] with a function that opens directories. Tests let it fail.
pub(crate) fn walk_with(root: &Path, open: &dyn Fn(&Path) -> io::Result<ReadDir>) -> Result<Tree, DataError> {
    let enter = |path: PathBuf, real: PathBuf| {
        let full: PathBuf = root.iter().chain(path.iter()).collect();
        let entries = entries(&full, open).map_err(unlisted("read the directory", &full))?;
        Ok::<_, DataError>(Level { path, real, entries })
    };
    let real = fs::canonicalize(root).map_err(DataError::io("read the directory", root))?;
    let mut tree = Tree::default();
    let mut visited = HashSet::from([real.clone()]);
    let mut folders = vec![];
    let mut levels = vec![enter(PathBuf::new(), real.clone())?];
    while let Some(level) = levels.last_mut() {
        let Some((name, kind)) = level.entries.next() else {
            levels.pop();
            continue;
        };
        if is_hidden(&name) {
            tree.skipped.hidden += 1;
            continue;
        }
        let path = level.path.join(&name);
        let (path, below) = if kind.is_dir() {
            (path, level.real.join(&name))
        } else {
            let Some(target) = tree.add(root, path, kind)? else { continue };
            let full = root.join(&target);
            let below = fs::canonicalize(&full).map_err(unlisted("read the directory", &full))?;
            if is_listed(&real, &below) {
                tree.skipped.repeated += 1;
                continue;
            }
            (target, below)
        };
        if visited.insert(below.clone()) {
            folders.push(path.clone());
            levels.push(enter(path, below)?);
        } else {
            tree.skipped.repeated += 1;
        }
    }
    tree.skipped.empty = tree.empty(&folders);
    Ok(tree)
}

/// The error of an entry that was listed and cannot be read. If it is gone, the folder changed.
fn unlisted(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DataError {
    move |cause| match cause.kind() {
        ErrorKind::NotFound => DataError::Folder(FolderError::Changed(path.to_path_buf())),
        _ => DataError::io(action, path)(cause),
    }
}

/// Is the directory `below` listed under its own path in `root`? Both paths are without links.
fn is_listed(root: &Path, below: &Path) -> bool {
    below.strip_prefix(root).is_ok_and(|path| !path.iter().any(is_hidden))
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// Returns the entries of a directory, sorted by the bytes of their names.
fn entries(
    directory: &Path,
    open: &dyn Fn(&Path) -> io::Result<ReadDir>,
) -> io::Result<vec::IntoIter<(OsString, FileType)>> {
    let named = |entry: io::Result<DirEntry>| {
        let entry = entry?;
        Ok((entry.file_name(), entry.file_type()?))
    };
    let mut entries = open(directory)?.map(named).collect::<io::Result<Vec<_>>>()?;
    entries.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    Ok(entries.into_iter())
}

impl Tree {
    /// Returns the number of folders without images in the root, and in folders with images.
    fn empty(&self, folders: &[PathBuf]) -> usize {
        let parents = self.images.iter().flat_map(|image| image.path.ancestors().skip(1));
        let with_images: HashSet<&Path> = parents.collect();
        let is_inside = |folder: &Path| {
            folder.parent().is_some_and(|parent| parent == Path::new("") || with_images.contains(parent))
        };
        folders.iter().filter(|folder| !with_images.contains(&***folder) && is_inside(folder)).count()
    }

    /// Adds a file, or the file that a link leads to. Returns the path if it is a link to a
    /// directory.
    fn add(&mut self, root: &Path, path: PathBuf, kind: FileType) -> Result<Option<PathBuf>, DataError> {
        let is_image = has_image_extension(&path);
        if !kind.is_symlink() && !is_image {
            self.skipped.others += 1;
            return Ok(None);
        }
        let full = root.join(&path);
        let (size, modified) = match fs::metadata(&full) {
            Ok(found) if found.is_dir() => return Ok(Some(path)),
            // Opening a pipe would wait for its writer.
            Ok(found) if !is_image || !found.is_file() => {
                self.skipped.others += 1;
                return Ok(None);
            }
            Ok(found) => (found.len(), found.modified().map_err(DataError::io("read", &full))?),
            // A link that leads nowhere is a broken image, which decoding reports.
            Err(cause) if kind.is_symlink() && cause.kind() != ErrorKind::PermissionDenied => {
                if !is_image {
                    self.skipped.others += 1;
                    return Ok(None);
                }
                (0, SystemTime::UNIX_EPOCH)
            }
            Err(cause) => return Err(unlisted("read", &full)(cause)),
        };
        self.images.push(Found { path: path.into(), size, modified });
        Ok(None)
    }
}

fn has_image_extension(path: &Path) -> bool {
    let extension = path.extension().and_then(OsStr::to_str);
    extension.is_some_and(|extension| EXTENSIONS.iter().any(|of| of.eq_ignore_ascii_case(extension)))
}
