//! Games about images.

use crate::game::{Play, Stage};
use crate::{data, labels};
use adjoint_data::{Batches, LastBatch, PixelRange, Prefetch, Split};
use adjoint_nn::Tensor;
use adjoint_train::{BoxError, CommonArgs, Grid, Image, Panel, Range, plot};

/// Samples on a grid, 8 x 8 of them.
const SAMPLES: usize = 64;
/// Samples of each class on a grid of classes.
const PER_CLASS: usize = 8;

/// What G is told of the image it is to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    None,
    /// Its class, as a one-hot row.
    Class,
}

/// The images of a dataset in [-1, 1].
pub struct ImageStage {
    batches: Prefetch,
    condition: Condition,
    classes: usize,
    size: usize,
}

impl ImageStage {
    /// The training set that the flags name.
    ///
    /// # Errors
    /// If it can't be had, or has fewer images than a batch.
    pub fn load(common: &CommonArgs, condition: Condition) -> Result<Self, BoxError> {
        let dataset = data::load(common, Split::Train)?;
        let (classes, size) = (dataset.classes().len(), dataset.image_size());
        let (seed, last) = (common.seed, LastBatch::Drop);
        let batches = Batches::new(dataset, common.batch_size, seed, last, PixelRange::Symmetric)?;
        Ok(Self { batches: Prefetch::new(batches), condition, classes, size })
    }
}

impl Stage for ImageStage {
    fn batches_per_epoch(&self) -> u64 {
        self.batches.steps_per_epoch()
    }

    fn batch(&mut self, index: u64) -> (Tensor<f32>, Option<Tensor<f32>>) {
        let batch = self.batches.batch(index);
        let classes = self.classes;
        let condition = match self.condition {
            Condition::None => None,
            Condition::Class => Some(labels::one_hot(&batch.labels, classes)),
        };
        (batch.images, condition)
    }

    /// A square of samples; or a row of each class, with the same noise down a column.
    fn pictures(&mut self, players: &mut dyn Play) -> Vec<(&'static str, Image)> {
        let (samples, grid) = match self.condition {
            Condition::None => {
                let z = players.noise("samples", SAMPLES);
                (players.sample(&z, None), Grid::square(SAMPLES, self.size))
            }
            Condition::Class => {
                let z = players.noise("samples", PER_CLASS);
                let z = Tensor::concat(&vec![&z; self.classes], 0);
                let rows: Vec<usize> = (0..self.classes * PER_CLASS).map(|i| i / PER_CLASS).collect();
                let labels = labels::one_hot(&rows, self.classes);
                let grid = Grid { columns: PER_CLASS, ..Grid::square(rows.len(), self.size) };
                (players.sample(&z, Some(&labels)), grid)
            }
        };
        vec![("samples", grid.draw(&samples, Range::Signed))]
    }

    fn panels(&self) -> &'static [Panel] {
        plot::ADVERSARIAL
    }
}
