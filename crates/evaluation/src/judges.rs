//! The judges. A judge of images classifies them. If they have no labels, it predicts by how much
//! an image was rotated. Another judge, the regressor, estimates the factors of glyphs. A judge is
//! trained once on the training split of a dataset. It is stored in a file whose name contains a
//! digest of the training images.

use adjoint_data::glyphs::Factors;
use adjoint_data::{DataError, Dataset, PixelRange};
use adjoint_metrics::judge::Judge;
use adjoint_metrics::rows_of;
use adjoint_nn::{Mode, Module, Tensor, Var, no_grad};
use adjoint_recipes::limits;
use adjoint_runs::values::count;
use adjoint_runs::{BoxError, note, warn, weights};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

mod regressor;
mod skill;
mod task;

pub(crate) use regressor::{FACTORS, Regressor};
pub(crate) use skill::{ImageTask, Skill};
use task::Task;

/// Version of what judges compute. It covers their layers and first weights, loss, batches and
/// optimiser, the rotations, and the factors that a regressor learns. A stored judge is used only
/// if it has this version. Raise the version with every change of what a judge computes. A test
/// fails if the computed values differ from those that were recorded for this version.
const JUDGE_VERSION: u32 = 1;
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

/// A judge of images, and how well it knows its task.
pub(crate) struct ImageJudge {
    pub(crate) judge: StoredJudge,
    pub(crate) skill: Skill,
}

impl Judges {
    /// Returns the judge of the images of a dataset, and how well it knows its task.
    ///
    /// # Errors
    /// If images cannot be read, the directory of judges cannot be created, or features are not
    /// finite.
    pub(crate) fn of_images(&self, train: &Dataset, test: &Dataset) -> Result<ImageJudge, BoxError> {
        let kind = ImageTask::of(train);
        let task = match kind {
            ImageTask::Classes => Task::classes(train),
            ImageTask::Rotations => Task::rotations(),
        };
        let mut judge = self.judge(train, &task)?;
        let skill = Skill::measured(kind, &mut judge, test)?;
        if let Some(problem) = skill.problem() {
            warn(format_args!("the judge of {} is unreliable: {problem}", train.name()));
        }
        Ok(ImageJudge { judge, skill })
    }

    /// Returns the regressor of a dataset. `factors` are the factors of every training image. The
    /// regressor learns them normalised to mean 0 and variance 1.
    ///
    /// # Errors
    /// If images cannot be read, or the directory of judges cannot be created.
    pub(crate) fn regressor(&self, train: &Dataset, factors: &[Factors]) -> Result<Regressor, BoxError> {
        Regressor::new(factors, |task| self.judge(train, task))
    }

    /// Loads a judge from its file, or trains one and stores it there.
    fn judge(&self, train: &Dataset, task: &Task<'_>) -> Result<StoredJudge, BoxError> {
        let mut judge = Judge::new(train.image_size(), train.channels(), task.outputs, SEED);
        let path = self.path(task.name, train)?;
        if path.is_file() {
            match load(&path, &mut judge) {
                Ok(()) => return Ok(StoredJudge { judge, path }),
                Err(error) => warn(format_args!("{error}; training a new judge")),
            }
        }
        fs::create_dir_all(&self.directory).map_err(|error| {
            format!("{}: {error}; choose another --judges directory", self.directory.display())
        })?;
        let judge = task.train(train, self.steps, |step, loss| {
            if step.is_multiple_of(LOG_EVERY) || step == self.steps {
                let (name, what, steps) = (train.name(), task.name, self.steps);
                note(format_args!("judge of {name}, {what}: step {step} of {steps}, loss {loss:.4}"));
            }
        })?;
        // Training took minutes, so the judge is used even if the disk is full.
        if let Err(error) = weights::export(&path, None, &judge.state()) {
            warn(format_args!("{error}; the judge is used now and trained again next time"));
        }
        Ok(StoredJudge { judge, path })
    }

    /// Returns the path of a judge's file. The name contains the name of the dataset, the version
    /// of the judges and a digest of the training images. If the dataset was renamed, this is the
    /// file with its old name.
    ///
    /// # Errors
    /// If images cannot be read.
    fn path(&self, what: &str, train: &Dataset) -> Result<PathBuf, DataError> {
        let (size, steps, images) = (train.image_size(), self.steps, &train.digest()?[..16]);
        let end = format!("-{size}-{what}-{steps}-{images}-{JUDGE_VERSION}.safetensors");
        let own = self.directory.join(format!("{}{end}", train.name()));
        if own.is_file() {
            return Ok(own);
        }
        let stored = fs::read_dir(&self.directory).into_iter().flatten().flatten();
        let mut renamed = stored.filter(|file| file.file_name().to_string_lossy().ends_with(&end));
        Ok(renamed.next().map_or(own, |file| file.path()))
    }
}

fn load(path: &Path, judge: &mut Judge<f32>) -> Result<(), BoxError> {
    judge.load_state(&weights::import(path, &judge.state())?.weights)?;
    Ok(())
}

#[cfg(test)]
mod tests;
