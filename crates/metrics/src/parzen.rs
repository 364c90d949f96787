//! Log-likelihood under a Parzen window fitted to samples: Breuleux et al. 2011; Goodfellow et al.
//! 2014, section 5, table 1.
//!
//! The estimate is inaccurate in high dimensions: in hundreds of dimensions, ten thousand samples
//! are few. A high value does not prove that samples are good. The cluster centres that k-means
//! finds in training images get a higher value than the training images (Theis, van den Oord &
//! Bethge, "A note on the evaluation of generative models", 2016), and copies of training images
//! get a higher value than most models. This metric is implemented because the GAN paper reports
//! it.

use crate::Estimate;
use crate::neighbours::each_distances;
use adjoint_nn::Tensor;
use adjoint_nn::objective::LogMeanExp;

/// A mixture of normal densities, one about each sample, with equal weights and equal widths.
#[derive(Clone, Debug)]
pub struct Parzen {
    samples: Tensor<f64>,
    sigma: f64,
}

impl Parzen {
    /// Creates a window about samples (N, D).
    ///
    /// # Panics
    /// If there are no samples, or if sigma is not positive.
    #[track_caller]
    pub fn new(samples: Tensor<f64>, sigma: f64) -> Self {
        assert!(samples.dims()[0] > 0 && sigma > 0.0, "a window of width {sigma}");
        Parzen { samples, sigma }
    }

    /// Creates a window about `samples`. Its width is the one of `sigmas` that maximises the
    /// likelihood of `validation`.
    ///
    /// # Panics
    /// If `sigmas` is empty, and under the conditions of [`new`](Self::new).
    #[track_caller]
    pub fn cross_validated(samples: Tensor<f64>, validation: &Tensor<f64>, sigmas: &[f64]) -> Self {
        let mut sums = vec![0.0; sigmas.len()];
        each_distances(validation, &samples, |_, row| {
            for (sum, &sigma) in sums.iter_mut().zip(sigmas) {
                *sum += log_density(row, samples.dims()[1], sigma);
            }
        });
        let best = sums.iter().zip(sigmas).max_by(|a, b| a.0.total_cmp(b.0)).expect("a width to choose");
        Self::new(samples, *best.1)
    }

    /// The width of the window.
    pub fn sigma(&self) -> f64 {
        self.sigma
    }

    /// Returns the mean of log p(x) over the rows of x, in nats.
    ///
    /// # Panics
    /// If dimensions differ.
    #[track_caller]
    pub fn log_likelihood(&self, x: &Tensor<f64>) -> Estimate {
        let mut all = vec![];
        each_distances(x, &self.samples, |_, row| {
            all.push(log_density(row, self.samples.dims()[1], self.sigma));
        });
        Estimate::of(&all)
    }
}

/// Returns `count` widths from `low` to `high`. Each width is the previous width times a constant.
pub fn widths(low: f64, high: f64, count: usize) -> Vec<f64> {
    let step = (high / low).ln() / (count.max(2) - 1) as f64;
    (0..count).map(|i| low * (step * i as f64).exp()).collect()
}

/// Returns log p(x), where p(x) is the mean over samples s of N(x; s, sigma^2 I), from the squares
/// of the distances of x from all samples.
fn log_density(squared: &[f64], dimensions: usize, sigma: f64) -> f64 {
    let normaliser = 0.5 * dimensions as f64 * (std::f64::consts::TAU * sigma * sigma).ln();
    squared.iter().map(|d| -0.5 * d / (sigma * sigma)).collect::<LogMeanExp>().value() - normaliser
}

#[cfg(test)]
mod tests {
    use super::*;
    use adjoint_nn::Stream;

    /// With one sample the window is a normal density with a known value. Here the log density is
    /// hundreds of nats below the range of e^x in f32.
    #[test]
    fn one_sample_is_a_normal_density() {
        let d = 784;
        let window = Parzen::new(Tensor::zeros([1, d]), 0.5);
        let got = window.log_likelihood(&Tensor::full([2, d], 1.5)).value;
        let want = -0.5 * d as f64 * (9.0 + (std::f64::consts::TAU * 0.25).ln());
        assert!((got - want).abs() < 1e-9 * want.abs(), "{got} for {want}");
    }

    /// A window of width s about many samples of N(0, 1) is close to the density of N(0, 1 + s^2).
    /// The mean of the log of this density over N(0, 1) is known.
    #[test]
    fn many_samples_of_a_normal_variable() {
        let samples = Stream::new(1, "s", 0).normal_tensor([20_000, 1], 0.0, 1.0);
        let x = Stream::new(1, "x", 0).normal_tensor([2_000, 1], 0.0, 1.0);
        let window = Parzen::new(samples, 0.5);
        let got = window.log_likelihood(&x);
        let want = -0.5 * ((std::f64::consts::TAU * 1.25).ln() + 1.0 / 1.25);
        assert!((got.value - want).abs() < 4.0 * got.error, "{got:?} for {want}");
    }

    /// Few samples need a wide window, and many samples a narrow one. The narrowest width is never
    /// chosen; it would be chosen if the samples were used as the validation set.
    #[test]
    fn validation_finds_the_width() {
        let sigmas = widths(0.01, 10.0, 31);
        let fit = |n: usize| {
            let samples = Stream::new(1, "s", n as u64).normal_tensor([n, 2], 0.0, 1.0);
            let validation = Stream::new(1, "v", 0).normal_tensor([500, 2], 0.0, 1.0);
            Parzen::cross_validated(samples, &validation, &sigmas).sigma()
        };
        let (few, many) = (fit(20), fit(5_000));
        assert!(0.2 < many && many < few && few < 1.5, "{few} and {many}");
    }
}
