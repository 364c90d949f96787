//! The decoded images of a folder.

use std::fmt::{self, Write};
use std::fs::File;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::FolderError;
use super::build::Build;
use super::cache::{Cache, Plan, Unusable};
use super::record::Settings;
use super::scan::Listing;
use crate::escape::{Shown, escaped_path, path_bytes};
use crate::held_out::held_out;
use crate::source::Images;
use crate::{DataError, Digest, Options, Split};

/// All images of a folder.
pub(crate) struct Decoded {
    listing: Arc<Listing>,
    settings: Settings,
    /// The SHA-256 of the pixels of each image; `None` for broken images.
    digests: Vec<Option<Digest>>,
    /// The split of each image. The split of a broken image has no meaning.
    splits: Vec<Split>,
    store: Store,
    /// What a user should know, one line each.
    notes: Vec<String>,
}

/// The place of the pixels.
enum Store {
    Memory(Vec<u8>),
    File(Cache),
}

impl Decoded {
    /// Opens the cache of a folder, or decodes the folder if its cache is missing, stale or
    /// damaged. Without a directory for caches, the folder is decoded into memory.
    ///
    /// # Errors
    /// If an image cannot be decoded, or the cache cannot be written.
    pub(crate) fn load(
        listing: Arc<Listing>,
        settings: Settings,
        options: &Options,
    ) -> Result<Self, DataError> {
        let build = Build {
            listing: &listing,
            settings: &settings,
            skip_broken: options.skip_broken,
            report: &options.report,
            open: &|path| File::open(path),
        };
        let mut notes = listing.notes.clone();
        let (store, digests) = match &options.cache_dir {
            None => decode_to_memory(&build)?,
            Some(directory) => {
                let plan = Plan::new(directory, &listing, &settings);
                let opened = plan.open();
                if opened.as_ref().is_err_and(|&problem| problem == Unusable::Damaged) {
                    notes.push(format!("{} was damaged; its images are decoded again", Shown(plan.path())));
                }
                // If broken images are not accepted, decoding finds out what is wrong with them.
                let is_accepted =
                    |digests: &[Option<Digest>]| options.skip_broken || digests.iter().all(Option::is_some);
                let opened = opened.ok().filter(|(_, digests)| is_accepted(digests));
                let (cache, digests) = opened.map_or_else(|| plan.write(|write| build.run(write)), Ok)?;
                (Store::File(cache), digests)
            }
        };
        if let Some(first) = digests.iter().position(Option::is_none) {
            let count = digests.iter().filter(|digest| digest.is_none()).count();
            let path = escaped_path(&listing.images[first].path);
            notes.push(format!("broken images are left out: {count}, the first is {path}"));
        }
        let splits = splits(&listing, &digests, options.test_fraction);
        Ok(Self { listing, settings, digests, splits, store, notes })
    }

    /// Returns the images that are not broken, with their SHA-256.
    fn sound(&self) -> impl Iterator<Item = (usize, Digest)> {
        self.digests.iter().enumerate().filter_map(|(image, digest)| Some((image, (*digest)?)))
    }

    /// Writes the pixels of image `image` of the listing, which is not broken, into `pixels`.
    fn read(&self, image: usize, pixels: &mut [u8]) -> Result<(), DataError> {
        match (&self.store, self.digests[image]) {
            (Store::File(cache), Some(digest)) => cache.read(image, digest, pixels)?,
            (Store::File(_), None) => unreachable!("broken images have no index in a split"),
            (Store::Memory(all), _) => {
                pixels.copy_from_slice(&all[image * pixels.len()..][..pixels.len()]);
            }
        }
        Ok(())
    }

    /// The SHA-256 over paths, splits, labels and pixels of all images. It does not depend on where
    /// the folder is.
    fn fingerprint(&self) -> Digest {
        let mut hash = Sha256::new();
        for number in [self.settings.size, self.settings.channels] {
            hash.update((number as u64).to_le_bytes());
        }
        for (image, digest) in self.sound() {
            let path = path_bytes(&self.listing.images[image].path);
            hash.update((path.len() as u64).to_le_bytes());
            hash.update(path);
            hash.update([u8::from(self.splits[image] == Split::Test)]);
            hash.update(self.listing.labels[image].to_le_bytes());
            hash.update(digest.bytes());
        }
        hash.into()
    }

    /// One line per image: split, class, digest and path, separated by tabs.
    fn file_list(&self) -> String {
        let mut list = String::new();
        for (image, digest) in self.sound() {
            let class = self.listing.classes.get(usize::from(self.listing.labels[image]));
            let class = class.map_or("-", String::as_str);
            let path = escaped_path(&self.listing.images[image].path);
            let digest = u64::from_be_bytes(*digest.bytes().first_chunk().expect("a digest has 32 bytes"));
            writeln!(list, "{}\t{class}\t{digest:016x}\t{path}", self.splits[image])
                .expect("a string can be written");
        }
        list
    }
}

fn decode_to_memory(build: &Build<'_>) -> Result<(Store, Vec<Option<Digest>>), DataError> {
    let len = build.settings.record_len();
    let needed = build.listing.images.len() as u64 * len as u64;
    let too_large = || DataError::Folder(FolderError::NoMemory { root: build.listing.root.clone(), needed });
    let bytes = usize::try_from(needed).map_err(|_| too_large())?;
    let mut all = Vec::new();
    all.try_reserve_exact(bytes).map_err(|_| too_large())?;
    all.resize(bytes, 0);
    let digests = build.run(&mut |image, pixels| {
        all[image * len..][..len].copy_from_slice(pixels);
        Ok(())
    })?;
    Ok((Store::Memory(all), digests))
}

/// Returns the split of each image: that of its folder, or by the hash of its path. A broken image
/// has no influence on the splits of others.
fn splits(listing: &Listing, digests: &[Option<Digest>], test_fraction: f64) -> Vec<Split> {
    if let Some(splits) = &listing.splits {
        return splits.clone();
    }
    let sound = || digests.iter().enumerate().filter(|(_, digest)| digest.is_some()).map(|(image, _)| image);
    let keys = sound().map(|image| path_bytes(&listing.images[image].path));
    let labels: Vec<u16> = sound().map(|image| listing.labels[image]).collect();
    let mut splits = vec![Split::Train; digests.len()];
    for (image, is_test) in sound().zip(held_out(keys, &labels, test_fraction)) {
        splits[image] = if is_test { Split::Test } else { Split::Train };
    }
    splits
}

/// The images of one split of a folder.
pub(crate) struct SplitImages {
    folder: Arc<Decoded>,
    /// The index of each image in the listing.
    images: Vec<usize>,
    labels: Vec<u16>,
}

impl SplitImages {
    pub(crate) fn new(folder: Arc<Decoded>, split: Split) -> Self {
        let images = folder.sound().map(|(image, _)| image).filter(|&image| folder.splits[image] == split);
        let images: Vec<usize> = images.collect();
        let labels = images.iter().map(|&image| folder.listing.labels[image]).collect();
        Self { folder, images, labels }
    }
}

impl Images for SplitImages {
    fn image_size(&self) -> usize {
        self.folder.settings.size
    }

    fn labels(&self) -> &[u16] {
        &self.labels
    }

    fn image(&self, index: usize, image: &mut [u8]) -> Result<(), DataError> {
        self.folder.read(self.images[index], image)
    }

    fn notes(&self) -> &[String] {
        &self.folder.notes
    }

    fn fingerprint(&self) -> Option<Digest> {
        Some(self.folder.fingerprint())
    }

    fn file_list(&self) -> Option<String> {
        Some(self.folder.file_list())
    }
}

impl fmt::Debug for SplitImages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let store = match self.folder.store {
            Store::Memory(_) => "memory",
            Store::File(_) => "file",
        };
        f.debug_struct("SplitImages").field("images", &self.images.len()).field("store", &store).finish()
    }
}
