//! What a game is played about.

use adjoint_nn::Tensor;
use adjoint_train::{BoxError, Figures, Image, Panel};

/// The players, as a [`Stage`] shows them: networks as they are used, not as they are trained.
pub trait Play {
    /// G's samples from noise and a condition, with the averaged weights if there are any.
    fn sample(&mut self, z: &Tensor<f32>, condition: Option<&Tensor<f32>>) -> Tensor<f32>;

    /// D's logits.
    fn judge(&mut self, x: &Tensor<f32>, condition: Option<&Tensor<f32>>) -> Tensor<f32>;

    /// Noise for so many samples, always the same for a purpose.
    fn noise(&self, purpose: &str, rows: usize) -> Tensor<f32>;
}

/// Data, conditions and pictures of a game.
pub trait Stage {
    /// Batches in a pass through the data.
    fn batches_per_epoch(&self) -> u64;

    /// Batch `index`, counted over all epochs: data, and what is known of it where the game has conditions.
    fn batch(&mut self, index: u64) -> (Tensor<f32>, Option<Tensor<f32>>);

    /// Pictures, each with the name of its series.
    fn pictures(&mut self, players: &mut dyn Play) -> Vec<(&'static str, Image)>;

    /// What is worth measuring after an epoch.
    ///
    /// # Errors
    /// If something outside of the program fails it.
    fn epoch_figures(&mut self, _players: &mut dyn Play) -> Result<Figures, BoxError> {
        Ok(Figures::default())
    }

    /// The command of `sample` that shows most of such a model: what for, and its name.
    fn sample_command(&self) -> (&'static str, &'static str);

    /// Which figures are shown.
    fn panels(&self) -> &'static [Panel];
}
