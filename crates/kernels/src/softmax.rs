//! Softmax and its relatives over rows, shifted by the row's maximum so that nothing overflows.

use crate::Element;
use crate::parallel::{CHUNK, for_each_chunk};

/// y = e^x / sum of e^x, for each row of `columns` numbers.
///
/// # Panics
/// If the lengths differ or are no multiple of `columns`.
#[track_caller]
#[inline(never)]
pub fn softmax<E: Element>(x: &[E], columns: usize, y: &mut [E]) {
    rows(x, columns, y, |x, y| {
        let max = maximum(x);
        let mut sum = E::ZERO;
        for (y, &x) in y.iter_mut().zip(x) {
            *y = (x - max).exp();
            sum += *y;
        }
        for y in y {
            *y = *y / sum;
        }
    });
}

/// y = x - ln sum of e^x, for each row of `columns` numbers.
///
/// # Panics
/// As [`softmax`].
#[track_caller]
#[inline(never)]
pub fn log_softmax<E: Element>(x: &[E], columns: usize, y: &mut [E]) {
    rows(x, columns, y, |x, y| {
        let lse = log_sum_exp(x);
        for (y, &x) in y.iter_mut().zip(x) {
            *y = x - lse;
        }
    });
}

/// ln sum of e^x = max + ln sum of e^(x - max). Negative infinity for no numbers.
#[inline(never)]
pub fn log_sum_exp<E: Element>(x: &[E]) -> E {
    let max = maximum(x);
    if !max.is_finite() {
        return max;
    }
    max + x.iter().map(|&x| (x - max).exp()).sum::<E>().ln()
}

fn maximum<E: Element>(x: &[E]) -> E {
    x.iter().fold(E::NEG_INFINITY, |m, &x| x.at_least(m))
}

#[track_caller]
fn rows<E: Element>(x: &[E], columns: usize, y: &mut [E], f: impl Fn(&[E], &mut [E]) + Sync) {
    assert!(
        x.len() == y.len() && columns > 0 && x.len().is_multiple_of(columns),
        "softmax: rows of {columns} from {} to {} elements",
        x.len(),
        y.len()
    );
    let chunk = (CHUNK / columns).max(1) * columns;
    for_each_chunk(y, chunk, |t, y| {
        for (x, y) in x[t * chunk..].chunks_exact(columns).zip(y.chunks_exact_mut(columns)) {
            f(x, y);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference;

    #[test]
    fn equals_the_definition_and_survives_large_numbers() {
        let x: Vec<f64> = (0..60).map(|i| ((i * 37) % 23) as f64 / 3.0 - 4.0).collect();
        let (mut p, mut log_p) = (vec![0.0; 60], vec![0.0; 60]);
        softmax(&x, 12, &mut p);
        log_softmax(&x, 12, &mut log_p);
        let close = |got: &[f64], want: Vec<f64>| got.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-14);
        for (row, (p, log_p)) in x.chunks(12).zip(p.chunks(12).zip(log_p.chunks(12))) {
            assert!(close(p, reference::softmax(row)) && close(log_p, reference::log_softmax(row)));
        }
        let mut y = [0.0f32; 2];
        log_softmax(&[1e30, -1e30], 2, &mut y);
        assert_eq!(y, [0.0, -2e30]);
        assert!((log_sum_exp(&[80.0f64, 80.0]) - (80.0 + 2f64.ln())).abs() < 1e-13);
        assert_eq!(log_sum_exp::<f64>(&[]), f64::NEG_INFINITY);
    }
}
