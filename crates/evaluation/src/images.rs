//! Scores of images: what samples are measured against, and every number that needs no more than
//! them.

use crate::cli::cut;
use crate::judges::{Classifier, Judges, Reading, wide};
use crate::table::Subject;
use adjoint_data::{Dataset, PixelRange};
use adjoint_metrics::Estimate;
use adjoint_metrics::classifier::{
    accuracy, classes, classifier_score, confident, histogram, total_variation,
};
use adjoint_metrics::linalg::Moments;
use adjoint_metrics::manifold::{Balls, Manifold};
use adjoint_metrics::neighbours::{Neighbour, Search, distance_ratio, labels_of_nearest, two_sample};
use adjoint_metrics::parzen::{Parzen, widths};
use adjoint_metrics::{frechet, kernel, sharpness};
use adjoint_nn::{Stream, Tensor};
use adjoint_recipes::limits;
use adjoint_runs::{BoxError, note, warn};
use std::ops::Range;

/// Neighbours that the ball about a sample reaches to.
const K: usize = 5;
/// Training images that Parzen's width is found on.
const VALIDATION: usize = 1_000;
/// Images of each kind in the two-sample test, at most: its accuracy then has a standard error of
/// half a per cent.
const TWO_SAMPLE: usize = 5_000;
/// Training images that are compared at once.
const CHUNK: usize = 2_000;
/// Numbers in the images of a subject, at most: as `f64` they take 128 MB, and there are a few such
/// sets at a time.
const MOST_NUMBERS: usize = 1 << 24;

/// Data that samples are measured against.
pub(crate) struct Ground {
    train: Dataset,
    test: Dataset,
    pub(crate) classifier: Classifier,
    /// Images of each set that are measured.
    pub(crate) count: usize,
    /// The first training images, and what is to be known of the judge's features of them.
    reference: Tensor<f64>,
    normal: frechet::Reference,
    kernels: kernel::Reference,
    balls: Balls,
    /// What features are multiplied by, so that their mean square over the reference is 1:
    /// distances then say the same whichever judge has the larger numbers.
    unit: f64,
    /// Share of each class in the training split.
    shares: Vec<f64>,
    /// The first test images, and their classes.
    tests: Tensor<f64>,
    labels: Vec<usize>,
    validation: Tensor<f64>,
    /// The training image nearest to each test image.
    near_tests: Vec<Vec<Neighbour>>,
}

/// Images of a set as rows of numbers in [0, 1].
fn pixels(set: &Dataset, range: Range<usize>) -> Tensor<f64> {
    flat(&set.images(&range.collect::<Vec<_>>(), PixelRange::Unit))
}

/// Images as rows of numbers.
fn flat(images: &Tensor<f32>) -> Tensor<f64> {
    let [n, len] = [images.dims()[0], images.shape().around(0)[1]];
    wide(&images.reshape([n, len]))
}

impl Ground {
    /// Of a dataset, with this number of samples of each subject, or as many as fit.
    ///
    /// # Errors
    /// If a judge can't be kept, or its features are not finite.
    pub(crate) fn new(
        train: Dataset,
        test: Dataset,
        samples: usize,
        judges: &Judges,
    ) -> Result<Self, BoxError> {
        let mut classifier = judges.classifier(&train, &test)?;
        let [held, half] = [MOST_NUMBERS / train.image_len(), train.len() / 2];
        let count = cut("--samples", samples, test.len(), "all test images");
        let count = cut("--samples", count, half, "half of the training images");
        let count = cut("--samples", count, held, "as many images of this size as are held at once");
        note(format_args!("{}: what {count} training images look like", train.name()));
        let reading = classifier.judge.read_set(&train, count)?;
        let size = reading.size();
        if size == 0.0 {
            return Err(classifier.judge.useless("its features are 0"));
        }
        let unit = 1.0 / size;
        let features = reading.features.map(move |x| x * unit);
        let validation = count..(count + VALIDATION.min(count)).min(train.len());
        let classes: Vec<usize> = train.labels().iter().map(|&label| usize::from(label)).collect();
        let mut ground = Ground {
            normal: frechet::Reference::new(Moments::of(&features)),
            kernels: kernel::Reference::new(features.clone()),
            balls: Balls::about(features, K),
            unit,
            reference: pixels(&train, 0..count),
            shares: histogram(&classes, train.classes().len()),
            tests: pixels(&test, 0..count),
            labels: test.labels()[..count].iter().map(|&label| usize::from(label)).collect(),
            validation: pixels(&train, validation),
            near_tests: vec![],
            classifier,
            count,
            train,
            test,
        };
        ground.near_tests = ground.nearest(&ground.tests);
        Ok(ground)
    }

    /// The first row: the test set, which is as near as samples can come. Where samples are
    /// measured on the test set itself, training images stand in their place.
    ///
    /// # Errors
    /// If the judge's features are not finite.
    pub(crate) fn data(&mut self, labelled: usize) -> Result<Subject, BoxError> {
        let mut subject = Subject::new("test set");
        let images = self.test.images(&(0..self.count).collect::<Vec<_>>(), PixelRange::Unit);
        let labels = self.labels.clone();
        self.judged(&mut subject, &images, Some(&labels))?;
        self.against_tests(&mut subject, &self.reference);
        // It is what others are compared with.
        self.beside_data(&mut subject, &images, Some(&self.near_tests));
        let train = &self.train;
        self.one_nearest(&mut subject, labelled, |range| {
            let indices: Vec<usize> = range.collect();
            let labels = indices.iter().map(|&i| usize::from(train.labels()[i])).collect();
            Ok((train.images(&indices, PixelRange::Unit), labels))
        })?;
        Ok(subject)
    }

    /// Total variation distance of the classes that are requested of conditional models, each
    /// equally often, from those of the data.
    pub(crate) fn asked_variation(&self) -> f64 {
        let classes = self.shares.len();
        total_variation(&vec![1.0 / classes as f64; classes], &self.shares)
    }

    /// The last row: pixels drawn uniformly, which is as far as samples should be.
    ///
    /// # Errors
    /// If the judge's features are not finite.
    pub(crate) fn noise(&mut self, seed: u64) -> Result<Subject, BoxError> {
        let mut subject = Subject::new("noise");
        let [size, channels] = [self.train.image_size(), self.train.channels()];
        let shape = [self.count, size, size, channels];
        let images = Stream::new(seed, "noise", 0).uniform_tensor(shape, 0.0, 1.0);
        self.score(&mut subject, &images, None, false)?;
        Ok(subject)
    }

    /// All scores of images (N, H, W, C) in [0, 1]; if classes were requested, also the share of
    /// images of the requested class. Samples that were made from test images get no Parzen
    /// likelihood, because they contain parts of the images whose likelihood it is.
    ///
    /// # Errors
    /// If the judge's features are not finite.
    pub(crate) fn score(
        &mut self,
        subject: &mut Subject,
        images: &Tensor<f32>,
        asked: Option<&[usize]>,
        from_tests: bool,
    ) -> Result<(), BoxError> {
        self.judged(subject, images, asked)?;
        if !from_tests {
            self.against_tests(subject, &flat(images));
        }
        self.beside_data(subject, images, None);
        Ok(())
    }

    /// By the judge, and in its features.
    fn judged(
        &mut self,
        subject: &mut Subject,
        images: &Tensor<f32>,
        asked: Option<&[usize]>,
    ) -> Result<(), BoxError> {
        note(format_args!("{}: the judge's view", subject.name));
        let part = |range: Range<usize>| images.narrow(0, range.start, range.len());
        let Reading { features, verdicts } =
            self.classifier.judge.read(images.dims()[0], self.train.image_len(), part)?;
        let unit = self.unit;
        let features = features.map(move |x| x * unit);
        let probabilities = verdicts.softmax();
        let found = classes(&probabilities);
        subject.note("classifier_score", classifier_score(&probabilities));
        subject.note("confident", confident(&probabilities));
        subject.note("class_variation", total_variation(&histogram(&found, self.shares.len()), &self.shares));
        if let Some(asked) = asked {
            subject.note("condition_accuracy", accuracy(&found, asked));
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

    /// The likelihood of the test set in a window about samples.
    fn against_tests(&self, subject: &mut Subject, pixels: &Tensor<f64>) {
        note(format_args!("{}: Parzen window", subject.name));
        let widths = widths(0.05, 1.0, 25);
        let window = Parzen::cross_validated(pixels.clone(), &self.validation, &widths);
        subject.note("parzen", window.log_likelihood(&self.tests));
        subject.note("parzen_sigma", window.sigma());
        if [widths[0], widths[widths.len() - 1]].contains(&window.sigma()) {
            warn(format_args!("{}: the best width of the window is at an end of those tried", subject.name));
        }
    }

    /// How often the first test images are misread by the nearest of `count` labelled images, which
    /// `part` gives by range, in the model's order of classes.
    ///
    /// # Errors
    /// If a part can't be had.
    pub(crate) fn one_nearest(
        &self,
        subject: &mut Subject,
        count: usize,
        mut part: impl FnMut(Range<usize>) -> Result<(Tensor<f32>, Vec<usize>), BoxError>,
    ) -> Result<(), BoxError> {
        note(format_args!("{}: the test set read by {count} labelled images", subject.name));
        let mut search = Search::new(&self.tests, 1);
        let mut all = vec![];
        for range in limits::parts(0..count, limits::chunk(CHUNK, self.train.image_len())) {
            let start = range.start;
            let (images, labels) = part(range)?;
            search.among(&flat(&images), start);
            all.extend(labels);
        }
        let found = labels_of_nearest(&search.found(), &all);
        let right = accuracy(&found, &self.labels);
        subject.note("one_nn_error", Estimate { value: 1.0 - right.value, ..right });
        Ok(())
    }

    /// How they lie among the data, whose nearest of all is known for the test set.
    fn beside_data(&self, subject: &mut Subject, images: &Tensor<f32>, known: Option<&[Vec<Neighbour>]>) {
        note(format_args!("{}: nearest neighbours", subject.name));
        let pixels = flat(images);
        let n = pixels.dims()[0].min(self.count).min(TWO_SAMPLE);
        let reference = self.reference.narrow(0, 0, n);
        subject.note("two_sample", two_sample(&reference, &pixels.narrow(0, 0, n)).accuracy());
        match known {
            Some(near) => subject.note("distance_ratio", distance_ratio(near, &self.near_tests).value),
            None => subject.note("distance_ratio", distance_ratio(&self.nearest(&pixels), &self.near_tests)),
        }
        subject.note("sharpness", sharpness(images));
    }

    /// The training image that is nearest to each row.
    fn nearest(&self, rows: &Tensor<f64>) -> Vec<Vec<Neighbour>> {
        let mut search = Search::new(rows, 1);
        for part in limits::parts(0..self.train.len(), limits::chunk(CHUNK, self.train.image_len())) {
            search.among(&pixels(&self.train, part.clone()), part.start);
        }
        search.found()
    }
}
