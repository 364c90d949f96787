//! The decoded images of a folder.

use std::sync::Arc;

use super::build::Build;
use super::key::content;
use super::originals::Originals;
use super::permit::Large;
use super::scan::Listing;
use crate::cache::{CacheError, Cached, Index, Plan, Unusable};
use crate::contents::{Contents, Keys, Splits};
use crate::escape::Shown;
use crate::regular;
use crate::settings::Settings;
use crate::split_images::{Set, Store};
use crate::{DataError, Digest, Options};

/// The pixels of all images, and what is known of them.
type Decoded = (Box<dyn Store>, Index);

/// Opens the cache of a folder, or decodes the folder if its cache is missing, stale or damaged.
/// Without a directory for caches, the folder is decoded into memory.
///
/// # Errors
/// If an image cannot be decoded, or the cache cannot be written.
pub(crate) fn load(mut listing: Listing, settings: Settings, options: &Options) -> Result<Set, DataError> {
    let mut notes = std::mem::take(&mut listing.notes);
    let keys = Arc::new(Keys::of_paths(listing.images.iter().map(|found| &*found.path)));
    let build = Build {
        listing: &listing,
        settings: &settings,
        skip_broken: options.skip_broken,
        report: &options.report,
        open: &|path| regular::open_file(path),
    };
    let (store, index) = match &options.cache_dir {
        None => decode_to_memory(&build)?,
        Some(directory) => {
            let plan = Plan::new(directory, content(&listing, &settings));
            let opened = plan.open();
            if opened.as_ref().is_err_and(|&problem| problem == Unusable::Damaged) {
                notes.push(format!("{} was damaged; its images are decoded again", Shown(plan.path())));
            }
            // If broken images are not accepted, decoding finds out what is wrong with them.
            let is_accepted =
                |index: &Index| options.skip_broken || index.digests.iter().all(Option::is_some);
            let opened = opened.ok().filter(|(_, index)| is_accepted(index));
            let (cache, index) = opened.map_or_else(|| plan.write(|write| build.run(write)), Ok)?;
            let origin = Originals {
                root: listing.root.clone(),
                keys: keys.clone(),
                settings,
                cache: plan.path().to_path_buf(),
                large: Large::default(),
            };
            (Box::new(Cached { cache, origin }) as Box<dyn Store>, index)
        }
    };
    let splits = listing.splits.map_or(Splits::HeldOut(options.test_fraction), Splits::Given);
    let contents = Contents::new(keys, listing.classes, listing.labels, index.digests, splits);
    if let Some((count, first)) = contents.broken() {
        notes.push(format!("broken images are left out: {count}, the first is {first}"));
    }
    let enlarged = index.facts.first_chunk().map_or(0, |&count| u64::from_le_bytes(count));
    if enlarged > 0 {
        let (all, size) = (contents.len(), settings.size);
        notes.push(format!("smaller images are enlarged to {size}x{size}: {enlarged} of {all}"));
    }
    Ok(Set { contents, settings, store, notes })
}

fn decode_to_memory(build: &Build<'_>) -> Result<Decoded, DataError> {
    let len = build.settings.image_len();
    let needed = build.listing.images.len() as u64 * len as u64;
    let too_large = || DataError::Cache(CacheError::NoMemory { origin: build.listing.root.clone(), needed });
    let bytes = usize::try_from(needed).map_err(|_| too_large())?;
    let mut all = Vec::new();
    all.try_reserve_exact(bytes).map_err(|_| too_large())?;
    all.resize(bytes, 0);
    let index = build.run(&mut |image, pixels| {
        all[image * len..][..len].copy_from_slice(pixels);
        Ok(())
    })?;
    Ok((Box::new(all), index))
}

/// All images one after another, in memory.
impl Store for Vec<u8> {
    fn read(&self, image: usize, _digest: Digest, pixels: &mut [u8]) -> Result<(), DataError> {
        pixels.copy_from_slice(&self[image * pixels.len()..][..pixels.len()]);
        Ok(())
    }

    fn kind(&self) -> &'static str {
        "memory"
    }
}
