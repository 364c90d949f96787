//! Data, conditions and pictures of a game.

use crate::{Conditions, limits};
use adjoint_nn::Tensor;
use adjoint_runs::{BoxError, Figures, Image, Stop};

/// The two networks of a game in evaluation mode. A [`GameData`] uses them to draw pictures and to
/// measure numbers at the end of an epoch.
pub trait Play {
    /// Returns G's samples from noise and a condition. If there is a moving average of G's weights,
    /// G has the averaged weights.
    fn sample(&mut self, z: &Tensor<f32>, condition: Conditions) -> Tensor<f32>;

    /// Returns the floating-point operations of G per sample.
    fn sample_flops(&self) -> u64;

    /// Returns the same samples as [`sample`](Self::sample), or None if `stop` returned true.
    fn sample_unless(&mut self, z: &Tensor<f32>, condition: Conditions, stop: Stop) -> Option<Tensor<f32>> {
        let n = z.dims()[0];
        let part = limits::between_stop_checks(n, self.sample_flops());
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

    /// Returns D's outputs for a batch.
    fn judge(&mut self, x: &Tensor<f32>, condition: Conditions) -> Tensor<f32>;

    /// Returns noise for `rows` samples. It is a function of the seed of the run and the purpose.
    fn noise(&self, purpose: &str, rows: usize) -> Tensor<f32>;
}

/// Data, conditions and pictures of a game.
pub trait GameData {
    /// Returns the number of batches per epoch.
    fn batches_per_epoch(&self) -> u64;

    /// Returns the batch with this index, which counts over all epochs. The batch consists of data,
    /// and of their conditions if the game is conditional.
    ///
    /// # Errors
    /// If the data cannot be read.
    fn batch(&mut self, index: u64) -> Result<(Tensor<f32>, Option<Tensor<f32>>), BoxError>;

    /// Returns the files that a run keeps about its training set. The default implementation
    /// returns none.
    fn records(&self) -> Vec<(&'static str, String)> {
        vec![]
    }

    /// Draws pictures of the current samples. Each picture has the name of its series.
    ///
    /// # Errors
    /// If the data cannot be read.
    fn pictures(&mut self, players: &mut dyn Play) -> Result<Vec<(&'static str, Image)>, BoxError>;

    /// Measures numbers at the end of an epoch. Returns None if `stop` returned true.
    ///
    /// # Errors
    /// If the data cannot be read.
    fn epoch_figures(&mut self, players: &mut dyn Play, stop: Stop) -> Result<Option<Figures>, BoxError>;

    /// Returns the most useful command of `sample` for a run of this game: a description and the
    /// name of the command.
    fn sample_command(&self) -> (&'static str, &'static str);
}
