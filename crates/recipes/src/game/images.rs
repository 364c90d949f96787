//! The data of games of images.

use crate::data::DataArgs;
use crate::game::{GameData, Play};
use crate::pictures::{self, SAMPLES};
use crate::{data, labels, limits};
use adjoint_adversarial::Condition;
use adjoint_data::{Batches, DataError, Dataset, PixelRange, Prefetch};
use adjoint_nn::{Stream, Tensor};
use adjoint_runs::{BoxError, CommonArgs, Figures, Image, Stop};
use std::ops::Range;

/// Number of test images in a picture, if conditions are images.
const SHOWN: usize = 24;
/// Maximum number of test images that are measured, and maximum number that are measured at once.
const MEASURED: usize = 2_000;
const CHUNK: usize = 500;

/// The images of a dataset, with pixels in [-1, 1].
pub struct ImageData {
    batches: Prefetch,
    condition: Option<Condition>,
    train: Dataset,
    seed: u64,
    /// The test set, if conditions are images. Pictures show it, and numbers are measured on it.
    test: Option<Dataset>,
}

impl ImageData {
    /// Loads the training set that the flags name.
    ///
    /// # Errors
    /// If the set can't be loaded, or has fewer images than a batch.
    pub fn load(
        data: &mut DataArgs,
        common: &CommonArgs,
        condition: Option<Condition>,
    ) -> Result<Self, BoxError> {
        let (train, test) = if condition.is_some_and(Condition::is_image) {
            let [train, test] = data::load_both_to_train(data, common)?;
            (train, Some(test))
        } else {
            (data::load_to_train(data, common)?, None)
        };
        let batches = Batches::new(train, common.batch_size, common.seed, PixelRange::Symmetric)?;
        Ok(Self::of_batches(batches.with_flips(data.flip), test, common.seed, condition))
    }

    /// Returns the data of a game with these batches. `test` is the test set, which is needed if
    /// conditions are images.
    pub(crate) fn of_batches(
        batches: Batches,
        test: Option<Dataset>,
        seed: u64,
        condition: Option<Condition>,
    ) -> Self {
        let train = batches.dataset().clone();
        Self { batches: Prefetch::new(batches), train, condition, seed, test }
    }

    /// Returns the test images in a range and their conditions. Equal ranges give equal conditions.
    fn tests(&self, test: &Dataset, range: Range<usize>) -> Result<(Tensor<f32>, Tensor<f32>), DataError> {
        let (from, indices) = (range.start, range.collect::<Vec<_>>());
        let x = test.images(&indices, PixelRange::Symmetric)?;
        let condition = self.condition.expect("the test set is loaded if conditions are images");
        let y = conditions_of_tests(condition, &x, from, self.seed);
        Ok((x, y))
    }
}

/// Returns the condition images of consecutive test images, of which the first has index `from`.
pub fn conditions_of_tests(condition: Condition, x: &Tensor<f32>, from: usize, seed: u64) -> Tensor<f32> {
    condition.of_images(x, &mut Stream::new(seed, "condition/test", from as u64))
}

impl GameData for ImageData {
    fn batches_per_epoch(&self) -> u64 {
        self.batches.steps_per_epoch()
    }

    fn batch(&mut self, index: u64) -> Result<(Tensor<f32>, Option<Tensor<f32>>), BoxError> {
        let batch = self.batches.batch(index)?;
        let condition = self.condition.map(|condition| match condition {
            Condition::Class => labels::one_hot(&batch.labels, self.train.classes().len()),
            image => image.of_images(&batch.images, &mut Stream::new(self.seed, "condition", index)),
        });
        Ok((batch.images, condition))
    }

    fn records(&self) -> Vec<(&'static str, String)> {
        data::records(&self.train)
    }

    /// Draws a picture of samples. Without conditions, the picture is a square of samples. If
    /// conditions are classes, each row has one class, and all samples in a column have the same
    /// noise. If conditions are images, each sample is below its condition and above its test
    /// image.
    fn pictures(&mut self, players: &mut dyn Play) -> Result<Vec<(&'static str, Image)>, BoxError> {
        let range = PixelRange::Symmetric;
        let picture = if let Some(test) = &self.test {
            let (x, y) = self.tests(test, 0..SHOWN.min(test.len()))?;
            let fake = players.sample(&players.noise("samples", x.dims()[0]), Some(&y));
            pictures::series(&[&y, &fake, &x], range)
        } else {
            let classes = self.condition.map(|_| self.train.classes().len());
            let z = players.noise("samples", SAMPLES);
            pictures::samples(&z, classes, range, |z, labels| players.sample(z, labels))
        };
        Ok(vec![("samples", picture)])
    }

    /// Returns the mean of |x - G(z, y)| over test images x with conditions y. Returns no numbers
    /// if conditions are not images. Returns None if `stop` returned true.
    fn epoch_figures(&mut self, players: &mut dyn Play, stop: Stop) -> Result<Option<Figures>, BoxError> {
        let Some(test) = &self.test else { return Ok(Some(Figures::default())) };
        let images = MEASURED.min(test.len());
        let (mut sum, mut count) = (0.0, 0);
        for part in limits::parts(0..images, limits::chunk(CHUNK, test.image_len())) {
            let (x, y) = self.tests(test, part)?;
            let z = players.noise("measured", x.dims()[0]);
            let Some(fake) = players.sample_unless(&z, Some(&y), stop) else { return Ok(None) };
            sum += x.data().iter().zip(fake.data()).map(|(x, g)| f64::from((x - g).abs())).sum::<f64>();
            count += x.len();
        }
        Ok(Some([("l1_test", sum / count as f64)].into()))
    }

    fn sample_command(&self) -> (&'static str, &'static str) {
        match self.condition {
            None => ("walks between samples", "interpolate"),
            Some(Condition::Class) => ("one row per class", "classes"),
            Some(_) => ("test images with their conditions and samples", "reconstruct"),
        }
    }
}
