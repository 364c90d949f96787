//! The decoded images of a folder.

use std::path::Path;
use std::sync::Arc;

use super::build::Build;
use super::key::content;
use super::originals::Originals;
use super::permit::Large;
use super::scan::Listing;
use crate::cache::Index;
use crate::contents::{Contents, Keys, Splits};
use crate::regular;
use crate::settings::Settings;
use crate::split_images::Set;
use crate::{DataError, Options};

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
    // If broken images are not accepted, decoding finds out what is wrong with them.
    let is_accepted = |index: &Index| options.skip_broken || index.digests.iter().all(Option::is_some);
    let originals = |cache: &Path, _: &Index| Originals {
        root: listing.root.clone(),
        keys: keys.clone(),
        settings,
        cache: cache.to_path_buf(),
        large: Large::default(),
    };
    let (content, directory) = (content(&listing, &settings), options.cache_dir.as_deref());
    let (store, index) =
        content.keep(directory, is_accepted, |write| build.run(write), originals, &mut notes)?;
    let splits = Splits::new(listing.splits, options);
    notes.extend(splits.note(options));
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
