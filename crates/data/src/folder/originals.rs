//! Decodes single image files: those in place of damaged ones in a cache, and those that are in no
//! dataset.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::permit::{Large, Permit};
use super::record::{Failure, Record, read};
use super::walk::Found;
use crate::cache::CacheError;
use crate::contents::Keys;
use crate::escape::path_of_bytes;
use crate::regular;
use crate::settings::Settings;
use crate::split_images::Store;
use crate::{DataError, Digest, FitMode, Options};

/// The image files of a folder, as a store that decodes an image for each read.
pub(crate) struct Originals {
    pub(crate) root: PathBuf,
    pub(crate) keys: Arc<Keys>,
    pub(crate) settings: Settings,
    /// Where the images were kept.
    pub(crate) cache: PathBuf,
    pub(crate) large: Large,
}

fn decode(path: &Path, settings: &Settings, large: &Large) -> Result<Record, Failure> {
    let listed = |path: &Path| -> io::Result<Found> {
        let metadata = fs::metadata(path)?;
        Ok(Found { path: path.into(), size: metadata.len(), modified: metadata.modified()? })
    };
    let found = listed(path).map_err(Failure::Unreadable)?;
    let mut permit = Permit::new(large);
    permit.acquire(found.size);
    let content = read(path, &found, &|path| regular::open_file(path))?;
    Record::of(&content, settings, &mut permit)
}

/// Decodes an image file that need not be in a dataset. Returns its pixels at the size of the
/// options, height x width x channels bytes, as those of a folder with these options.
///
/// # Errors
/// If the file cannot be read or decoded.
pub fn decode_file(path: &Path, options: &Options, channels: usize) -> Result<Vec<u8>, DataError> {
    let settings = Settings::of(options, channels, FitMode::Crop);
    let record = decode(path, &settings, &Large::default()).map_err(|failure| failure.error(path))?;
    Ok(record.pixels)
}

impl Store for Originals {
    /// # Errors
    /// [`CacheError::Damaged`] if the file has other pixels now or cannot be decoded.
    fn read(&self, image: usize, digest: Digest, pixels: &mut [u8]) -> Result<(), DataError> {
        let path = self.root.join(path_of_bytes(&self.keys.key(image)));
        let problem = match decode(&path, &self.settings, &self.large) {
            Ok(record) if record.digest == digest => {
                pixels.copy_from_slice(&record.pixels);
                return Ok(());
            }
            Ok(_) | Err(Failure::Changed) => "it has changed".to_owned(),
            Err(Failure::Broken(problem)) => problem,
            Err(Failure::Unreadable(cause)) => cause.to_string(),
        };
        let cache = self.cache.clone();
        Err(DataError::Cache(CacheError::Damaged { cache, path, problem }))
    }

    fn kind(&self) -> &'static str {
        "files"
    }
}
