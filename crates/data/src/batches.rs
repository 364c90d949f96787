//! Shuffled batches: each epoch is a permutation of the dataset, divided into batches. A batch is
//! requested by its step number.

use adjoint_tensor::{PixelRange, Stream, Tensor};

use crate::{DataError, Dataset};

/// Shuffled batches of a dataset.
///
/// Epoch `e` is a permutation drawn from the stream (seed, "shuffle", e). It is divided into
/// batches. Images at the end of the permutation that do not fill a batch are left out of this
/// epoch. The batch of step `s` depends on the seed and on `s` alone. A resumed run therefore sees
/// the same batches as an uninterrupted one.
#[derive(Debug)]
pub struct Batches {
    dataset: Dataset,
    batch_size: usize,
    seed: u64,
    range: PixelRange,
    /// Whether half of the images, chosen at random, are mirrored.
    flips: bool,
    /// The most recently used permutation, and its epoch.
    order: (Option<u64>, Vec<usize>),
}

/// The images and labels of one training step.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The images, (batch, height, width, channels).
    pub images: Tensor<f32>,
    /// The class of each image.
    pub labels: Vec<usize>,
    /// The index of each image in the dataset.
    pub indices: Vec<usize>,
    /// The epoch of the batch, counted from 0.
    pub epoch: u64,
}

/// A [`Batch`] whose images are bytes. Another thread reads it. The thread that trains makes the
/// tensor, with the vector instructions and threads of the kernels.
#[derive(Debug)]
pub(crate) struct BatchOfBytes {
    pixels: Vec<u8>,
    dims: [usize; 4],
    range: PixelRange,
    labels: Vec<usize>,
    indices: Vec<usize>,
    epoch: u64,
}

impl BatchOfBytes {
    pub(crate) fn into_values(self) -> Batch {
        let Self { pixels, dims, range, labels, indices, epoch } = self;
        Batch { images: range.tensor(dims, &pixels), labels, indices, epoch }
    }
}

impl Batches {
    /// Divides `dataset` into shuffled batches of `batch_size` images.
    ///
    /// # Errors
    /// [`DataError::Empty`] if the dataset has no images; [`DataError::BatchSize`] if `batch_size`
    /// is 0 or larger than the number of images.
    pub fn new(dataset: Dataset, batch_size: usize, seed: u64, range: PixelRange) -> Result<Self, DataError> {
        if dataset.is_empty() {
            return Err(DataError::Empty(dataset.name().to_string()));
        }
        if !(1..=dataset.len()).contains(&batch_size) {
            return Err(DataError::BatchSize {
                batch_size,
                dataset: dataset.name().to_string(),
                images: dataset.len(),
            });
        }
        Ok(Self { dataset, batch_size, seed, range, flips: false, order: (None, Vec::new()) })
    }

    /// Mirrors about half of the images left-right if `flips` is true. Whether image `i` is
    /// mirrored in epoch `e` is one bit of the stream (seed, "flip/e", i). It does not depend on
    /// the batch. By default, no image is mirrored.
    #[must_use]
    pub fn with_flips(self, flips: bool) -> Self {
        Self { flips, ..self }
    }

    /// The images.
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// Number of batches in an epoch, at least 1.
    pub fn steps_per_epoch(&self) -> u64 {
        (self.dataset.len() / self.batch_size) as u64
    }

    /// The batch of `step`. Steps are counted from 0 over all epochs.
    ///
    /// # Errors
    /// If an image of the batch cannot be read.
    pub fn batch(&mut self, step: u64) -> Result<Batch, DataError> {
        self.read(step).map(BatchOfBytes::into_values)
    }

    /// Reads the batch of `step`.
    ///
    /// # Errors
    /// If an image of the batch cannot be read.
    pub(crate) fn read(&mut self, step: u64) -> Result<BatchOfBytes, DataError> {
        let epoch = step / self.steps_per_epoch();
        if self.order.0 != Some(epoch) {
            let mut order: Vec<usize> = (0..self.dataset.len()).collect();
            Stream::new(self.seed, "shuffle", epoch).shuffle(&mut order);
            self.order = (Some(epoch), order);
        }
        let start = (step % self.steps_per_epoch()) as usize * self.batch_size;
        let indices = self.order.1[start..][..self.batch_size].to_vec();
        let labels = indices.iter().map(|&index| usize::from(self.dataset.labels()[index])).collect();
        let mut pixels = self.dataset.pixels(&indices)?;
        if self.flips {
            self.flip(&mut pixels, &indices, epoch);
        }
        let dims = self.dataset.dims_of(indices.len());
        Ok(BatchOfBytes { pixels, dims, range: self.range, labels, indices, epoch })
    }

    /// Mirrors those images that are mirrored in `epoch`.
    fn flip(&self, pixels: &mut [u8], indices: &[usize], epoch: u64) {
        let purpose = format!("flip/{epoch}");
        let (image_len, channels) = (self.dataset.image_len(), self.dataset.channels());
        for (image, &index) in pixels.chunks_exact_mut(image_len).zip(indices) {
            if Stream::new(self.seed, &purpose, index as u64).bits() & 1 == 1 {
                adjoint_raster::mirror(image, self.dataset.image_size(), channels);
            }
        }
    }
}
