//! Decodes all images of a folder on several threads.

use std::num::NonZero;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use super::FolderError;
use super::permit::{Large, Permit};
use super::record::{Failure, Open, Record, read};
use super::scan::Listing;
use crate::DataError;
use crate::cache::{Index, Write};
use crate::report::{Decoding, Report};
use crate::settings::Settings;

/// The decoding of a folder.
pub(crate) struct Build<'a> {
    pub(crate) listing: &'a Listing,
    pub(crate) settings: &'a Settings,
    /// Are broken images left out? Otherwise they are errors.
    pub(crate) skip_broken: bool,
    pub(crate) report: &'a Report,
    pub(crate) open: &'a Open<'a>,
}

/// The state that the threads share.
#[derive(Default)]
struct Shared {
    /// The index of the next image.
    next: AtomicUsize,
    /// Are the threads to stop?
    stop: AtomicBool,
    large: Large,
}

impl Build<'_> {
    /// Decodes the images and passes the index and the pixels of each to `write`, on the calling
    /// thread and in no fixed order.
    ///
    /// # Errors
    /// The error of the first image that has one, in the order of the listing;
    /// [`FolderError::FewSound`]; the error of `write`.
    pub(crate) fn run(&self, write: &mut Write<'_>) -> Result<Index, DataError> {
        let images = self.listing.images.len();
        let (mut digests, mut enlarged) = (vec![None; images], 0);
        let mut failed: Option<(usize, Failure)> = None;
        let threads = thread::available_parallelism().map_or(1, NonZero::get).min(images);
        let shared = Shared::default();
        thread::scope(|scope| {
            let (sender, receiver) = sync_channel(2 * threads);
            for _ in 0..threads {
                let (sender, shared) = (sender.clone(), &shared);
                scope.spawn(move || self.work(shared, &sender));
            }
            drop(sender);
            for (done, (image, result)) in receiver.into_iter().enumerate() {
                match result {
                    Ok(record) => {
                        // After an error, the receiver is dropped and the threads end.
                        write(image, &record.pixels)?;
                        digests[image] = Some(record.digest);
                        enlarged += u64::from(record.enlarged);
                    }
                    Err(Failure::Broken(_)) if self.skip_broken => {}
                    Err(failure) => {
                        // Images are taken in order, so results of earlier images still arrive.
                        shared.stop.store(true, Ordering::Relaxed);
                        if failed.as_ref().is_none_or(|&(first, _)| image < first) {
                            failed = Some((image, failure));
                        }
                    }
                }
                self.report.send(Decoding { folder: &self.listing.root, done: done + 1, total: images });
            }
            Ok::<_, DataError>(())
        })?;
        match failed {
            Some((index, failure)) => Err(failure.error(&self.path(index))),
            None => match digests.iter().flatten().count() {
                sound @ 0..=1 => {
                    let root = self.listing.root.clone();
                    Err(DataError::Folder(FolderError::FewSound { root, images, sound }))
                }
                _ => Ok(Index { digests, facts: enlarged.to_le_bytes().to_vec() }),
            },
        }
    }

    /// Takes one image after another, until there are none or the threads are to stop.
    fn work(&self, shared: &Shared, results: &SyncSender<(usize, Result<Record, Failure>)>) {
        while !shared.stop.load(Ordering::Relaxed) {
            let index = shared.next.fetch_add(1, Ordering::Relaxed);
            let Some(found) = self.listing.images.get(index) else { return };
            let mut permit = Permit::new(&shared.large);
            permit.acquire(found.size);
            let content = read(&self.path(index), found, self.open);
            let record = content.and_then(|content| Record::of(&content, self.settings, &mut permit));
            drop(permit);
            if results.send((index, record)).is_err() {
                return;
            }
        }
    }

    fn path(&self, index: usize) -> PathBuf {
        self.listing.root.join(&self.listing.images[index].path)
    }
}
