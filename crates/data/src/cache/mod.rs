//! The file that keeps the images of a folder or an array at the size of the dataset.
//!
//! | bytes | content |
//! | --- | --- |
//! | 16 | the name and the version of the format |
//! | 32 | the key: SHA-256 of everything on which the content depends |
//! | 32 | the seal: SHA-256 of the key, of the facts and of the digests |
//! | fixed by the key | other facts about the images |
//! | 32 per image | the digest: SHA-256 of the pixels, or zeros for a broken image |
//! | size x size x channels per image | the pixels; unused for a broken image |
//!
//! Paths and labels are not in the file. The file is read by position and is never changed: a new
//! one replaces it under the same name. So several processes may use or replace it at once.

mod error;
mod keep;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::SystemTime;

use adjoint_files::Partial;
use sha2::{Digest as _, Sha256};

use crate::escape::path_bytes;
use crate::positioned::read_exact_at;
use crate::regular;
use crate::split_images::Store;
use crate::{DataError, Digest};

pub use error::CacheError;

const MAGIC: [u8; 16] = *b"adjoint images 2";
const DIGEST: usize = 32;
const HEAD: usize = MAGIC.len() + 2 * DIGEST;
/// The version of our part of decoding: orientation, alpha, channels, the scale of arrays and fit.
/// A change of pixels needs a new number. It is a part of every key.
pub(crate) const VERSION: u32 = 2;

/// Keeps the pixels of the image with this index.
pub(crate) type Write<'a> = dyn FnMut(usize, &[u8]) -> Result<(), DataError> + 'a;

/// The facts about the images of a cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Index {
    /// The SHA-256 of the pixels of each image, and `None` for broken images.
    pub(crate) digests: Vec<Option<Digest>>,
    /// The facts that the folder or the array adds.
    pub(crate) facts: Vec<u8>,
}

/// An open cache.
#[derive(Debug)]
pub(crate) struct Cache {
    file: File,
    path: PathBuf,
    /// Where the pixels of the first image start.
    start: u64,
    record_len: usize,
    /// For each image, whether its pixels had their SHA-256 when they were read.
    verified: Vec<AtomicBool>,
}

/// The images of a cache.
#[derive(Clone)]
pub(crate) struct Content {
    /// The folder or the file from which the images come: an absolute path without links.
    pub(crate) source: PathBuf,
    /// The SHA-256 of everything on which the images depend. It fixes the other numbers.
    pub(crate) key: Digest,
    /// Number of images.
    pub(crate) images: usize,
    /// Bytes of an image.
    pub(crate) record_len: usize,
    /// Bytes of the facts.
    pub(crate) facts_len: usize,
}

/// The place and the content of a cache.
pub(crate) struct Plan {
    path: PathBuf,
    content: Content,
}

/// The reason why a cache cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// There is no file, or the folder, the settings or the format have changed since.
    Missing,
    /// The file is damaged or cannot be read.
    Damaged,
}

impl Plan {
    /// The cache of these images in `directory`.
    pub(crate) fn new(directory: &Path, content: Content) -> Self {
        let of_source = Digest::of(content.source.as_os_str().as_encoded_bytes()).to_string();
        let name = format!("{}-{}.images", crate::dataset_name(&content.source), &of_source[..16]);
        Self { path: directory.join(name), content }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the pixels of the first image start.
    fn start(&self) -> u64 {
        (HEAD + self.content.facts_len + self.content.images * DIGEST) as u64
    }

    /// Bytes of the file.
    fn len(&self) -> u64 {
        self.start() + self.content.images as u64 * self.content.record_len as u64
    }

    /// Opens the file.
    pub(crate) fn open(&self) -> Result<(Cache, Index), Unusable> {
        let file = regular::open_file(&self.path).map_err(|cause| match cause.kind() {
            io::ErrorKind::NotFound => Unusable::Missing,
            _ => Unusable::Damaged,
        })?;
        let read =
            |bytes: &mut [u8], start| read_exact_at(&file, bytes, start).map_err(|_| Unusable::Damaged);
        let mut head = [0; HEAD];
        read(&mut head, 0)?;
        let (magic, seals) = head.split_at(MAGIC.len());
        let (of_key, seal) = seals.split_at(DIGEST);
        if magic != MAGIC || of_key != self.content.key.bytes() {
            let is_ours = magic.starts_with(&MAGIC[..MAGIC.len() - 1]);
            return Err(if is_ours { Unusable::Missing } else { Unusable::Damaged });
        }
        // The key fixes the length.
        if !file.metadata().is_ok_and(|found| found.is_file() && found.len() == self.len()) {
            return Err(Unusable::Damaged);
        }
        let Content { images, facts_len, .. } = self.content;
        let mut facts = vec![0; facts_len + images * DIGEST];
        read(&mut facts, HEAD as u64)?;
        if self.seal(&facts).bytes() != seal {
            return Err(Unusable::Damaged);
        }
        let (digests, _) = facts[facts_len..].as_chunks::<DIGEST>();
        let digests = digests.iter().map(|&digest| (digest != [0; DIGEST]).then(|| Digest::from(digest)));
        let digests = digests.collect();
        facts.truncate(facts_len);
        facts.shrink_to_fit();
        Ok((self.cache(file), Index { digests, facts }))
    }

    /// Writes the file. `fill` receives a function that writes the pixels of an image.
    ///
    /// # Errors
    /// [`CacheError::NoSpace`], [`CacheError::Write`], or the error of `fill`. An old file is then
    /// unchanged, and no temporary file remains.
    pub(crate) fn write(
        &self,
        fill: impl FnOnce(&mut Write<'_>) -> Result<Index, DataError>,
    ) -> Result<(Cache, Index), DataError> {
        let failed = |cause| {
            let (origin, path) = (self.content.source.clone(), self.path.clone());
            DataError::Cache(CacheError::Write { origin, path, cause })
        };
        let mut partial = self.create().map_err(failed)?;
        self.check_space(adjoint_files::free_space(self.directory())).map_err(DataError::Cache)?;
        partial.file().set_len(self.len()).map_err(failed)?;
        let start = self.start();
        let index = fill(&mut |image, pixels| {
            partial.write_at(start + (image * self.content.record_len) as u64, pixels).map_err(failed)
        })?;
        let digests =
            index.digests.iter().flat_map(|digest| digest.map_or([0; DIGEST], |found| found.bytes()));
        let bytes: Vec<u8> = index.facts.iter().copied().chain(digests).collect();
        assert_eq!(bytes.len(), self.start() as usize - HEAD, "facts and digests");
        let head = [&MAGIC[..], &self.content.key.bytes(), &self.seal(&bytes).bytes(), &bytes].concat();
        partial.write_at(0, &head).map_err(failed)?;
        // Another process may replace the file at once, so it is not opened by its name.
        let file = partial.reader().map_err(failed)?;
        partial.keep().map_err(failed)?;
        Ok((self.cache(file), index))
    }

    fn create(&self) -> io::Result<Partial> {
        std::fs::create_dir_all(self.directory())?;
        let name = self.path.file_name();
        adjoint_files::remove_leftovers(self.directory(), false, &|of_file| Some(of_file) == name)?;
        Partial::create(&self.path)
    }

    fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }

    /// Fails if the file is larger than `free` bytes.
    pub(crate) fn check_space(&self, free: Option<u64>) -> Result<(), CacheError> {
        match free {
            Some(free) if free < self.len() => Err(CacheError::NoSpace {
                origin: self.content.source.clone(),
                needed: self.len(),
                free,
                directory: self.directory().to_path_buf(),
            }),
            _ => Ok(()),
        }
    }

    fn seal(&self, index: &[u8]) -> Digest {
        Digest::from(Sha256::new().chain_update(self.content.key.bytes()).chain_update(index))
    }

    fn cache(&self, file: File) -> Cache {
        let Content { images, record_len, .. } = self.content;
        let verified = std::iter::repeat_with(AtomicBool::default).take(images).collect();
        let (path, start) = (self.path.clone(), self.start());
        Cache { file, path, start, record_len, verified }
    }
}

impl Cache {
    /// Reads the pixels of an image, whose SHA-256 must be `digest`. It is computed for the first
    /// read of an image only, because it costs more than the read. The file never changes. Returns
    /// false if the file cannot be read or the pixels are damaged.
    fn read(&self, image: usize, digest: Digest, pixels: &mut [u8]) -> bool {
        let start = self.start + (image * self.record_len) as u64;
        if read_exact_at(&self.file, pixels, start).is_err() {
            return false;
        }
        let is_verified = &self.verified[image];
        let is_sound = is_verified.load(Relaxed) || Digest::of(pixels) == digest;
        is_verified.store(is_sound, Relaxed);
        is_sound
    }
}

/// A cache with the store from which it was made, which replaces damaged images.
pub(crate) struct Cached<O> {
    pub(crate) cache: Cache,
    pub(crate) origin: O,
}

impl<O: Store> Store for Cached<O> {
    /// A damaged cache is removed, so that the next start makes it again.
    ///
    /// # Errors
    /// If the image is damaged, the errors of the origin.
    fn read(&self, image: usize, digest: Digest, pixels: &mut [u8]) -> Result<(), DataError> {
        if self.cache.read(image, digest, pixels) {
            return Ok(());
        }
        // If it cannot be removed, the next start finds the same damage.
        let _ = adjoint_files::remove(&self.cache.path);
        self.origin.read(image, digest, pixels)
    }

    fn kind(&self) -> &'static str {
        "file"
    }
}

/// Adds the state of a file to the hash of a key.
pub(crate) fn hash_file(hash: &mut Sha256, path: &Path, size: u64, modified: SystemTime) {
    let path = path_bytes(path);
    hash.update((path.len() as u64).to_le_bytes());
    hash.update(path);
    hash.update(size.to_le_bytes());
    hash.update(nanoseconds(modified).to_le_bytes());
}

/// Returns a time as nanoseconds since 1970.
fn nanoseconds(time: SystemTime) -> i128 {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => after.as_nanos() as i128,
        Err(before) => -(before.duration().as_nanos() as i128),
    }
}
