//! The regressor: a judge that estimates the known factors of glyphs.

use super::{StoredJudge, Task};
use adjoint_data::Dataset;
use adjoint_data::glyphs::Factors;
use adjoint_runs::BoxError;

/// A function that returns one factor of a glyph.
pub(super) type Number = fn(&Factors) -> f32;

/// The factors of glyphs that the regressor learns. The text before each factor is the JSON key of
/// its score: the success of walks along its direction. If the factors change, `JUDGE_VERSION` must
/// be raised.
pub(crate) const FACTORS: [(&str, Number); 3] = [
    ("direction_thickness", |f| f.stroke_width),
    ("direction_slant", |f| f.slant),
    ("direction_width", |f| f.aspect),
];

/// A judge that estimates the factors of glyphs. Its outputs are normalised: 0 is the mean of a
/// factor over the training images, and 1 is one standard deviation above the mean.
pub(crate) struct Regressor {
    pub(crate) judge: StoredJudge,
    scales: Scales,
}

impl Regressor {
    /// Returns the regressor of a dataset. `factors` are the factors of every training image, and
    /// `obtain` loads or trains the judge of a task.
    ///
    /// # Errors
    /// If `obtain` fails.
    pub(super) fn new(
        factors: &[Factors],
        obtain: impl FnOnce(&Task<'_>) -> Result<StoredJudge, BoxError>,
    ) -> Result<Self, BoxError> {
        let scales = FACTORS.map(|(_, number)| mean_and_deviation(factors, number));
        let judge = obtain(&Task::factors(factors, &scales))?;
        Ok(Regressor { judge, scales })
    }

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
pub(super) type Scales = [[f64; 2]; FACTORS.len()];

/// Returns the factors of a glyph, each in standard deviations from its mean over the training
/// images.
pub(super) fn normalised(factors: &Factors, scales: &Scales) -> [f64; FACTORS.len()] {
    std::array::from_fn(|j| (f64::from(FACTORS[j].1(factors)) - scales[j][0]) / scales[j][1])
}

/// Returns the mean and the standard deviation of a factor.
pub(super) fn mean_and_deviation(factors: &[Factors], number: Number) -> [f64; 2] {
    let n = factors.len() as f64;
    let mean = factors.iter().map(|f| f64::from(number(f))).sum::<f64>() / n;
    let variance = factors.iter().map(|f| (f64::from(number(f)) - mean).powi(2)).sum::<f64>() / n;
    [mean, variance.sqrt().max(f64::MIN_POSITIVE)]
}
