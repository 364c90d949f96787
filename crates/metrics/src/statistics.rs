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
}
