//! A folder with a cache.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use super::files::gray_png;
use super::{names, write};
use crate::folder::Folder;
use crate::report::{Decoding, Report};
use crate::source::{Images, Source};
use crate::{DataError, Options, Split};

/// A folder of images, a directory for caches, and the reported progress.
pub(super) struct Place {
    pub(super) root: TempDir,
    pub(super) options: Options,
    events: Arc<Mutex<Vec<String>>>,
}

impl Place {
    /// Two classes with three images each, of 20 x 20 pixels. Image `i` has the gray level 10 i.
    pub(super) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for image in 0..6 {
            let path = format!("set/{}/{image}.png", ["a", "b"][image / 3]);
            write(root.path(), &[(&path, &gray_png(20, 20, 10 * image as u8))]);
        }
        let events = Arc::new(Mutex::new(Vec::new()));
        let received = Arc::clone(&events);
        let report = Report::new(move |Decoding { done, total, .. }| {
            received.lock().unwrap().push(format!("{done}/{total}"));
        });
        let cache_dir = Some(root.path().join("caches"));
        let options = Options { image_size: 16, cache_dir, report, ..Options::default() };
        Self { root, options, events }
    }

    pub(super) fn folder(&self) -> PathBuf {
        self.root.path().join("set")
    }

    pub(super) fn caches(&self) -> PathBuf {
        self.root.path().join("caches")
    }

    /// The only cache.
    pub(super) fn cache(&self) -> PathBuf {
        let names = names(&self.caches());
        assert_eq!(names.len(), 1, "{names:?}");
        self.caches().join(&names[0])
    }

    pub(super) fn load(&self, split: Split) -> Result<Box<dyn Images>, DataError> {
        Folder::new(&self.folder(), &self.options).load(split, None)
    }

    /// The gray level of each image of both splits, sorted.
    pub(super) fn levels(&self) -> Vec<u8> {
        let mut levels = Vec::new();
        for split in [Split::Train, Split::Test] {
            levels.extend(pixels(&*self.load(split).unwrap(), 3).iter().map(|image| image[0]));
        }
        levels.sort();
        levels
    }

    /// The progress since the last call.
    pub(super) fn events(&self) -> Vec<String> {
        std::mem::take(&mut self.events.lock().unwrap())
    }

    pub(super) fn decodes(&self) -> bool {
        self.events().iter().any(|event| event.ends_with("/6"))
    }
}

/// The pixels of all images of a split.
pub(super) fn pixels(images: &dyn Images, channels: usize) -> Vec<Vec<u8>> {
    let read = |index| {
        let mut pixels = vec![0; images.image_size() * images.image_size() * channels];
        images.image(index, &mut pixels).unwrap();
        pixels
    };
    (0..images.labels().len()).map(read).collect()
}
