//! Logarithms of means.

/// log 1/n sum e^x over numbers that come one by one, without overflow or underflow.
#[derive(Clone, Copy, Debug)]
pub struct LogMeanExp {
    largest: f64,
    /// Sum of e^(x - largest).
    sum: f64,
    count: u64,
}

impl Default for LogMeanExp {
    fn default() -> Self {
        LogMeanExp { largest: f64::NEG_INFINITY, sum: 0.0, count: 0 }
    }
}

impl LogMeanExp {
    /// Takes another number in.
    pub fn add(&mut self, x: f64) {
        self.count += 1;
        if x == f64::NEG_INFINITY {
            return;
        }
        if x > self.largest {
            self.sum *= (self.largest - x).exp();
            self.largest = x;
        }
        self.sum += (x - self.largest).exp();
    }

    /// The logarithm of the mean.
    pub fn value(&self) -> f64 {
        self.largest + (self.sum / self.count as f64).ln()
    }
}

impl FromIterator<f64> for LogMeanExp {
    fn from_iter<I: IntoIterator<Item = f64>>(numbers: I) -> Self {
        let mut mean = LogMeanExp::default();
        numbers.into_iter().for_each(|x| mean.add(x));
        mean
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At -1000 nats e^x is 0 in f32 and in f64: only a shifted sum has the answer.
    #[test]
    fn a_mean_of_exponentials_does_not_underflow() {
        let want = -1000.0 + ((1.0 + 2.0f64.exp() + (-3.0f64).exp()) / 3.0).ln();
        for order in [[-1000.0, -998.0, -1003.0], [-998.0, -1003.0, -1000.0]] {
            assert!((order.into_iter().collect::<LogMeanExp>().value() - want).abs() < 1e-12);
        }
        let half: LogMeanExp = [0.0, f64::NEG_INFINITY].into_iter().collect();
        assert!((half.value() - 0.5f64.ln()).abs() < 1e-15);
        let none: LogMeanExp = [f64::NEG_INFINITY; 2].into_iter().collect();
        assert_eq!(none.value(), f64::NEG_INFINITY);
    }
}
