//! The order in which training sees a dataset: shuffled epochs, cut into batches that are addressed
//! by the step.

use adjoint_tensor::{PixelRange, Stream, Tensor};

use crate::{DataError, Dataset};

/// What to do with the images at the end of an epoch that don't fill a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastBatch {
    /// Leave them out of this epoch; the next one is shuffled anew and leaves out others.
    Drop,
    /// Give them as a smaller batch.
    Keep,
}

/// Shuffled batches of a dataset.
///
/// Epoch `e` is a permutation drawn from the stream (seed, "shuffle", e), and batch `s` is a slice
/// of it, so what a step sees depends on the seed and the step alone. A resumed run asks for the
/// next step and continues exactly.
#[derive(Debug)]
pub struct Batches {
    dataset: Dataset,
    batch_size: usize,
    seed: u64,
    last: LastBatch,
    range: PixelRange,
    /// The permutation that was used last, and its epoch.
    order: (Option<u64>, Vec<usize>),
}

/// What a training step sees.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The images, (batch, height, width, channels).
    pub images: Tensor<f32>,
    /// Their classes.
    pub labels: Vec<usize>,
    /// Their positions in the dataset.
    pub indices: Vec<usize>,
    /// The epoch it belongs to, from 0.
    pub epoch: u64,
}

impl Batches {
    /// Batches of `batch_size` images.
    ///
    /// # Errors
    /// [`DataError::Empty`] if there are no images; [`DataError::BatchSize`] if that is 0 or more
    /// than there are.
    pub fn new(
        dataset: Dataset,
        batch_size: usize,
        seed: u64,
        last: LastBatch,
        range: PixelRange,
    ) -> Result<Self, DataError> {
        if dataset.is_empty() {
            return Err(DataError::Empty { dataset: dataset.name().to_string() });
        }
        if !(1..=dataset.len()).contains(&batch_size) {
            return Err(DataError::BatchSize {
                batch_size,
                dataset: dataset.name().to_string(),
                images: dataset.len(),
            });
        }
        Ok(Self { dataset, batch_size, seed, last, range, order: (None, Vec::new()) })
    }

    /// The dataset the batches are of.
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// Number of batches in an epoch, at least 1.
    pub fn steps_per_epoch(&self) -> u64 {
        let steps = match self.last {
            LastBatch::Drop => self.dataset.len() / self.batch_size,
            LastBatch::Keep => self.dataset.len().div_ceil(self.batch_size),
        };
        steps as u64
    }

    /// The epoch that `step`, counted from 0 over all epochs, belongs to.
    pub fn epoch_of(&self, step: u64) -> u64 {
        step / self.steps_per_epoch()
    }

    /// The batch of `step`, counted from 0 over all epochs.
    pub fn batch(&mut self, step: u64) -> Batch {
        let epoch = self.epoch_of(step);
        let start = (step % self.steps_per_epoch()) as usize * self.batch_size;
        let end = (start + self.batch_size).min(self.dataset.len());
        let indices = self.permutation(epoch)[start..end].to_vec();
        let labels = indices.iter().map(|&index| usize::from(self.dataset.labels()[index])).collect();
        Batch { images: self.dataset.images(&indices, self.range), labels, indices, epoch }
    }

    fn permutation(&mut self, epoch: u64) -> &[usize] {
        if self.order.0 != Some(epoch) {
            let mut order: Vec<usize> = (0..self.dataset.len()).collect();
            Stream::new(self.seed, "shuffle", epoch).shuffle(&mut order);
            self.order = (Some(epoch), order);
        }
        &self.order.1
    }
}
