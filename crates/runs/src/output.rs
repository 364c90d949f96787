//! The outputs of a run: the log, curves, pictures, checkpoints and weights.
//!
//! Each output implements [`Output`] in its own source file, and [`outputs`] lists all outputs. The
//! training loop uses only this trait. To add an output, write its source file and add it to that
//! list.

use std::path::PathBuf;

use crate::changes::Comparison;
use crate::checkpoint::Checkpoints;
use crate::image::Image;
use crate::log::{Line, Log, LogState};
use crate::pictures::Pictures;
use crate::plot::History;
use crate::tensorboard::TensorBoard;
use crate::weights::Weights;
use crate::{CommonArgs, Error, RunDir, Trainable};

/// The state of a run in training, which is passed to its outputs.
pub(crate) struct Training<'a> {
    pub(crate) model: &'static str,
    pub(crate) title: String,
    /// The resolved settings, as TOML.
    pub(crate) config: String,
    pub(crate) changed: Comparison<'a>,
    /// The flags that all trainers share.
    pub(crate) common: CommonArgs,
    /// Steps of the whole run.
    pub(crate) total: u64,
    pub(crate) steps_per_epoch: u64,
    /// The steps between actions that repeat, unless a flag says otherwise.
    pub(crate) interval: u64,
    pub(crate) run: RunDir,
    pub(crate) trainer: &'a mut dyn Trainable,
    /// Number of steps done, in all processes that trained this run.
    pub(crate) done: u64,
    /// Step of the newest valid checkpoint. `None` if nothing was saved yet.
    pub(crate) saved: Option<u64>,
}

impl Training<'_> {
    /// Returns the epoch of the last step, counted from 1. Returns 0 before the first step.
    pub(crate) fn epoch(&self) -> u64 {
        self.done.div_ceil(self.steps_per_epoch)
    }

    /// Returns whether an action that repeats after `every` steps, or else after the interval of
    /// the trainer, is due now. All actions are due after the last step of the run.
    pub(crate) fn is_due(&self, every: Option<u64>) -> bool {
        self.done.is_multiple_of(every.unwrap_or(self.interval)) || self.done == self.total
    }
}

/// A file of a run and a short description of its content.
pub(crate) type Described = (PathBuf, String);

/// An output of a run. Each method is called on all outputs in the order of [`outputs`].
///
/// A process can be killed during any of these calls. The run then resumes from the newest
/// checkpoint, and [`start`](Self::start) must restore the files to the state of that step. At the
/// end they must equal the files of an uninterrupted run.
pub(crate) trait Output {
    /// Returns the files of this output that are replaced as a whole. A crash can leave temporary
    /// files beside them, which the run removes.
    fn files(&self, _training: &Training) -> Vec<PathBuf> {
        vec![]
    }

    /// Called once, before the first step of this process. Removes everything that was written
    /// after step `training.done`.
    fn start(&mut self, _training: &Training) -> Result<(), Error> {
        Ok(())
    }

    /// Handles a new line of the log.
    fn log(&mut self, _line: &Line) -> Result<(), Error> {
        Ok(())
    }

    /// Draws pictures or curves at this step. `pictures` has the pictures of the trainer, each with
    /// the name of its series. It is empty if the run was interrupted, because then only curves are
    /// drawn.
    fn draw(&mut self, _training: &Training, _pictures: &[(&'static str, Image)]) -> Result<(), Error> {
        Ok(())
    }

    /// Writes the state of this step durably. All values of the state are finite.
    fn save(&mut self, _training: &mut Training) -> Result<(), Error> {
        Ok(())
    }

    /// Called once, after the last step. Returns the files to list for the user.
    fn finish(&mut self, _training: &Training) -> Result<Vec<Described>, Error> {
        Ok(vec![])
    }
}

/// Opens all outputs of a run. Returns the outputs and a summary of the existing log.
///
/// Outputs are written in the order of this list. The log is synced before the checkpoint of the
/// same step is written. Weights are written after the checkpoint, so weights never exist without a
/// checkpoint.
///
/// # Errors
/// If a file of the run cannot be read or written.
pub(crate) fn outputs(
    training: &Training,
    checkpoints: Checkpoints,
) -> Result<(Vec<Box<dyn Output>>, LogState), Error> {
    let mut curves = History::new(training.trainer.panels());
    let (log, kept) =
        Log::open(&training.run.file("metrics.jsonl"), training.done, |record| curves.add(record))?;
    let pictures = Pictures::open(&training.run.path)?;
    let mut outputs: Vec<Box<dyn Output>> = vec![Box::new(log), Box::new(curves), Box::new(pictures)];
    if training.common.tensorboard {
        outputs.push(Box::new(TensorBoard::open(&training.run.path, training.done)?));
    }
    outputs.push(Box::new(checkpoints));
    outputs.push(Box::new(Weights));
    Ok((outputs, kept))
}
