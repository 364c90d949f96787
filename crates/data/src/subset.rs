//! A random part of a set of images.

use std::sync::Arc;

use adjoint_tensor::Stream;

use crate::glyphs::Factors;
use crate::source::Images;
use crate::{DataError, Digest, Split};

/// Some of the images of a set.
#[derive(Debug)]
pub(crate) struct Subset {
    whole: Arc<dyn Images>,
    /// The index in `whole` of each image.
    indices: Vec<usize>,
    labels: Vec<u16>,
}

impl Subset {
    /// The first `limit` images of a random order of `whole`, drawn from the stream (seed,
    /// "limit/split", 0). The first images of a large subset are thus those of a small one.
    pub(crate) fn new(whole: Arc<dyn Images>, limit: usize, split: Split, seed: u64) -> Self {
        let mut indices: Vec<usize> = (0..whole.labels().len()).collect();
        Stream::new(seed, &format!("limit/{split}"), 0).shuffle(&mut indices);
        indices.truncate(limit);
        let labels = indices.iter().map(|&index| whole.labels()[index]).collect();
        Self { whole, indices, labels }
    }
}

impl Images for Subset {
    fn image_size(&self) -> usize {
        self.whole.image_size()
    }

    fn labels(&self) -> &[u16] {
        &self.labels
    }

    fn image(&self, index: usize, image: &mut [u8]) -> Result<(), DataError> {
        self.whole.image(self.indices[index], image)
    }

    fn prepare(&self, indices: &[usize]) {
        self.whole.prepare(&indices.iter().map(|&index| self.indices[index]).collect::<Vec<_>>());
    }

    fn notes(&self) -> &[String] {
        self.whole.notes()
    }

    fn factors(&self, index: usize) -> Option<Factors> {
        self.whole.factors(self.indices[index])
    }

    fn fingerprint(&self) -> Option<Digest> {
        self.whole.fingerprint()
    }

    fn file_list(&self) -> Option<String> {
        self.whole.file_list()
    }
}
