//! What a game is played about.

use crate::limits;
use adjoint_nn::Tensor;
use adjoint_runs::{BoxError, Figures, Image};

/// The players, as a [`Stage`] shows them: networks as they are used, not as they are trained.
pub trait Play {
    /// G's samples from noise and a condition, with the averaged weights if there are any.
    fn sample(&mut self, z: &Tensor<f32>, condition: Option<&Tensor<f32>>) -> Tensor<f32>;

    /// Operations that G takes for a sample.
    fn sample_flops(&self) -> u64;

    /// The same as [`sample`](Self::sample). None if `stop`, asked every second or so, said so.
    fn sample_unless(
        &mut self,
        z: &Tensor<f32>,
        condition: Option<&Tensor<f32>>,
        stop: &dyn Fn() -> bool,
    ) -> Option<Tensor<f32>> {
        let n = z.dims()[0];
        let part = limits::between_looks(n, self.sample_flops());
        let mut parts = vec![];
        for part in limits::parts(0..n, part) {
            if stop() {
                return None;
            }
            let rows = |x: &Tensor<f32>| x.narrow(0, part.start, part.len());
            parts.push(self.sample(&rows(z), condition.map(rows).as_ref()));
        }
        Some(Tensor::concat(&parts.iter().collect::<Vec<_>>(), 0))
    }

    /// D's logits.
    fn judge(&mut self, x: &Tensor<f32>, condition: Option<&Tensor<f32>>) -> Tensor<f32>;

    /// Noise for `rows` samples, always the same for a purpose.
    fn noise(&self, purpose: &str, rows: usize) -> Tensor<f32>;
}

/// Data, conditions and pictures of a game.
pub trait Stage {
    /// Batches in a pass through the data.
    fn batches_per_epoch(&self) -> u64;

    /// Batch `index`, counted over all epochs: data, and what is known of it where the game has
    /// conditions.
    fn batch(&mut self, index: u64) -> (Tensor<f32>, Option<Tensor<f32>>);

    /// Pictures, each with the name of its series.
    fn pictures(&mut self, players: &mut dyn Play) -> Vec<(&'static str, Image)>;

    /// What is worth measuring after an epoch. None if `stop`, asked every second or so, said so.
    ///
    /// # Errors
    /// If something outside of the program fails it.
    fn epoch_figures(
        &mut self,
        players: &mut dyn Play,
        stop: &dyn Fn() -> bool,
    ) -> Result<Option<Figures>, BoxError>;

    /// The command of `sample` that shows most of such a model: what for, and its name.
    fn sample_command(&self) -> (&'static str, &'static str);
}
