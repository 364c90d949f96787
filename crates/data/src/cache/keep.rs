//! Keeps images in a file, or in memory.

use std::path::Path;

use super::{CacheError, Cached, Content, Index, Plan, Unusable, Write};
use crate::escape::Shown;
use crate::split_images::Store;
use crate::{DataError, Digest};

/// The images, and what is known of them.
type Kept = (Box<dyn Store>, Index);

impl Content {
    /// Opens the cache in `directory`. If it is missing, stale or damaged, or if its index is not
    /// accepted, writes it. Without a directory, the images are kept in memory. `fill` passes the
    /// images to the function that it receives. `origin` replaces damaged images. Its arguments are
    /// the path and the index of the cache.
    ///
    /// # Errors
    /// If the images cannot be kept, and the error of `fill`.
    pub(crate) fn keep<O: Store + 'static>(
        self,
        directory: Option<&Path>,
        is_accepted: impl Fn(&Index) -> bool,
        fill: impl FnOnce(&mut Write<'_>) -> Result<Index, DataError>,
        origin: impl FnOnce(&Path, &Index) -> O,
        notes: &mut Vec<String>,
    ) -> Result<Kept, DataError> {
        let Some(directory) = directory else { return self.in_memory(fill) };
        let plan = Plan::new(directory, self);
        let opened = plan.open();
        if opened.as_ref().is_err_and(|&problem| problem == Unusable::Damaged) {
            notes.push(format!("{} was damaged; its images are decoded again", Shown(plan.path())));
        }
        let opened = opened.ok().filter(|(_, index)| is_accepted(index));
        let (cache, index) = opened.map_or_else(|| plan.write(fill), Ok)?;
        let origin = origin(plan.path(), &index);
        Ok((Box::new(Cached { cache, origin }), index))
    }

    fn in_memory(
        self,
        fill: impl FnOnce(&mut Write<'_>) -> Result<Index, DataError>,
    ) -> Result<Kept, DataError> {
        let len = self.record_len;
        let needed = self.images as u64 * len as u64;
        let too_large = || DataError::Cache(CacheError::NoMemory { origin: self.source.clone(), needed });
        let bytes = usize::try_from(needed).map_err(|_| too_large())?;
        let mut all = Vec::new();
        all.try_reserve_exact(bytes).map_err(|_| too_large())?;
        all.resize(bytes, 0);
        let index = fill(&mut |image, pixels| {
            all[image * len..][..len].copy_from_slice(pixels);
            Ok(())
        })?;
        Ok((Box::new(all), index))
    }
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
