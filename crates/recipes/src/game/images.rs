//! Games about images.

use crate::game::{Play, Stage};
use crate::pictures::{self, COLUMNS};
use crate::{data, labels, limits};
use adjoint_data::{Batches, Dataset, LastBatch, PixelRange, Prefetch, Split};
use adjoint_nn::{Stream, Tensor};
use adjoint_runs::{BoxError, CommonArgs, Figures, Image, Panel, plot};

/// Samples on a picture, 8 x 8 of them.
const SAMPLES: usize = 64;
/// Test images that are shown with their conditions.
const SHOWN: usize = 24;
/// Test images that are measured, and how many at once.
const MEASURED: usize = 2_000;
const CHUNK: usize = 500;
/// Standard deviation of the noise of [`Condition::Denoise`], of pixels in [-1, 1].
const NOISE: f64 = 0.6;

choice!(
    /// What both networks are told of an image.
    Condition {
        /// Its class
        Class,
        /// All of it but a square, half as wide and high, that is grey
        Inpaint,
        /// It under noise
        Denoise,
        /// Its edges: how steep it is at each pixel
        Edges
    }
);

/// The images of a dataset in [-1, 1].
pub struct ImageStage {
    batches: Prefetch,
    condition: Option<Condition>,
    classes: usize,
    seed: u64,
    /// Where the condition is an image: the test set, to show and to measure.
    test: Option<Dataset>,
}

impl ImageStage {
    /// The training set that the flags name.
    ///
    /// # Errors
    /// If it can't be had, or has fewer images than a batch.
    pub fn load(common: &CommonArgs, condition: Option<Condition>) -> Result<Self, BoxError> {
        let dataset = data::load_to_train(common)?;
        let images = condition.is_some_and(Condition::is_image);
        let test = images.then(|| data::load(common, Split::Test)).transpose()?;
        let (classes, seed, last) = (dataset.classes().len(), common.seed, LastBatch::Drop);
        let batches = Batches::new(dataset, common.batch_size, seed, last, PixelRange::Symmetric)?;
        Ok(Self { batches: Prefetch::new(batches), condition, classes, seed, test })
    }

    /// Test images with their conditions: always the same.
    fn tests(&self, test: &Dataset, range: std::ops::Range<usize>) -> (Tensor<f32>, Tensor<f32>) {
        let mut stream = Stream::new(self.seed, "condition/test", range.start as u64);
        let x = test.images(&range.collect::<Vec<_>>(), PixelRange::Symmetric);
        let condition = self.condition.expect("the test set is loaded where conditions are images");
        let y = condition.of_images(&x, &mut stream);
        (x, y)
    }
}

impl Condition {
    /// Is it an image?
    pub fn is_image(self) -> bool {
        self != Condition::Class
    }

    /// The conditions of images (N, H, W, C) where they are images, too. What is random of them is
    /// the stream's.
    ///
    /// # Panics
    /// If they are none.
    #[track_caller]
    pub fn of_images(self, x: &Tensor<f32>, stream: &mut Stream) -> Tensor<f32> {
        match self {
            Condition::Class => panic!("a class is no image"),
            Condition::Inpaint => with_hole(x, stream),
            Condition::Denoise => x.zip(&stream.normal_tensor(x.shape(), 0.0, NOISE), |x, e| x + e),
            Condition::Edges => steepness(x),
        }
    }
}

/// Images with a square of half their size grey, anywhere.
fn with_hole(x: &Tensor<f32>, stream: &mut Stream) -> Tensor<f32> {
    let [_, height, width, channels] = x.shape().nhwc();
    let mut y = x.clone();
    let row = width * channels;
    for image in y.data_mut().chunks_exact_mut((height * row).max(1)) {
        let [top, left] = [height, width].map(|side| stream.below(side - side / 2 + 1));
        for line in image.chunks_exact_mut(row).skip(top).take(height / 2) {
            line[left * channels..(left + width / 2) * channels].fill(0.0);
        }
    }
    y
}

/// The length of the gradient of each channel by central differences, from -1 (flat) to 1 (as steep
/// as from black to white within two pixels, or steeper).
fn steepness(x: &Tensor<f32>) -> Tensor<f32> {
    let [_, height, width, channels] = x.shape().nhwc();
    let row = width * channels;
    Tensor::build(x.shape(), |out| {
        let images = x.data().chunks_exact((height * row).max(1));
        for (image, out) in images.zip(out.chunks_exact_mut((height * row).max(1))) {
            let at = |i: usize, j: usize, c: usize| image[i * row + j * channels + c];
            for (k, y) in out.iter_mut().enumerate() {
                let (i, j, c) = (k / row, k % row / channels, k % channels);
                let down = at((i + 1).min(height - 1), j, c) - at(i.saturating_sub(1), j, c);
                let right = at(i, (j + 1).min(width - 1), c) - at(i, j.saturating_sub(1), c);
                *y = down.hypot(right).min(2.0) - 1.0;
            }
        }
    })
}

impl Stage for ImageStage {
    fn batches_per_epoch(&self) -> u64 {
        self.batches.steps_per_epoch()
    }

    fn batch(&mut self, index: u64) -> (Tensor<f32>, Option<Tensor<f32>>) {
        let batch = self.batches.batch(index);
        let condition = self.condition.map(|condition| match condition {
            Condition::Class => labels::one_hot(&batch.labels, self.classes),
            image => image.of_images(&batch.images, &mut Stream::new(self.seed, "condition", index)),
        });
        (batch.images, condition)
    }

    /// A square of samples; or a row of each class, with the same noise down a column; or test
    /// images in rows of three: the condition, the sample, the image itself.
    fn pictures(&mut self, players: &mut dyn Play) -> Vec<(&'static str, Image)> {
        let range = PixelRange::Symmetric;
        let picture = match self.condition {
            None => pictures::square(&players.sample(&players.noise("samples", SAMPLES), None), range),
            Some(Condition::Class) => {
                let [z, labels] = pictures::row_per_class(&players.noise("samples", COLUMNS), self.classes);
                pictures::rows(&players.sample(&z, Some(&labels)), COLUMNS, range)
            }
            Some(_) => {
                let test = self.test.as_ref().expect("loaded where conditions are images");
                let (x, y) = self.tests(test, 0..SHOWN.min(test.len()));
                let fake = players.sample(&players.noise("samples", x.dims()[0]), Some(&y));
                pictures::series(&[&y, &fake, &x], range)
            }
        };
        vec![("samples", picture)]
    }

    /// Where conditions are images, the mean of |x - G(z, y)| over test images.
    fn epoch_figures(
        &mut self,
        players: &mut dyn Play,
        stop: &dyn Fn() -> bool,
    ) -> Result<Option<Figures>, BoxError> {
        let Some(test) = &self.test else { return Ok(Some(Figures::default())) };
        let images = MEASURED.min(test.len());
        let (mut sum, mut count) = (0.0, 0);
        let chunk = limits::chunk(CHUNK, test.image_len());
        for start in (0..images).step_by(chunk) {
            let (x, y) = self.tests(test, start..(start + chunk).min(images));
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
            Some(Condition::Class) => ("a row of each class", "classes"),
            Some(_) => ("test images and what is made of their conditions", "reconstruct"),
        }
    }

    fn panels(&self) -> &'static [Panel] {
        plot::ADVERSARIAL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images() -> Tensor<f32> {
        // Left half black, right half white.
        let pixel = |i: usize| if i % 8 < 4 { -1.0 } else { 1.0 };
        Tensor::from_slice([2, 8, 8, 1], &(0..128).map(pixel).collect::<Vec<f32>>())
    }

    #[test]
    fn a_hole_is_a_grey_square_of_half_the_size() {
        let x = images();
        let (y, z) = (
            Condition::Inpaint.of_images(&x, &mut Stream::new(1, "c", 0)),
            Condition::Inpaint.of_images(&x, &mut Stream::new(1, "c", 1)),
        );
        for (x, y) in x.data().chunks(64).zip(y.data().chunks(64)) {
            let hole: Vec<usize> = (0..64).filter(|&i| y[i] == 0.0).collect();
            let (top, left) = (hole[0] / 8, hole.iter().map(|i| i % 8).min().unwrap_or(0));
            let want =
                (0..64).filter(|i| (top..top + 4).contains(&(i / 8)) && (left..left + 4).contains(&(i % 8)));
            assert!(hole.iter().copied().eq(want));
            assert!((0..64).all(|i| y[i] == 0.0 || y[i] == x[i]));
        }
        assert!(y.data() != z.data());
    }

    #[test]
    fn edges_are_where_the_image_changes() {
        let y = Condition::Edges.of_images(&images(), &mut Stream::new(1, "c", 0));
        assert!((0..128).all(|i| y.data()[i] == if matches!(i % 8, 3 | 4) { 1.0 } else { -1.0 }));
    }

    #[test]
    fn noise_has_its_size() {
        let x = Tensor::full([10, 28, 28, 1], 0.25f32);
        let y = Condition::Denoise.of_images(&x, &mut Stream::new(1, "c", 0));
        let squares = y.data().iter().map(|y| f64::from(y - 0.25).powi(2)).sum::<f64>() / y.len() as f64;
        assert!((squares.sqrt() - NOISE).abs() < 0.02);
    }
}
