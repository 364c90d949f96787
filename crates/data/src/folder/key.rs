//! The key of the cache of a folder.

use sha2::{Digest as _, Sha256};

use super::scan::Listing;
use crate::Digest;
use crate::cache::{Content, VERSION, hash_file};
use crate::settings::Settings;

/// The crates that decode, with their versions in `Cargo.lock`.
pub(super) const DECODERS: [&str; 5] =
    ["gif 0.14.2", "image 0.25.10", "image-webp 0.2.4", "png 0.18.1", "zune-jpeg 0.5.15"];

/// The images of a folder in the order of the listing. The facts are the number of images that were
/// smaller than the pixels that show them: eight bytes, low byte first.
pub(crate) fn content(listing: &Listing, settings: &Settings) -> Content {
    Content {
        source: listing.root.clone(),
        key: key(listing, settings),
        images: listing.images.len(),
        record_len: settings.image_len(),
        facts_len: size_of::<u64>(),
    }
}

/// Returns the SHA-256 of everything on which the pixels depend.
fn key(listing: &Listing, settings: &Settings) -> Digest {
    let mut hash = Sha256::new();
    hash.update(VERSION.to_le_bytes());
    DECODERS.iter().for_each(|decoder| hash.update(decoder));
    settings.hash(&mut hash);
    for found in &listing.images {
        hash_file(&mut hash, &found.path, found.size, found.modified);
    }
    hash.into()
}
