//! The tasks that judges learn: the classes of images, their rotations, or the factors of glyphs.

use super::SEED;
use super::regressor::{FACTORS, Scales, normalised};
use adjoint_data::glyphs::Factors;
use adjoint_data::{Batches, Dataset, PixelRange};
use adjoint_metrics::judge::{Judge, cross_entropy, squared_error};
use adjoint_metrics::rotation::{ROTATIONS, all_rotations};
use adjoint_nn::optim::{Adam, Optimizer};
use adjoint_nn::{Tensor, Var};
use adjoint_recipes::labels;
use adjoint_runs::BoxError;

/// Number of images that a judge sees in a step.
const BATCH: usize = 128;
const STEP_SIZE: f64 = 1e-3;

/// A function from the indices of the images of a batch to the targets (inputs, outputs).
type Targets<'a> = Box<dyn Fn(&[usize]) -> Tensor<f32> + 'a>;

/// What a judge learns from the images of a set.
pub(super) struct Task<'a> {
    /// Its name in the names of files.
    pub(super) name: &'static str,
    /// Number of outputs of the judge.
    pub(super) outputs: usize,
    /// Number of images of the set in a batch, or fewer if the set has fewer.
    images: usize,
    /// The function from these images to the inputs of the judge.
    inputs: fn(&Tensor<f32>) -> Tensor<f32>,
    targets: Targets<'a>,
    loss: fn(&Var<f32>, &Var<f32>) -> Var<f32>,
}

impl<'a> Task<'a> {
    /// Returns the task to learn the class of each image of a set.
    pub(super) fn classes(train: &'a Dataset) -> Self {
        let targets = move |indices: &[usize]| labels::of_images(train, indices);
        Task {
            name: "classes",
            outputs: train.classes().len(),
            images: BATCH,
            inputs: Tensor::clone,
            targets: Box::new(targets),
            loss: cross_entropy,
        }
    }

    /// Returns the task to predict the rotation of an image. A batch has all four rotations of each
    /// of its images (Gidaris et al. 2018, section 3.1).
    pub(super) fn rotations() -> Self {
        let targets = |indices: &[usize]| {
            let turns = (0..ROTATIONS).flat_map(|turns| vec![turns; indices.len()]);
            labels::one_hot(&turns.collect::<Vec<_>>(), ROTATIONS)
        };
        Task {
            name: "rotations",
            outputs: ROTATIONS,
            images: BATCH / ROTATIONS,
            inputs: all_rotations,
            targets: Box::new(targets),
            loss: cross_entropy,
        }
    }

    /// Returns the task to learn the normalised factors of each image.
    pub(super) fn factors(factors: &'a [Factors], scales: &'a Scales) -> Self {
        let targets = move |indices: &[usize]| {
            let rows = indices.iter().flat_map(|&i| normalised(&factors[i], scales));
            let rows: Vec<f32> = rows.map(|number| number as f32).collect();
            Tensor::from_slice([indices.len(), FACTORS.len()], &rows)
        };
        Task {
            name: "factors",
            outputs: FACTORS.len(),
            images: BATCH,
            inputs: Tensor::clone,
            targets: Box::new(targets),
            loss: squared_error,
        }
    }

    /// Trains a new judge for `steps` steps. `show` gets the number of each step, counted from 1,
    /// and its loss.
    ///
    /// # Errors
    /// If the set has no images, or images cannot be read.
    pub(super) fn train(
        &self,
        train: &Dataset,
        steps: u64,
        mut show: impl FnMut(u64, f64),
    ) -> Result<Judge<f32>, BoxError> {
        let mut judge = Judge::new(train.image_size(), train.channels(), self.outputs, SEED);
        let images = self.images.min(train.len());
        let mut batches = Batches::new(train.clone(), images, SEED, PixelRange::Unit)?;
        let mut adam = Optimizer::new(&judge, STEP_SIZE, Adam::default());
        for step in 0..steps {
            adam.set_lr(STEP_SIZE * (1.0 - step as f64 / steps as f64));
            let batch = batches.batch(step)?;
            let x = Var::constant((self.inputs)(&batch.images));
            let y = Var::constant((self.targets)(&batch.indices));
            show(step + 1, adam.descend((self.loss)(&judge.forward(&x), &y), &mut judge));
        }
        Ok(judge)
    }
}
