//! Means with standard errors.

/// A mean and its standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    /// The mean.
    pub value: f64,
    /// The standard error of the mean; NaN for a single number, or if the error is unknown.
    pub error: f64,
}

/// A number whose error is not known.
impl From<f64> for Estimate {
    fn from(value: f64) -> Self {
        Estimate { value, error: f64::NAN }
    }
}

impl Estimate {
    /// Returns the mean of independent numbers and its standard error.
    pub fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
        Estimate { value: mean, error: (squares / (n - 1.0) / n).sqrt() }
    }

    /// Returns the share p of hits among n independent trials. The error is half the width of
    /// Wilson's interval at one standard deviation (Wilson, "Probable inference, the law of
    /// succession, and statistical inference", JASA 22, 1927):
    ///
    /// > sqrt(p (1 - p) / n + 1 / (4 n^2)) / (1 + 1 / n)
    ///
    /// For large n, the error approaches the standard deviation of a binomial share, sqrt(p (1 - p)
    /// / n). This standard deviation is 0 if all trials or no trials are hits, although other
    /// results were possible. In these cases, the error of Wilson's interval is 1 / (2 (n + 1)).
    /// The centre of Wilson's interval is (p + 1 / (2 n)) / (1 + 1 / n), which is slightly closer
    /// to 1/2 than p. Without hits, the interval is from 0 to twice the error.
    pub fn share(hits: usize, of: usize) -> Self {
        let (n, value) = (of as f64, hits as f64 / of as f64);
        let error = (value * (1.0 - value) / n + 0.25 / (n * n)).sqrt() / (1.0 + 1.0 / n);
        Estimate { value, error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_has_the_textbook_error() {
        let Estimate { value, error } = Estimate::of(&[1.0, 2.0, 3.0, 6.0]);
        // The variance of a single number is (4 + 1 + 0 + 9) / 3; the variance of the mean is a
        // quarter of it.
        assert_eq!(value, 3.0);
        assert!((error - (14.0f64 / 12.0).sqrt()).abs() < 1e-15);
    }

    /// Values computed by hand. 30 of 100: sqrt(0.0021 + 0.000025) / 1.01 = 0.046098 / 1.01. 2 of
    /// 8: sqrt(3/128 + 1/256) / (9/8) = sqrt(7)/16 x 8/9 = sqrt(7)/18. 0 or 9 of 9: 1/18 / (10/9) =
    /// 1/20.
    #[test]
    fn a_share_has_the_error_of_wilson() {
        for (hits, of, want) in
            [(30, 100, 0.002_125f64.sqrt() / 1.01), (2, 8, 7.0f64.sqrt() / 18.0), (0, 9, 0.05), (9, 9, 0.05)]
        {
            let Estimate { value, error } = Estimate::share(hits, of);
            assert_eq!(value, hits as f64 / of as f64);
            assert!((error - want).abs() < 1e-15, "{hits} of {of}: {error} for {want}");
        }
    }

    /// At each end p of the interval, the distance from the share is the standard deviation of a
    /// share with the probability p: |share - p| = sqrt(p (1 - p) / n).
    #[test]
    fn ends_of_the_interval_are_a_standard_deviation_off() {
        for (hits, n) in [(0, 5), (3, 40), (39, 40), (700, 1_000)] {
            let Estimate { value, error } = Estimate::share(hits, n);
            let n = n as f64;
            let middle = (value + 0.5 / n) / (1.0 + 1.0 / n);
            for p in [middle - error, middle + error] {
                let off = (value - p).powi(2) - p * (1.0 - p) / n;
                assert!(off.abs() < 1e-15, "{hits} of {n}, {p}: {off}");
            }
        }
    }

    /// A share is a mean of zeros and ones. Its error differs from the error of such a mean by
    /// terms of order 1/n.
    #[test]
    fn a_share_of_many_has_the_error_of_a_mean() {
        let mean = Estimate::of(&(0..10_000).map(|i| f64::from(u8::from(i < 3_000))).collect::<Vec<_>>());
        let share = Estimate::share(3_000, 10_000);
        assert!((share.error / mean.error - 1.0).abs() < 1e-3, "{share:?}, {mean:?}");
    }
}
