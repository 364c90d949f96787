//! The file that keeps the decoded images of a folder.
//!
//! | bytes | content |
//! | --- | --- |
//! | 16 | the name and the version of the format |
//! | 32 | the key: SHA-256 of everything on which the content depends |
//! | 32 | the seal: SHA-256 of the key, of the number that follows and of the digests |
//! | 8 | number of images that were smaller than the pixels that show them, low byte first |
//! | 32 per image | the digest: SHA-256 of the pixels, or zeros for a broken image |
//! | size x size x channels per image | the pixels; unused for a broken image |
//!
//! The images are in the order of the listing, whose paths and labels are not in the file. The file
//! is read by position and is never changed: a new one replaces it under the same name. So several
//! processes may use or replace it at once.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::SystemTime;

use adjoint_files::Partial;
use sha2::{Digest as _, Sha256};

use super::FolderError;
use super::build::{Index, Write};
use super::scan::Listing;
use crate::escape::path_bytes;
use crate::positioned::read_exact_at;
use crate::regular;
use crate::settings::Settings;
use crate::{DataError, Digest};

const MAGIC: [u8; 16] = *b"adjoint images 2";
const DIGEST: usize = 32;
const COUNT: usize = 8;
const HEAD: usize = MAGIC.len() + 2 * DIGEST + COUNT;
/// The version of our part of decoding: orientation, alpha, channels and fit. A change of pixels
/// needs a new number.
const VERSION: u32 = 2;
/// The crates that decode, with their versions in `Cargo.lock`.
pub(super) const DECODERS: [&str; 5] =
    ["gif 0.14.2", "image 0.25.10", "image-webp 0.2.4", "png 0.18.1", "zune-jpeg 0.5.15"];

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

/// The place and the content of a cache.
pub(crate) struct Plan {
    path: PathBuf,
    root: PathBuf,
    pub(super) key: Digest,
    images: usize,
    record_len: usize,
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
    /// The cache of a folder in `directory`.
    pub(crate) fn new(directory: &Path, listing: &Listing, settings: &Settings) -> Self {
        let of_root = Digest::of(listing.root.as_os_str().as_encoded_bytes()).to_string();
        let name = format!("{}-{}.images", super::dataset_name(&listing.root), &of_root[..16]);
        Self {
            path: directory.join(name),
            root: listing.root.clone(),
            key: key(listing, settings),
            images: listing.images.len(),
            record_len: settings.image_len(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the pixels of the first image start.
    fn start(&self) -> u64 {
        (HEAD + self.images * DIGEST) as u64
    }

    /// Bytes of the file.
    fn len(&self) -> u64 {
        self.start() + self.images as u64 * self.record_len as u64
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
        let (seal, count) = seal.split_at(DIGEST);
        if magic != MAGIC || of_key != self.key.bytes() {
            let is_ours = magic.starts_with(&MAGIC[..MAGIC.len() - 1]);
            return Err(if is_ours { Unusable::Missing } else { Unusable::Damaged });
        }
        // The key fixes the number of images and the length of a record.
        if !file.metadata().is_ok_and(|found| found.is_file() && found.len() == self.len()) {
            return Err(Unusable::Damaged);
        }
        let mut index = count.to_vec();
        index.resize(COUNT + self.images * DIGEST, 0);
        read(&mut index[COUNT..], HEAD as u64)?;
        if self.seal(&index).bytes() != seal {
            return Err(Unusable::Damaged);
        }
        let (count, digests) = index.split_first_chunk().expect("it starts with the number");
        let enlarged = usize::try_from(u64::from_le_bytes(*count)).map_err(|_| Unusable::Damaged)?;
        let (digests, _) = digests.as_chunks::<DIGEST>();
        let digests = digests.iter().map(|&digest| (digest != [0; DIGEST]).then(|| Digest::from(digest)));
        Ok((self.cache(file), Index { digests: digests.collect(), enlarged }))
    }

    /// Writes the file. `fill` receives a function that writes the pixels of an image.
    ///
    /// # Errors
    /// [`FolderError::NoSpace`], [`FolderError::CacheWrite`], or the error of `fill`. An old file
    /// is then unchanged, and no temporary file remains.
    pub(crate) fn write(
        &self,
        fill: impl FnOnce(&mut Write<'_>) -> Result<Index, DataError>,
    ) -> Result<(Cache, Index), DataError> {
        let failed = |cause| {
            let (root, path) = (self.root.clone(), self.path.clone());
            DataError::Folder(FolderError::CacheWrite { root, path, cause })
        };
        let mut partial = self.create().map_err(failed)?;
        self.check_space(adjoint_files::free_space(self.directory())).map_err(DataError::Folder)?;
        partial.file().set_len(self.len()).map_err(failed)?;
        let start = self.start();
        let index = fill(&mut |image, pixels| {
            partial.write_at(start + (image * self.record_len) as u64, pixels).map_err(failed)
        })?;
        let digests =
            index.digests.iter().flat_map(|digest| digest.map_or([0; DIGEST], |found| found.bytes()));
        let count = (index.enlarged as u64).to_le_bytes();
        let bytes: Vec<u8> = count.into_iter().chain(digests).collect();
        let head = [&MAGIC[..], &self.key.bytes(), &self.seal(&bytes).bytes(), &bytes].concat();
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
    pub(super) fn check_space(&self, free: Option<u64>) -> Result<(), FolderError> {
        match free {
            Some(free) if free < self.len() => Err(FolderError::NoSpace {
                root: self.root.clone(),
                needed: self.len(),
                free,
                directory: self.directory().to_path_buf(),
            }),
            _ => Ok(()),
        }
    }

    fn seal(&self, index: &[u8]) -> Digest {
        Digest::from(Sha256::new().chain_update(self.key.bytes()).chain_update(index))
    }

    fn cache(&self, file: File) -> Cache {
        let verified = std::iter::repeat_with(AtomicBool::default).take(self.images).collect();
        let (path, start, record_len) = (self.path.clone(), self.start(), self.record_len);
        Cache { file, path, start, record_len, verified }
    }
}

impl Cache {
    /// Reads the pixels of an image, whose SHA-256 must be `digest`. It is computed for the first
    /// read of an image only, because it costs more than the read. The file never changes.
    ///
    /// # Errors
    /// [`DataError::Io`] if the file cannot be read; [`FolderError::CacheDamaged`] if the pixels
    /// are damaged. The file is then removed, so that the next start decodes the images again.
    pub(crate) fn read(&self, image: usize, digest: Digest, pixels: &mut [u8]) -> Result<(), DataError> {
        let start = self.start + (image * self.record_len) as u64;
        let read = read_exact_at(&self.file, pixels, start);
        let is_short = read.as_ref().is_err_and(|cause| cause.kind() == io::ErrorKind::UnexpectedEof);
        if !is_short {
            read.map_err(DataError::io("read", &self.path))?;
        }
        let is_verified = &self.verified[image];
        if is_short || !(is_verified.load(Relaxed) || Digest::of(pixels) == digest) {
            // If the file cannot be removed, the user sees its path in the error.
            let _ = adjoint_files::remove(&self.path);
            return Err(DataError::Folder(FolderError::CacheDamaged(self.path.clone())));
        }
        is_verified.store(true, Relaxed);
        Ok(())
    }
}

/// Returns the SHA-256 of everything on which the content of a cache depends.
fn key(listing: &Listing, settings: &Settings) -> Digest {
    let mut hash = Sha256::new();
    hash.update(VERSION.to_le_bytes());
    DECODERS.iter().for_each(|decoder| hash.update(decoder));
    settings.hash(&mut hash);
    for found in &listing.images {
        let path = path_bytes(&found.path);
        hash.update((path.len() as u64).to_le_bytes());
        hash.update(path);
        hash.update(found.size.to_le_bytes());
        hash.update(nanoseconds(found.modified).to_le_bytes());
    }
    hash.into()
}

/// Returns a time as nanoseconds since 1970.
fn nanoseconds(time: SystemTime) -> i128 {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => after.as_nanos() as i128,
        Err(before) => -(before.duration().as_nanos() as i128),
    }
}
