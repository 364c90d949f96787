//! Means with their errors.

/// A mean and its standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    /// The mean.
    pub value: f64,
    /// Its standard error; NaN from one number alone.
    pub error: f64,
}

impl Estimate {
    /// The mean of independent numbers, with the standard deviation of the mean.
    pub fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
        Estimate { value: mean, error: (squares / (n - 1.0) / n).sqrt() }
    }

    /// The share p of hits among `of` independent tries, with the standard deviation of a binomial share, sqrt(p (1 - p) / n).
    pub fn share(hits: usize, of: usize) -> Self {
        let (n, value) = (of as f64, hits as f64 / of as f64);
        Estimate { value, error: (value * (1.0 - value) / n).sqrt() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_has_the_textbook_error() {
        let Estimate { value, error } = Estimate::of(&[1.0, 2.0, 3.0, 6.0]);
        // Variance (4 + 1 + 0 + 9) / 3 of a number, over 4.
        assert_eq!(value, 3.0);
        assert!((error - (14.0f64 / 12.0).sqrt()).abs() < 1e-15);
    }

    /// 30 of 100: sqrt(0.3 x 0.7 / 100), and the mean of a hundred zeros and ones but for one degree of freedom.
    #[test]
    fn a_share_has_the_error_of_a_binomial() {
        let Estimate { value, error } = Estimate::share(30, 100);
        assert_eq!(value, 0.3);
        assert!((error - 0.0021f64.sqrt()).abs() < 1e-15);
        let mean = Estimate::of(&(0..100).map(|i| f64::from(u8::from(i < 30))).collect::<Vec<_>>());
        assert!((error / mean.error - (99.0f64 / 100.0).sqrt()).abs() < 1e-12);
    }
}
