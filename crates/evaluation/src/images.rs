//! How images are scored: the reference data, and every number that needs only samples and
//! reference data.

use crate::cli::limit;
use crate::judges::{ImageJudge, ImageTask, Judges, Reading};
use crate::table::{DETAILS, Subject};
use adjoint_data::{DataError, Dataset, Kind, PixelRange};
use adjoint_metrics::classifier::{
    accuracy, classes, classifier_score, confident, histogram, total_variation,
};
use adjoint_metrics::linalg::Moments;
use adjoint_metrics::manifold::{Balls, Manifold};
use adjoint_metrics::neighbours::{Neighbour, Search, distance_ratio, labels_of_nearest, two_sample};
use adjoint_metrics::parzen::{Parzen, widths};
use adjoint_metrics::sliced::Projections;
use adjoint_metrics::{Estimate, frechet, kernel, rows_of, sharpness};
use adjoint_nn::{Stream, Tensor};
use adjoint_recipes::limits;
use adjoint_runs::{BoxError, note, warn};
use std::ops::Range;

/// The radius of the ball about an image, in the judge's features, is the distance to its K-th
/// nearest neighbour.
const K: usize = 5;
/// Number of training images that select the width of the Parzen window.
const VALIDATION: usize = 1_000;
/// Maximum number of training images, and of samples, in the two-sample test. With this many, the
/// accuracy of the test has a standard error of half a per cent.
const TWO_SAMPLE: usize = 5_000;
/// Number of images that a search for nearest images reads at once.
const CHUNK: usize = 2_000;
/// Maximum number of pixel values in the images of one row of the table. As `f64` they take 128 MB,
/// and a few such sets of images are in memory at once.
const MOST_NUMBERS: usize = 1 << 24;

/// Reference data that samples are measured against.
pub(crate) struct References {
    train: Dataset,
    test: Dataset,
    pub(crate) judge: ImageJudge,
    /// Number of training images, of test images and of samples that are measured.
    pub(crate) count: usize,
    /// Pixels of the first training images. The next three fields are computed from the judge's
    /// features of these images.
    reference: Tensor<f64>,
    normal: frechet::Reference,
    kernels: kernel::Reference,
    balls: Balls,
    /// The details of these images at several resolutions.
    details: Projections,
    /// The judge's features are multiplied by this factor. It gives the features of the training
    /// images a mean square of 1, so that distances do not depend on the scale of the judge's
    /// features.
    unit: f64,
    /// Fraction of each class in the training split. A set without labels has one class.
    pub(crate) shares: Vec<f64>,
    /// Pixels of the first test images; `labels` are their classes.
    tests: Tensor<f64>,
    labels: Vec<usize>,
    validation: Tensor<f64>,
    /// The training image nearest to each test image.
    nearest_to_tests: Vec<Vec<Neighbour>>,
    /// Seed of random projections.
    seed: u64,
}

/// Rejects sets that have too few images for the balls about them.
fn reject_few_images(train: &Dataset, test: &Dataset) -> Result<(), BoxError> {
    let (name, [trained, tested]) = (train.name(), [train.len(), test.len()]);
    let (least, least_trained) = (K + 1, 2 * (K + 1));
    if tested >= least && trained >= least_trained {
        return Ok(());
    }
    let advice = match train.kind() {
        Kind::Folder | Kind::Array => "add images, or train with another --test-fraction",
        Kind::Drawn | Kind::Stored => "take a larger dataset",
    };
    Err(format!(
        "{name} has {trained} training and {tested} test images, but a comparison needs {least_trained} and {least}; {advice}"
    )
    .into())
}

/// Returns the images of a set that have these indices, with pixels in [0, 1].
///
/// # Errors
/// If one of them cannot be read.
fn images(set: &Dataset, range: Range<usize>) -> Result<Tensor<f32>, DataError> {
    set.images(&range.collect::<Vec<_>>(), PixelRange::Unit)
}

/// Returns the images of a set that have these indices, one per row, with pixels in [0, 1].
///
/// # Errors
/// If one of them cannot be read.
fn pixels(set: &Dataset, range: Range<usize>) -> Result<Tensor<f64>, DataError> {
    Ok(rows_of(&images(set, range)?))
}

impl References {
    /// Prepares the reference data of a dataset. `samples` is the requested number of images in
    /// each row of the table. It is reduced to what the dataset and memory allow. `seed` is that of
    /// random projections.
    ///
    /// # Errors
    /// If there are too few images, images cannot be read, a judge can't be stored, or its features
    /// are not finite.
    pub(crate) fn new(
        train: Dataset,
        test: Dataset,
        samples: usize,
        seed: u64,
        judges: &Judges,
    ) -> Result<Self, BoxError> {
        reject_few_images(&train, &test)?;
        let mut judge = judges.of_images(&train, &test)?;
        let [fits, half] = [MOST_NUMBERS / train.image_len(), train.len() / 2];
        let count = limit("--samples", samples, test.len(), "all test images");
        let count = limit("--samples", count, half, "half of the training images");
        let count = limit("--samples", count, fits, "the most images of this size that fit into memory");
        note(format_args!("{}: measuring {count} training images", train.name()));
        let features = judge.judge.read_set(&train, count)?.features;
        let size = (features.sum_of_squares() / features.len() as f64).sqrt();
        if size == 0.0 {
            return Err(judge.judge.unusable("all its features are 0"));
        }
        let unit = 1.0 / size;
        let features = features.map(move |x| x * unit);
        let validation = count..(count + VALIDATION.min(count)).min(train.len());
        let classes: Vec<usize> = train.labels().iter().map(|&label| usize::from(label)).collect();
        let mut references = References {
            normal: frechet::Reference::new(Moments::of(&features)),
            kernels: kernel::Reference::new(features.clone()),
            balls: Balls::about(features, K),
            details: Projections::of(&images(&train, 0..count)?, seed),
            unit,
            reference: pixels(&train, 0..count)?,
            shares: histogram(&classes, train.classes().len().max(1)),
            tests: pixels(&test, 0..count)?,
            labels: test.labels()[..count].iter().map(|&label| usize::from(label)).collect(),
            validation: pixels(&train, validation)?,
            nearest_to_tests: vec![],
            seed,
            judge,
            count,
            train,
            test,
        };
        references.nearest_to_tests = references.nearest(&references.tests)?;
        Ok(references)
    }

    /// Scores the test set. It is the first row of the table and the limit of what samples can
    /// reach. Some scores measure how well samples describe the test set. For these, training
    /// images take the place of the samples.
    ///
    /// # Errors
    /// If images cannot be read, or the judge's features are not finite.
    pub(crate) fn data(&mut self, labelled: usize) -> Result<Subject, BoxError> {
        let mut subject = Subject::new("test set");
        let images = images(&self.test, 0..self.count)?;
        let labels = self.labels.clone();
        self.score_by_judge(&mut subject, &images, Some(&labels))?;
        self.score_by_parzen(&mut subject, &self.reference);
        self.score_by_details(&mut subject, &images);
        // The training images that are nearest to the test images are already known.
        self.score_by_neighbours(&mut subject, &images, Some(&self.nearest_to_tests))?;
        let train = &self.train;
        self.one_nearest(&mut subject, labelled, |range| {
            let indices: Vec<usize> = range.collect();
            let labels = indices.iter().map(|&i| usize::from(train.labels()[i])).collect();
            Ok((train.images(&indices, PixelRange::Unit)?, labels))
        })?;
        Ok(subject)
    }

    /// Scores uniform noise. It is the last row of the table. The scores of samples should not be
    /// worse.
    ///
    /// # Errors
    /// If images cannot be read, or the judge's features are not finite.
    pub(crate) fn noise(&mut self, seed: u64) -> Result<Subject, BoxError> {
        let mut subject = Subject::new("noise");
        let [size, channels] = [self.train.image_size(), self.train.channels()];
        let shape = [self.count, size, size, channels];
        let images = Stream::new(seed, "noise", 0).uniform_tensor(shape, 0.0, 1.0);
        self.score(&mut subject, &images, None, false)?;
        Ok(subject)
    }

    /// Adds to `subject` all scores of `images` (N, H, W, C) in [0, 1]. If the classes of the
    /// images were requested, one score is the fraction of images that have the requested class. If
    /// the images were made from test images, they get no Parzen likelihood: it is the likelihood
    /// of the test images, and the images contain parts of them.
    ///
    /// # Errors
    /// If images cannot be read, or the judge's features are not finite.
    pub(crate) fn score(
        &mut self,
        subject: &mut Subject,
        images: &Tensor<f32>,
        requested: Option<&[usize]>,
        from_tests: bool,
    ) -> Result<(), BoxError> {
        self.score_by_judge(subject, images, requested)?;
        if !from_tests {
            self.score_by_parzen(subject, &rows_of(images));
        }
        self.score_by_details(subject, images);
        Ok(self.score_by_neighbours(subject, images, None)?)
    }

    /// Adds to `subject` the scores that need the judge's features of images, and its classes if it
    /// knows any.
    fn score_by_judge(
        &mut self,
        subject: &mut Subject,
        images: &Tensor<f32>,
        requested: Option<&[usize]>,
    ) -> Result<(), BoxError> {
        note(format_args!("{}: features by the judge", subject.name));
        let part = |range: Range<usize>| Ok(images.narrow(0, range.start, range.len()));
        let Reading { features, verdicts } =
            self.judge.judge.read(images.dims()[0], self.train.image_len(), part)?;
        let unit = self.unit;
        let features = features.map(move |x| x * unit);
        if self.judge.skill.task == ImageTask::Classes {
            self.score_by_classes(subject, &verdicts.softmax(), requested);
        }
        subject.note("frechet", self.normal.distance(&Moments::of(&features)));
        subject.note("kernel", self.kernels.distance(&features));
        let Manifold { precision, recall, density, coverage } =
            Manifold::of(&self.balls, &Balls::about(features, K));
        subject.note("precision", precision);
        subject.note("recall", recall);
        subject.note("density", density);
        subject.note("coverage", coverage);
        Ok(())
    }

    /// Adds to `subject` the scores that need the probabilities (N, classes) of the classes of
    /// images.
    fn score_by_classes(
        &self,
        subject: &mut Subject,
        probabilities: &Tensor<f64>,
        requested: Option<&[usize]>,
    ) {
        let found = classes(probabilities);
        subject.note("classifier_score", classifier_score(probabilities));
        subject.note("confident", confident(probabilities));
        subject.note("class_variation", total_variation(&histogram(&found, self.shares.len()), &self.shares));
        if let Some(requested) = requested {
            subject.note("condition_accuracy", accuracy(&found, requested));
        }
    }

    /// Adds to `subject` the sliced Wasserstein distance of details at each resolution.
    fn score_by_details(&self, subject: &mut Subject, images: &Tensor<f32>) {
        note(format_args!("{}: details at several resolutions", subject.name));
        let distances = self.details.distances(&Projections::of(images, self.seed));
        subject.note("sliced", distances.iter().sum::<f64>() / distances.len() as f64);
        DETAILS.iter().zip(distances).for_each(|(key, distance)| subject.note(key, distance));
    }

    /// Adds to `subject` the log-likelihood of the test images under a Parzen window. The window is
    /// a density estimate from the images whose pixels are given.
    fn score_by_parzen(&self, subject: &mut Subject, pixels: &Tensor<f64>) {
        note(format_args!("{}: Parzen window", subject.name));
        let widths = widths(0.05, 1.0, 25);
        let window = Parzen::cross_validated(pixels.clone(), &self.validation, &widths);
        subject.note("parzen", window.log_likelihood(&self.tests));
        subject.note("parzen_sigma", window.sigma());
        if [widths[0], widths[widths.len() - 1]].contains(&window.sigma()) {
            warn(format_args!(
                "{}: the best width of the Parzen window is at an end of the range that was tried",
                subject.name
            ));
        }
    }

    /// Adds to `subject` the error of a 1-nearest-neighbour classifier on the first test images.
    /// The classifier uses `count` labelled images. `part` returns a range of these images, with
    /// their classes. If the set has no two classes, there is no such score.
    ///
    /// # Errors
    /// If `part` fails.
    pub(crate) fn one_nearest(
        &self,
        subject: &mut Subject,
        count: usize,
        mut part: impl FnMut(Range<usize>) -> Result<(Tensor<f32>, Vec<usize>), BoxError>,
    ) -> Result<(), BoxError> {
        if self.shares.len() < 2 {
            return Ok(());
        }
        note(format_args!("{}: classifying the test set by {count} labelled images", subject.name));
        let mut search = Search::new(&self.tests, 1);
        let mut all = vec![];
        for range in limits::parts(0..count, limits::chunk(CHUNK, self.train.image_len())) {
            let start = range.start;
            let (images, labels) = part(range)?;
            search.among(&rows_of(&images), start);
            all.extend(labels);
        }
        let found = labels_of_nearest(&search.found(), &all);
        let right = accuracy(&found, &self.labels);
        subject.note("one_nn_error", Estimate { value: 1.0 - right.value, ..right });
        Ok(())
    }

    /// Adds to `subject` the scores that compare images with their nearest images in the data, and
    /// the sharpness. `known` contains the training image nearest to each image, if it is known
    /// already.
    ///
    /// # Errors
    /// If images cannot be read.
    fn score_by_neighbours(
        &self,
        subject: &mut Subject,
        images: &Tensor<f32>,
        known: Option<&[Vec<Neighbour>]>,
    ) -> Result<(), DataError> {
        note(format_args!("{}: nearest neighbours", subject.name));
        let pixels = rows_of(images);
        let n = pixels.dims()[0].min(self.count).min(TWO_SAMPLE);
        let reference = self.reference.narrow(0, 0, n);
        subject.note("two_sample", two_sample(&reference, &pixels.narrow(0, 0, n)).accuracy());
        match known {
            Some(near) => subject.note("distance_ratio", distance_ratio(near, &self.nearest_to_tests).value),
            None => subject
                .note("distance_ratio", distance_ratio(&self.nearest(&pixels)?, &self.nearest_to_tests)),
        }
        subject.note("sharpness", sharpness(images));
        Ok(())
    }

    /// Finds the training image that is nearest to each row.
    ///
    /// # Errors
    /// If images cannot be read.
    fn nearest(&self, rows: &Tensor<f64>) -> Result<Vec<Vec<Neighbour>>, DataError> {
        let mut search = Search::new(rows, 1);
        for part in limits::parts(0..self.train.len(), limits::chunk(CHUNK, self.train.image_len())) {
            search.among(&pixels(&self.train, part.clone())?, part.start);
        }
        Ok(search.found())
    }
}
