//! The progress of decoding a folder or an array.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// The progress of decoding a folder of images or an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoding<'a> {
    /// The folder or the file of arrays.
    pub folder: &'a Path,
    /// Number of images that have been decoded.
    pub done: usize,
    /// Number of images of the dataset.
    pub total: usize,
}

/// Receives the progress of decoding. The default ignores it.
#[derive(Clone, Default)]
pub struct Report(Option<Arc<Receiver>>);

type Receiver = dyn Fn(Decoding<'_>) + Send + Sync;

impl Report {
    /// Calls `receive` after each image, on the thread that loads the dataset.
    pub fn new(receive: impl Fn(Decoding<'_>) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(receive)))
    }

    pub(crate) fn send(&self, progress: Decoding<'_>) {
        if let Some(receive) = &self.0 {
            receive(progress);
        }
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Report(..)" } else { "Report(none)" })
    }
}
