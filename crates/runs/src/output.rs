//! What a run writes while it trains: the log, curves, pictures, checkpoints, weights.
//!
//! Each is an [`Output`] in a file of its own, and [`outputs`] lists them all. The training loop
//! knows none of them by name. A new output is its file and a line in that list.

use std::path::PathBuf;

use crate::checkpoint::Checkpoints;
use crate::image::Image;
use crate::log::{Kept, Line, Log};
use crate::pictures::Pictures;
use crate::plot::History;
use crate::session::Plan;
use crate::weights::Weights;
use crate::{Error, RunDir, Trainable};

/// A run in training, as its outputs see it.
pub(crate) struct Training<'a> {
    pub(crate) plan: Plan,
    pub(crate) run: RunDir,
    pub(crate) trainer: &'a mut dyn Trainable,
    /// Number of steps done, in all processes that trained this run.
    pub(crate) done: u64,
    /// Step of the newest good checkpoint.
    pub(crate) saved: Option<u64>,
}

impl Training<'_> {
    /// The epoch that the last step belongs to, from 1; 0 before the first step.
    pub(crate) fn epoch(&self) -> u64 {
        self.done.div_ceil(self.plan.steps_per_epoch)
    }
}

/// A file of a run and what it contains, in a few words.
pub(crate) type Described = (PathBuf, String);

/// Something that a run writes. Each method is called on all outputs in the order of [`outputs`].
///
/// A process can be killed in any of these calls. The run then resumes from the newest checkpoint,
/// and [`start`](Self::start) must bring the files to that step, so that they end up equal to those
/// of an uninterrupted run.
pub(crate) trait Output {
    /// Files that are replaced as a whole. The run removes what a crash left half-written of them.
    fn files(&self, _training: &Training) -> Vec<PathBuf> {
        vec![]
    }

    /// Called once, before this process takes its first step. Removes what was written after step
    /// `training.done`.
    fn start(&mut self, _training: &Training) -> Result<(), Error> {
        Ok(())
    }

    /// Takes a new line of the log.
    fn log(&mut self, _line: &Line) -> Result<(), Error> {
        Ok(())
    }

    /// Draws what the run shows at this step. `pictures` are those of the trainer, each with the
    /// name of its series; there are none if the run was interrupted.
    fn draw(&mut self, _training: &Training, _pictures: &[(&'static str, Image)]) -> Result<(), Error> {
        Ok(())
    }

    /// Makes the state of this step durable. All numbers in it are finite.
    fn save(&mut self, _training: &mut Training) -> Result<(), Error> {
        Ok(())
    }

    /// Called once, after the last step. Returns the files to list for the user.
    fn finish(&mut self, _training: &Training) -> Result<Vec<Described>, Error> {
        Ok(vec![])
    }
}

/// Opens all outputs of a run, and returns what the log says of the run so far.
///
/// Their order is the order of writing. Lines of the log are durable before the checkpoint that
/// comes after them. Weights come after the checkpoint, so weights never exist without one.
///
/// # Errors
/// If a file of the run cannot be read or written.
pub(crate) fn outputs(
    training: &Training,
    checkpoints: Checkpoints,
) -> Result<(Vec<Box<dyn Output>>, Kept), Error> {
    let mut curves = History::new(training.trainer.panels());
    let (log, kept) =
        Log::open(&training.run.file("metrics.jsonl"), training.done, |record| curves.add(record))?;
    let pictures = Pictures::open(training.run.path())?;
    let outputs: Vec<Box<dyn Output>> =
        vec![Box::new(log), Box::new(curves), Box::new(pictures), Box::new(checkpoints), Box::new(Weights)];
    Ok((outputs, kept))
}
