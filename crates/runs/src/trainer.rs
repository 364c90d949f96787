//! The interface between a model and the training loop.

use crate::image::Image;
use crate::log::Figures;
use crate::plot::Panel;
use crate::{BoxError, NamedTensors};

/// Returns whether to stop. A measurement calls it about once per second, and returns `None` as
/// soon as it returns true. A resumed run then measures again.
pub type Stop<'a> = &'a dyn Fn() -> bool;

/// A model in training: its networks, optimisers, data and training step.
///
/// Everything that changes from step to step is in [`state`](Self::state). Random numbers are
/// functions of the settings and the number of the step. So a restored run continues with the same
/// bits.
pub trait Trainable {
    /// Returns the number of steps of one pass through the training set.
    fn steps_per_epoch(&self) -> u64;

    /// Returns the number of steps from one checkpoint to the next, and from one picture to the
    /// next, if the user chooses no other number.
    fn interval(&self) -> u64 {
        self.steps_per_epoch()
    }

    /// Returns the number of training images per step, from which the images per second are
    /// computed.
    fn images_per_step(&self) -> u64;

    /// Trains one step, after `step` earlier steps. Returns the numbers of this step. The run stops
    /// with an error if a number is not finite.
    ///
    /// # Errors
    /// If something outside of the program fails, such as the disk of the dataset. The run then
    /// ends, and the state is neither saved nor used again.
    fn step(&mut self, step: u64) -> Result<Figures, BoxError>;

    /// Measures numbers at the end of an epoch (counted from 1), which are logged on a separate
    /// line. Must not change the state. Returns `None` if [`Stop`] returned true.
    ///
    /// # Errors
    /// As in [`step`](Self::step).
    fn epoch_figures(&mut self, _epoch: u64, _stop: Stop) -> Result<Option<Figures>, BoxError> {
        Ok(Some(Figures::default()))
    }

    /// Measures numbers once, at the end of the run. They are written to final.json and printed.
    /// Must not change the state. Returns `None` as [`epoch_figures`](Self::epoch_figures) does.
    ///
    /// # Errors
    /// As in [`step`](Self::step).
    fn final_figures(&mut self, _stop: Stop) -> Result<Option<Figures>, BoxError> {
        Ok(Some(Figures::default()))
    }

    /// Draws pictures of the current results of the model, each with the name of its series
    /// ("samples"). Each call uses the same noise. Must not change the state.
    ///
    /// # Errors
    /// As in [`step`](Self::step).
    fn pictures(&mut self) -> Result<Vec<(&'static str, Image)>, BoxError>;

    /// Returns everything that a step changes: weights, optimiser moments and running statistics.
    /// Each tensor has a unique name. [`join_parts`](crate::join_parts) joins several states into
    /// one.
    fn state(&self) -> NamedTensors;

    /// Replaces the state. The caller has checked that the new state has the names, order and
    /// shapes of [`state`](Self::state).
    ///
    /// # Errors
    /// If a value of the new state is invalid.
    fn load_state(&mut self, state: NamedTensors) -> Result<(), BoxError>;

    /// Returns the networks to export for other programs. Each has a file name and its weights,
    /// with PyTorch-style names and in engine layout.
    fn networks(&self) -> Vec<(&'static str, NamedTensors)>;

    /// Returns the gradient of each network's loss with respect to its weights, by network and name
    /// (`generator/blocks.0.conv.weight`), for the data of the next step, which follows `step`
    /// earlier steps. Must not change the state. A trainer may have none.
    ///
    /// # Errors
    /// As in [`step`](Self::step).
    fn gradients(&mut self, _step: u64) -> Result<NamedTensors, BoxError> {
        Ok(vec![])
    }

    /// Returns the panels in which the curves are drawn. The progress line shows the last number of
    /// each curve.
    fn panels(&self) -> &'static [Panel];

    /// Returns files that describe what a new run is trained on, each with its name and its
    /// content. They are written once, before the first step.
    fn records(&mut self) -> Vec<(&'static str, String)> {
        vec![]
    }

    /// Returns the purpose and the name of the `sample` command to suggest after training, if any.
    fn sample_command(&self) -> Option<(&'static str, &'static str)> {
        None
    }
}
