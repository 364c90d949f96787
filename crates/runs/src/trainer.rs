//! What a model tells the training loop about itself.

use crate::image::Image;
use crate::log::Figures;
use crate::plot::Panel;
use crate::{BoxError, NamedTensors};

/// A model in training: its networks, optimisers and data, and how one step goes.
///
/// All that changes from step to step is in [`state`](Self::state); what is random is addressed by
/// the step, and so a run that is restored continues with the same bits.
pub trait Trainable {
    /// Steps that go once through the training set.
    fn steps_per_epoch(&self) -> u64;

    /// Training images that one step uses, for the images per second.
    fn images_per_step(&self) -> u64;

    /// One training step, after `step` others. Returns its figures, which must be finite for the
    /// run to continue.
    ///
    /// # Errors
    /// If something outside of the program fails it, such as its dataset's disk.
    fn step(&mut self, step: u64) -> Result<Figures, BoxError>;

    /// What is worth measuring at the end of an epoch (counted from 1), logged on a line of its
    /// own. May not change the state. None if it gave up because `stop` said so, which is to be
    /// asked every second or so: a resumed run measures again.
    ///
    /// # Errors
    /// As in [`step`](Self::step).
    fn epoch_figures(&mut self, _epoch: u64, _stop: &dyn Fn() -> bool) -> Result<Option<Figures>, BoxError> {
        Ok(Some(Figures::default()))
    }

    /// What is worth measuring once, when the run is done; written to final.json and shown. May not
    /// change the state. None as for [`epoch_figures`](Self::epoch_figures).
    ///
    /// # Errors
    /// As in [`step`](Self::step).
    fn final_figures(&mut self, _stop: &dyn Fn() -> bool) -> Result<Option<Figures>, BoxError> {
        Ok(Some(Figures::default()))
    }

    /// Pictures of what the model can do by now, each with the name of its series ("samples"); from
    /// the same noise each time. May not change the state.
    fn pictures(&mut self) -> Vec<(&'static str, Image)>;

    /// Weights, optimiser moments, running statistics: everything that a step changes, each under a
    /// name of its own. [`join_parts`](crate::join_parts) makes one state of several.
    fn state(&self) -> NamedTensors;

    /// Takes over a state. It has the names, order and shapes of [`state`](Self::state): that was
    /// checked.
    ///
    /// # Errors
    /// If something in it can't be used all the same.
    fn load_state(&mut self, state: NamedTensors) -> Result<(), BoxError>;

    /// The networks to export for other programs: the name of the file and the weights,
    /// PyTorch-style names, engine layout.
    fn networks(&self) -> Vec<(&'static str, NamedTensors)>;

    /// Which figures are shown, on the progress line and as curves.
    fn panels(&self) -> &'static [Panel];

    /// The command of `sample` that shows most of such a model: what it shows, and its name.
    fn sample_command(&self) -> Option<(&'static str, &'static str)> {
        None
    }
}
