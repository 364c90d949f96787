//! Decodes single images of a folder again, in place of damaged ones in its cache.

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
use crate::{DataError, Digest};

/// The image files of a folder, as a store that decodes an image for each read.
pub(crate) struct Originals {
    pub(crate) root: PathBuf,
    pub(crate) keys: Arc<Keys>,
    pub(crate) settings: Settings,
    /// Where the images were kept.
    pub(crate) cache: PathBuf,
    pub(crate) large: Large,
}

impl Originals {
    fn decode(&self, path: &Path) -> Result<Record, Failure> {
        let listed = |path: &Path| -> io::Result<Found> {
            let metadata = fs::metadata(path)?;
            Ok(Found { path: path.into(), size: metadata.len(), modified: metadata.modified()? })
        };
        let found = listed(path).map_err(Failure::Unreadable)?;
        let mut permit = Permit::new(&self.large);
        permit.acquire(found.size);
        let content = read(path, &found, &|path| regular::open_file(path))?;
        Record::of(&content, &self.settings, &mut permit)
    }
}

impl Store for Originals {
    /// # Errors
    /// [`CacheError::Damaged`] if the file has other pixels now or cannot be decoded.
    fn read(&self, image: usize, digest: Digest, pixels: &mut [u8]) -> Result<(), DataError> {
        let path = self.root.join(path_of_bytes(&self.keys.key(image)));
        let problem = match self.decode(&path) {
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
