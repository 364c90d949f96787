//! The judges: a classifier of images, and a regressor that estimates the factors of glyphs. A
//! judge is trained once on the training split of a dataset. It is stored in a file whose name
//! contains a digest of the training images.

use adjoint_data::glyphs::Factors;
use adjoint_data::{Batches, DataError, Dataset, PixelRange};
use adjoint_metrics::classifier::{accuracy, classes};
use adjoint_metrics::judge::{Judge, cross_entropy, squared_error};
use adjoint_metrics::rows_of;
use adjoint_nn::optim::{Adam, Optimizer};
use adjoint_nn::{Mode, Module, Tensor, Var, no_grad};
use adjoint_recipes::{labels, limits};
use adjoint_runs::values::count;
use adjoint_runs::{BoxError, note, warn, weights};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Version of what judges compute. It covers their layers and first weights, loss, batches and
/// optimiser, and the factors that a regressor learns. A stored judge is used only if it has this
/// version. Raise the version with every change of what a judge computes. A test fails if the
/// computed values differ from those that were recorded for this version.
const JUDGE_VERSION: u32 = 1;
/// Accuracy on the test set below which a classifier gives a warning.
const EXPECTED_ACCURACY: f64 = 0.99;
const BATCH: usize = 128;
const STEP_SIZE: f64 = 1e-3;
const SEED: u64 = 1;
/// Number of steps between two lines that report training.
const LOG_EVERY: u64 = 500;
/// Maximum number of images that a judge evaluates at once.
const CHUNK: usize = 500;

/// How to obtain a judge.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Judges {
    /// Directory where trained judges are stored
    #[arg(long = "judges", value_name = "DIR", default_value = "runs/.judges")]
    directory: PathBuf,

    /// Number of training steps of a judge, on 128 images each
    #[arg(long = "judge-steps", value_name = "N", default_value = "2800", value_parser = count::<u64>)]
    steps: u64,
}

/// A function that returns one factor of a glyph.
pub(crate) type Number = fn(&Factors) -> f32;

/// The factors of glyphs that the regressor learns. The text before each factor is the JSON key of
/// its score: the success of walks along its direction. If the factors change, [`JUDGE_VERSION`]
/// must be raised.
pub(crate) const FACTORS: [(&str, Number); 3] = [
    ("direction_thickness", |f| f.stroke_width),
    ("direction_slant", |f| f.slant),
    ("direction_width", |f| f.aspect),
];

/// The features and outputs that a judge computes for N images.
pub(crate) struct Reading {
    /// The features, (N, features).
    pub(crate) features: Tensor<f64>,
    /// The outputs, (N, outputs): logits or factors.
    pub(crate) verdicts: Tensor<f64>,
}

/// A trained judge and its file.
pub(crate) struct StoredJudge {
    judge: Judge<f32>,
    path: PathBuf,
}

impl StoredJudge {
    /// Evaluates the judge on `count` images. `part` returns the images of a range, (N, H, W, C) in
    /// [0, 1].
    ///
    /// # Errors
    /// If `part` fails, or features are not finite because weights are not finite or too large.
    pub(crate) fn read(
        &mut self,
        count: usize,
        image_len: usize,
        mut part: impl FnMut(Range<usize>) -> Result<Tensor<f32>, DataError>,
    ) -> Result<Reading, BoxError> {
        let chunk = limits::chunk(CHUNK, image_len);
        let (mut features, mut verdicts) = (vec![], vec![]);
        for range in limits::parts(0..count, chunk) {
            let x = Var::constant(part(range)?);
            let read = no_grad(|| self.judge.features(&x, Mode::Eval));
            let verdict = no_grad(|| self.judge.verdict(&read));
            if ![read.value(), verdict.value()].iter().all(|x| x.is_finite()) {
                return Err(self.unusable("its features are not finite"));
            }
            verdicts.push(rows_of(verdict.value()));
            features.push(rows_of(read.value()));
        }
        let join = |parts: &[Tensor<f64>]| Tensor::concat(&parts.iter().collect::<Vec<_>>(), 0);
        Ok(Reading { features: join(&features), verdicts: join(&verdicts) })
    }

    /// Returns an error that names the judge's file and says what is wrong with the judge.
    pub(crate) fn unusable(&self, problem: &str) -> BoxError {
        format!("{}: {problem}; delete it to train another judge", self.path.display()).into()
    }

    /// Evaluates the judge on the first `count` images of a set.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(crate) fn read_set(&mut self, set: &Dataset, count: usize) -> Result<Reading, BoxError> {
        self.read(count, set.image_len(), |range| set.images(&range.collect::<Vec<_>>(), PixelRange::Unit))
    }
}

/// A judge of classes, and its accuracy on the test split.
pub(crate) struct Classifier {
    pub(crate) judge: StoredJudge,
    pub(crate) accuracy: f64,
}

impl Judges {
    /// Returns the classifier of a dataset.
    ///
    /// # Errors
    /// If images cannot be read, the judge can't be stored, or its features are not finite.
    pub(crate) fn classifier(&self, train: &Dataset, test: &Dataset) -> Result<Classifier, BoxError> {
        let mut judge = self.judge("classes", train, &Task::classes(train))?;
        let found = classes(&judge.read_set(test, test.len())?.verdicts);
        let known: Vec<usize> = test.labels().iter().map(|&label| usize::from(label)).collect();
        let accuracy = accuracy(&found, &known).value;
        if accuracy < EXPECTED_ACCURACY {
            warn(format_args!(
                "the judge of {} has an accuracy of only {:.1} %",
                train.name(),
                100.0 * accuracy
            ));
        }
        Ok(Classifier { accuracy, judge })
    }

    /// Returns the regressor of a dataset. `factors` are the factors of every training image. The
    /// regressor learns them normalised to mean 0 and variance 1.
    ///
    /// # Errors
    /// If images cannot be read, or the judge can't be stored.
    pub(crate) fn regressor(&self, train: &Dataset, factors: &[Factors]) -> Result<Regressor, BoxError> {
        let scales = FACTORS.map(|(_, number)| mean_and_deviation(factors, number));
        let judge = self.judge("factors", train, &Task::factors(factors, &scales))?;
        Ok(Regressor { judge, scales })
    }

    /// Loads a judge from its file, or trains one and stores it there.
    fn judge(&self, what: &str, train: &Dataset, task: &Task<'_>) -> Result<StoredJudge, BoxError> {
        let mut judge = Judge::new(train.image_size(), train.channels(), task.outputs, SEED);
        let path = self.path(what, train)?;
        if path.is_file() {
            match load(&path, &mut judge) {
                Ok(()) => return Ok(StoredJudge { judge, path }),
                Err(error) => warn(format_args!("{error}; training a new judge")),
            }
        }
        std::fs::create_dir_all(&self.directory).map_err(|error| {
            format!("{}: {error}; choose another --judges directory", self.directory.display())
        })?;
        let judge = task.train(train, self.steps, |step, loss| {
            if step.is_multiple_of(LOG_EVERY) || step == self.steps {
                let (name, steps) = (train.name(), self.steps);
                note(format_args!("judge of {name}, {what}: step {step} of {steps}, loss {loss:.4}"));
            }
        })?;
        weights::export(&path, None, &judge.state())?;
        Ok(StoredJudge { judge, path })
    }

    /// Returns the path of a judge's file. The name contains the version of the judges and a digest
    /// of the training images.
    ///
    /// # Errors
    /// If images cannot be read.
    fn path(&self, what: &str, train: &Dataset) -> Result<PathBuf, DataError> {
        let (name, size, steps) = (train.name(), train.image_size(), self.steps);
        let images = &train.digest()?[..16];
        let file = format!("{name}-{size}-{what}-{steps}-{images}-{JUDGE_VERSION}.safetensors");
        Ok(self.directory.join(file))
    }
}

/// A function from the indices of images to their targets (N, outputs).
type Targets<'a> = Box<dyn Fn(&[usize]) -> Tensor<f32> + 'a>;

/// The targets that a judge learns, and the loss.
struct Task<'a> {
    outputs: usize,
    targets: Targets<'a>,
    loss: fn(&Var<f32>, &Var<f32>) -> Var<f32>,
}

impl<'a> Task<'a> {
    /// Returns the task to learn the class of each image of a set.
    fn classes(train: &'a Dataset) -> Self {
        let outputs = train.classes().len();
        let targets = move |indices: &[usize]| labels::of_images(train, indices);
        Task { outputs, targets: Box::new(targets), loss: cross_entropy }
    }

    /// Returns the task to learn the normalised factors of each image.
    fn factors(factors: &'a [Factors], scales: &'a Scales) -> Self {
        let targets = move |indices: &[usize]| {
            let rows = indices.iter().flat_map(|&i| normalised(&factors[i], scales));
            let rows: Vec<f32> = rows.map(|number| number as f32).collect();
            Tensor::from_slice([indices.len(), FACTORS.len()], &rows)
        };
        Task { outputs: FACTORS.len(), targets: Box::new(targets), loss: squared_error }
    }

    /// Trains a new judge for `steps` steps. `show` gets the number of each step, counted from 1,
    /// and its loss.
    ///
    /// # Errors
    /// If the set has fewer images than a batch, or images cannot be read.
    fn train(
        &self,
        train: &Dataset,
        steps: u64,
        mut show: impl FnMut(u64, f64),
    ) -> Result<Judge<f32>, BoxError> {
        let mut judge = Judge::new(train.image_size(), train.channels(), self.outputs, SEED);
        let mut batches = Batches::new(train.clone(), BATCH, SEED, PixelRange::Unit)?;
        let mut adam = Optimizer::new(&judge, STEP_SIZE, Adam::default());
        for step in 0..steps {
            adam.set_lr(STEP_SIZE * (1.0 - step as f64 / steps as f64));
            let batch = batches.batch(step)?;
            let (x, y) = (Var::constant(batch.images), Var::constant((self.targets)(&batch.indices)));
            show(step + 1, adam.descend((self.loss)(&judge.forward(&x), &y), &mut judge));
        }
        Ok(judge)
    }
}

fn load(path: &Path, judge: &mut Judge<f32>) -> Result<(), BoxError> {
    judge.load_state(&weights::import(path, &judge.state())?.weights)?;
    Ok(())
}

/// A judge that estimates the factors of glyphs. Its outputs are normalised: 0 is the mean of a
/// factor over the training images, and 1 is one standard deviation above the mean.
pub(crate) struct Regressor {
    pub(crate) judge: StoredJudge,
    scales: Scales,
}

impl Regressor {
    /// Returns for each factor the fraction of its variance that the regressor explains. It is
    /// measured on the first images of a set, whose known factors are `factors`.
    ///
    /// # Errors
    /// If images cannot be read, or the features are not finite.
    pub(crate) fn explained(&mut self, set: &Dataset, factors: &[Factors]) -> Result<Vec<f64>, BoxError> {
        let found = self.judge.read_set(set, factors.len())?.verdicts;
        let known: Vec<_> = factors.iter().map(|factors| normalised(factors, &self.scales)).collect();
        let share = |j: usize| {
            let own = known.iter().map(|known| known[j]).sum::<f64>() / known.len() as f64;
            let pairs = found.data().chunks_exact(FACTORS.len()).zip(&known);
            let error = pairs.map(|(found, known)| (found[j] - known[j]).powi(2)).sum::<f64>();
            1.0 - error / known.iter().map(|known| (known[j] - own).powi(2)).sum::<f64>()
        };
        Ok((0..FACTORS.len()).map(share).collect())
    }
}

/// Mean and standard deviation of each factor over the training images.
type Scales = [[f64; 2]; FACTORS.len()];

/// Returns the factors of a glyph, each in standard deviations from its mean over the training
/// images.
fn normalised(factors: &Factors, scales: &Scales) -> [f64; FACTORS.len()] {
    std::array::from_fn(|j| (f64::from(FACTORS[j].1(factors)) - scales[j][0]) / scales[j][1])
}

fn mean_and_deviation(factors: &[Factors], number: Number) -> [f64; 2] {
    let n = factors.len() as f64;
    let mean = factors.iter().map(|f| f64::from(number(f))).sum::<f64>() / n;
    let variance = factors.iter().map(|f| (f64::from(number(f)) - mean).powi(2)).sum::<f64>() / n;
    [mean, variance.sqrt().max(f64::MIN_POSITIVE)]
}

#[cfg(test)]
mod tests;
