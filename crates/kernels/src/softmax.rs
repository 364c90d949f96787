//! Softmax of rows. Log-sum-exp of rows, of a slice, and of numbers that arrive one by one.
//!
//! All functions subtract the largest x before they compute e^x, so nothing overflows. They add up
//! in `f64`, so the result is accurate for any number of terms. If a number is NaN, the result is
//! NaN.

use crate::Element;
use crate::parallel::for_each_chunk;
use crate::tuning::tasks::CHUNK;

/// y = e^x / sum of e^x, for each row of `columns` numbers.
///
/// # Panics
/// If the lengths differ or are not a multiple of `columns`.
#[track_caller]
#[inline(never)]
pub fn softmax<E: Element>(x: &[E], columns: usize, y: &mut [E]) {
    rows(x, columns, y, columns, |x, y| {
        let max = maximum(x);
        // A long row is also divided, except its sum, which has one order.
        for_each_chunk(y, CHUNK, |t, y| {
            y.iter_mut().zip(&x[t * CHUNK..]).for_each(|(y, &x)| *y = (x - max).exp());
        });
        let sum = E::of(y.iter().fold(0.0, |sum, y| sum + y.f64()));
        for_each_chunk(y, CHUNK, |_, y| y.iter_mut().for_each(|y| *y = *y / sum));
    });
}

/// y = x - ln sum of e^x, for each row of `columns` numbers.
///
/// # Panics
/// As [`softmax`].
#[track_caller]
#[inline(never)]
pub fn log_softmax<E: Element>(x: &[E], columns: usize, y: &mut [E]) {
    rows(x, columns, y, columns, |x, y| {
        let (max, log_sum) = shifted(x);
        let log_sum = E::of(log_sum);
        // This order of additions matters: next to a large maximum, max + log_sum could be rounded
        // to the maximum.
        for_each_chunk(y, CHUNK, |t, y| {
            y.iter_mut().zip(&x[t * CHUNK..]).for_each(|(y, &x)| *y = (x - max) - log_sum);
        });
    });
}

/// y = ln sum of e^x, one number for each row of `columns` numbers.
///
/// # Panics
/// If `x` does not have one row for each number of `y`.
#[track_caller]
#[inline(never)]
pub fn log_sum_exp_rows<E: Element>(x: &[E], columns: usize, y: &mut [E]) {
    rows(x, columns, y, 1, |x, y| y[0] = log_sum_exp(x));
}

/// Returns ln sum of e^x = max + ln sum of e^(x - max). Without numbers, this is negative infinity.
#[inline(never)]
pub fn log_sum_exp<E: Element>(x: &[E]) -> E {
    let (max, log_sum) = shifted(x);
    E::of(max.f64() + log_sum)
}

/// Returns the largest number, max, and ln sum of e^(x - max). If max is infinite, the second
/// result is 0.
fn shifted<E: Element>(x: &[E]) -> (E, f64) {
    let max = maximum(x);
    if !max.is_finite() {
        return (max, 0.0);
    }
    (max, x.iter().map(|&x| (x - max).exp().f64()).sum::<f64>().ln())
}

fn maximum<E: Element>(x: &[E]) -> E {
    x.iter().fold(E::NEG_INFINITY, |m, &x| m.greater(x))
}

/// Calls `f` with each row of `columns` numbers of x and the matching `out_columns` numbers of y.
#[track_caller]
fn rows<E: Element>(
    x: &[E],
    columns: usize,
    y: &mut [E],
    out_columns: usize,
    f: impl Fn(&[E], &mut [E]) + Sync,
) {
    assert!(
        columns > 0 && x.len().is_multiple_of(columns) && x.len() / columns * out_columns == y.len(),
        "softmax: inputs of {} and outputs of {} elements do not fit rows of {columns}",
        x.len(),
        y.len()
    );
    let rows = (CHUNK / columns).max(1);
    for_each_chunk(y, rows * out_columns, |t, y| {
        let x = &x[t * rows * columns..];
        for (x, y) in x.chunks_exact(columns).zip(y.chunks_exact_mut(out_columns)) {
            f(x, y);
        }
    });
}

/// The logarithm of the mean of e^x over numbers x that arrive one by one, without overflow or
/// underflow.
#[derive(Clone, Copy, Debug)]
pub struct LogMeanExp {
    largest: f64,
    /// The sum of e^(x - largest).
    sum: f64,
    count: u64,
}

impl Default for LogMeanExp {
    fn default() -> Self {
        LogMeanExp { largest: f64::NEG_INFINITY, sum: 0.0, count: 0 }
    }
}

impl LogMeanExp {
    /// Adds another number.
    pub fn add(&mut self, x: f64) {
        self.count += 1;
        let largest = self.largest.greater(x);
        // If the largest number does not change, no difference is formed, because it could be
        // infinite.
        if largest != self.largest {
            self.sum *= (self.largest - largest).exp();
        }
        self.sum += if x == largest { 1.0 } else { (x - largest).exp() };
        self.largest = largest;
    }

    /// Returns the logarithm of the mean. NaN if there is no number.
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
    use crate::reference;

    const INF: f64 = f64::INFINITY;

    #[test]
    fn equals_the_definition_and_survives_large_numbers() {
        let x: Vec<f64> = (0..60).map(|i| ((i * 37) % 23) as f64 / 3.0 - 4.0).collect();
        let (mut p, mut log_p, mut lse) = (vec![0.0; 60], vec![0.0; 60], vec![0.0; 5]);
        softmax(&x, 12, &mut p);
        log_softmax(&x, 12, &mut log_p);
        log_sum_exp_rows(&x, 12, &mut lse);
        let close = |got: &[f64], want: Vec<f64>| got.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-14);
        for (i, (row, (p, log_p))) in x.chunks(12).zip(p.chunks(12).zip(log_p.chunks(12))).enumerate() {
            assert!(close(p, reference::softmax(row)) && close(log_p, reference::log_softmax(row)));
            assert!((lse[i] - (row[3] - log_p[3])).abs() < 1e-14 && lse[i] == log_sum_exp(row));
        }
        let mut y = [0.0f32; 2];
        log_softmax(&[1e30, -1e30], 2, &mut y);
        assert_eq!(y, [0.0, -2e30]);
        log_softmax(&[1e9, 1e9], 2, &mut y);
        assert_eq!(y, [-2f32.ln(); 2]);
        assert!((log_sum_exp(&[80.0f64, 80.0]) - (80.0 + 2f64.ln())).abs() < 1e-13);
        assert_eq!(log_sum_exp::<f64>(&[]), -INF);
    }

    /// The results for a row of three million numbers are accurate. A running sum in `f32` would
    /// lose digits as it grows.
    #[test]
    fn many_terms_lose_no_digits() {
        let n = 3_000_000;
        let x: Vec<f32> = (0..n).map(|i| (i % 3) as f32 * 0.5).collect();
        let exact = (x.iter().map(|&x| f64::from(x).exp()).sum::<f64>()).ln();
        assert!((f64::from(log_sum_exp(&x)) / exact - 1.0).abs() < 1e-7);
        let mut y = vec![0.0; n];
        softmax(&x, n, &mut y);
        let total: f64 = y.iter().map(|&y| f64::from(y)).sum();
        assert!((total - 1.0).abs() < 1e-6, "softmax adds up to {total}");
        log_softmax(&x, n, &mut y);
        assert!((f64::from(y[0]) + exact).abs() < 1e-6);
    }

    /// Every function gives the right infinity if numbers are infinite, and NaN if a number is NaN,
    /// for every order of the numbers.
    #[test]
    fn the_edges_of_the_numbers() {
        for (numbers, sum) in [
            ([INF, 0.0, -INF], INF),
            ([INF, INF, 1.0], INF),
            ([-INF, -INF, 3.0], 3.0),
            ([-INF; 3], -INF),
            ([f64::NAN, INF, 0.0], f64::NAN),
            ([f64::NAN, -INF, -INF], f64::NAN),
        ] {
            for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
                let x = order.map(|i| numbers[i]);
                let streamed: LogMeanExp = x.into_iter().collect();
                let [mut by_row, mut single] = [[f64::NAN]; 2];
                log_sum_exp_rows(&x, 3, &mut by_row);
                single[0] = log_sum_exp(&x);
                for got in [streamed.value() + 3f64.ln(), by_row[0], single[0]] {
                    let same = got == sum || (got - sum).abs() < 1e-15 || got.is_nan() && sum.is_nan();
                    assert!(same, "{got} for {sum} of {x:?}");
                }
            }
        }
    }

    /// For x near -1000, e^x is 0 in `f32` and in `f64`. The logarithm of the mean is still right,
    /// because the sum is one of e^(x - largest).
    #[test]
    fn a_mean_of_exponentials_does_not_underflow() {
        let want = -1000.0 + ((1.0 + 2.0f64.exp() + (-3.0f64).exp()) / 3.0).ln();
        for order in [[-1000.0, -998.0, -1003.0], [-998.0, -1003.0, -1000.0]] {
            assert!((order.into_iter().collect::<LogMeanExp>().value() - want).abs() < 1e-12);
        }
        let half: LogMeanExp = [0.0, -INF].into_iter().collect();
        assert!((half.value() - 0.5f64.ln()).abs() < 1e-15);
        assert!(LogMeanExp::default().value().is_nan());
    }
}
