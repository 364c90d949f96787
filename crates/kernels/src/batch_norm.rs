//! Batch normalisation (Ioffe & Szegedy 2015) over rows of channels.
//!
//! In NHWC the channel is the last axis, so one kernel serves images and vectors alike: `x` is a matrix of m rows (all
//! pixels of all images) by C channels, and every statistic is one of a column.
//!
//! Statistics are taken per chunk of rows, the mean as a distance from the chunk's first row and the variance about
//! that mean, and merged in order in `f64` (Chan, Golub & LeVeque 1983), so they neither lose digits for data far from
//! zero nor depend on the number of threads.

use crate::Element;
use crate::memory::Buffer;
use crate::parallel::{CHUNK, for_each_chunk};

/// Mean and variance of each channel of a batch.
pub struct Statistics<'a, E> {
    /// mu
    pub mean: &'a mut [E],
    /// sigma^2 = (1/m) sum of (x - mu)^2: biased, as the forward pass uses it.
    pub variance: &'a mut [E],
}

/// Mean and biased variance of each column of `x`.
///
/// # Panics
/// If `x` has no row or is not a whole number of rows.
#[track_caller]
pub fn statistics<E: Element>(x: &[E], out: Statistics<'_, E>) {
    let c = out.mean.len();
    let m = row_count(x.len(), c);
    assert!(m > 0 && out.variance.len() == c, "batch_norm: statistics of {m} rows of {c} channels");
    let rows = rows_per_chunk(c);
    let mut partial = Buffer::take(m.div_ceil(rows) * 2 * c);
    for_each_chunk(partial.as_mut_slice(), 2 * c, |t, partial| {
        let x = &x[t * rows * c..((t + 1) * rows).min(m) * c];
        let ((mean, m2), pivot) = (partial.split_at_mut(c), &x[..c]);
        let n = E::of((x.len() / c) as f64);
        mean.fill(E::ZERO);
        for row in x.chunks_exact(c) {
            for ((mean, &x), &pivot) in mean.iter_mut().zip(row).zip(pivot) {
                *mean += x - pivot;
            }
        }
        mean.iter_mut().for_each(|s| *s = *s / n);
        m2.fill(E::ZERO);
        for row in x.chunks_exact(c) {
            for (((m2, &x), &pivot), &mean) in m2.iter_mut().zip(row).zip(pivot).zip(mean.iter()) {
                let d = (x - pivot) - mean;
                *m2 += d * d;
            }
        }
    });
    for j in 0..c {
        let (mut n, mut mean, mut m2) = (0.0, 0.0, 0.0);
        for (t, partial) in partial.as_slice().chunks_exact(2 * c).enumerate() {
            let k = (rows.min(m - t * rows)) as f64;
            let pivot = x[t * rows * c + j].f64();
            let delta = pivot + partial[j].f64() - mean;
            mean += delta * k / (n + k);
            m2 += partial[c + j].f64() + delta * delta * n * k / (n + k);
            n += k;
        }
        out.mean[j] = E::of(mean);
        out.variance[j] = E::of(m2 / n);
    }
}

/// The numbers a normalisation applies to each channel.
#[derive(Clone, Copy)]
pub struct Channels<'a, E> {
    /// mu: of the batch in training, the running mean in evaluation.
    pub mean: &'a [E],
    /// sigma^2, likewise.
    pub variance: &'a [E],
    /// The scale.
    pub gamma: &'a [E],
    /// The shift.
    pub beta: &'a [E],
    /// Added to the variance.
    pub eps: f64,
}

impl<E: Element> Channels<'_, E> {
    /// 1 / sqrt(sigma^2 + eps) of each channel.
    fn rstd(&self) -> Buffer<E> {
        let mut rstd = Buffer::take(self.variance.len());
        for (r, v) in rstd.as_mut_slice().iter_mut().zip(self.variance) {
            *r = E::of(1.0 / (v.f64() + self.eps).sqrt());
        }
        rstd
    }

    #[track_caller]
    fn check(&self) -> usize {
        let c = self.mean.len();
        let same = self.variance.len() == c && self.gamma.len() == c && self.beta.len() == c;
        assert!(same, "batch_norm: mean, variance, gamma and beta must have one length");
        c
    }
}

/// y = gamma (x - mu) / sqrt(sigma^2 + eps) + beta
///
/// # Panics
/// If lengths differ.
#[track_caller]
pub fn normalise<E: Element>(x: &[E], by: Channels<'_, E>, y: &mut [E]) {
    let c = by.check();
    row_count(x.len(), c);
    assert_eq!(x.len(), y.len(), "batch_norm: input and output lengths differ");
    let mut scale = by.rstd();
    each2(scale.as_mut_slice(), by.gamma, |s, gamma| *s *= gamma);
    let (scale, chunk) = (scale.as_slice(), rows_per_chunk(c) * c);
    for_each_chunk(y, chunk, |t, y| {
        for (y, x) in y.chunks_exact_mut(c).zip(x[t * chunk..].chunks_exact(c)) {
            for j in 0..c {
                y[j] = (x[j] - by.mean[j]) * scale[j] + by.beta[j];
            }
        }
    });
}

/// Gradients of a training-mode batch norm, with x^ = (x - mu) / sqrt(sigma^2 + eps):
///
/// > beta_bar = sum of y_bar,   gamma_bar = sum of y_bar x^,
/// > x_bar = gamma / sqrt(sigma^2 + eps) (y_bar - beta_bar / m - x^ gamma_bar / m)
///
/// (Ioffe & Szegedy 2015, section 3, with the sums over the batch collected; derived in docs/batch_norm.md.)
///
/// # Panics
/// If lengths differ.
#[track_caller]
pub fn backward<E: Element>(
    x: &[E],
    y_bar: &[E],
    by: Channels<'_, E>,
    x_bar: &mut [E],
    gamma_bar: &mut [E],
    beta_bar: &mut [E],
) {
    let c = by.check();
    let m = row_count(x.len(), c);
    assert!(
        y_bar.len() == x.len() && x_bar.len() == x.len(),
        "batch_norm backward: lengths of x, y_bar, x_bar"
    );
    let rstd = by.rstd();
    let rstd = rstd.as_slice();
    channel_sums(x, y_bar, by.mean, rstd, gamma_bar, beta_bar);
    let per_m = E::of(1.0 / m as f64);
    let chunk = rows_per_chunk(c) * c;
    let (gamma_bar, beta_bar) = (&*gamma_bar, &*beta_bar);
    for_each_chunk(x_bar, chunk, |t, x_bar| {
        let at = t * chunk;
        let rows = x[at..].chunks_exact(c).zip(y_bar[at..].chunks_exact(c));
        for (x_bar, (x, y_bar)) in x_bar.chunks_exact_mut(c).zip(rows) {
            for j in 0..c {
                let x_hat = (x[j] - by.mean[j]) * rstd[j];
                x_bar[j] =
                    by.gamma[j] * rstd[j] * (y_bar[j] - per_m * beta_bar[j] - x_hat * (per_m * gamma_bar[j]));
            }
        }
    });
}

/// sum of y_bar x^ and sum of y_bar over each column.
fn channel_sums<E: Element>(
    x: &[E],
    y_bar: &[E],
    mean: &[E],
    rstd: &[E],
    gamma_bar: &mut [E],
    beta_bar: &mut [E],
) {
    let c = mean.len();
    let (m, rows) = (x.len() / c, rows_per_chunk(c));
    let mut partial = Buffer::take(m.div_ceil(rows) * 2 * c);
    for_each_chunk(partial.as_mut_slice(), 2 * c, |t, partial| {
        partial.fill(E::ZERO);
        let (gamma_bar, beta_bar) = partial.split_at_mut(c);
        for r in t * rows..((t + 1) * rows).min(m) {
            let (x, y_bar) = (&x[r * c..][..c], &y_bar[r * c..][..c]);
            for j in 0..c {
                gamma_bar[j] += y_bar[j] * (x[j] - mean[j]);
                beta_bar[j] += y_bar[j];
            }
        }
    });
    let total = |j: usize| partial.as_slice().chunks_exact(2 * c).map(|p| p[j].f64()).sum::<f64>();
    for j in 0..c {
        gamma_bar[j] = E::of(total(j) * rstd[j].f64());
        beta_bar[j] = E::of(total(c + j));
    }
}

/// Rows whose numbers make one chunk.
fn rows_per_chunk(c: usize) -> usize {
    (CHUNK / c.max(1)).max(1)
}

#[track_caller]
fn row_count(len: usize, c: usize) -> usize {
    assert!(c > 0 && len.is_multiple_of(c), "batch_norm: {len} numbers are no rows of {c} channels");
    len / c
}

fn each2<E: Element>(a: &mut [E], b: &[E], f: impl Fn(&mut E, E)) {
    a.iter_mut().zip(b).for_each(|(a, &b)| f(a, b));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{reference, threads};

    fn case(m: usize, c: usize, offset: f64) -> (Vec<f64>, Vec<f64>, Vec<f64>, Vec<f64>) {
        let wave = |n: usize, k: f64| (0..n).map(|i| (i as f64 * k).sin()).collect::<Vec<_>>();
        let x = wave(m * c, 1.7).iter().map(|v| v + offset).collect();
        (x, wave(m * c, 0.9), wave(c, 2.3), wave(c, 3.1))
    }

    fn close(got: &[f64], want: &[f64], tolerance: f64, what: &str) {
        assert_eq!(got.len(), want.len());
        for (g, w) in got.iter().zip(want) {
            assert!((g - w).abs() <= tolerance * (1.0 + w.abs()), "{what}: {g} for {w}");
        }
    }

    #[test]
    fn equals_the_definition() {
        for (m, c, offset) in [(1, 1, 0.0), (2, 3, 0.0), (700, 5, 1e3), (40_000, 2, -3.0), (64, 70, 0.5)] {
            let (x, y_bar, gamma, beta) = case(m, c, offset);
            let (mut mean, mut variance) = (vec![f64::NAN; c], vec![f64::NAN; c]);
            statistics(&x, Statistics { mean: &mut mean, variance: &mut variance });
            let want = reference::batch_norm(&x, c, &gamma, &beta, 1e-5, &y_bar);
            close(&mean, &want.mean, 1e-12, "mean");
            close(&variance, &want.variance, 1e-9, "variance");
            let by = Channels { mean: &mean, variance: &variance, gamma: &gamma, beta: &beta, eps: 1e-5 };
            let (mut y, mut x_bar) = (vec![f64::NAN; m * c], vec![f64::NAN; m * c]);
            let (mut gamma_bar, mut beta_bar) = (vec![f64::NAN; c], vec![f64::NAN; c]);
            normalise(&x, by, &mut y);
            backward(&x, &y_bar, by, &mut x_bar, &mut gamma_bar, &mut beta_bar);
            close(&y, &want.y, 1e-9, "y");
            close(&gamma_bar, &want.gamma_bar, 1e-8, "gamma_bar");
            close(&beta_bar, &want.beta_bar, 1e-9, "beta_bar");
            close(&x_bar, &want.x_bar, 1e-8, "x_bar");
        }
    }

    /// At 1000 +- 1 a sum of f32 rounds by more than the answer's own last digit.
    #[test]
    fn the_mean_of_data_far_from_zero_is_rounded_once() {
        let (x, ..) = case(700, 3, 1e3);
        let x: Vec<f32> = x.iter().map(|&x| x as f32).collect();
        let (mut mean, mut variance) = (vec![0.0f32; 3], vec![0.0f32; 3]);
        statistics(&x, Statistics { mean: &mut mean, variance: &mut variance });
        for j in 0..3 {
            let column = || x.iter().skip(j).step_by(3).map(|&x| f64::from(x));
            let exact = column().sum::<f64>() / 700.0;
            let spread = column().map(|x| (x - exact) * (x - exact)).sum::<f64>() / 700.0;
            assert_eq!(mean[j], exact as f32);
            assert!((f64::from(variance[j]) / spread - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn same_bits_for_any_number_of_threads() {
        let x: Vec<f32> = case(9_000, 24, 2.0).0.iter().map(|&x| x as f32).collect();
        let run = |t| {
            threads::with(t, || {
                let (mut mean, mut variance) = (vec![0.0; 24], vec![0.0; 24]);
                statistics(&x, Statistics { mean: &mut mean, variance: &mut variance });
                (mean, variance)
            })
        };
        let one = run(1);
        assert!([2, 3, 7].iter().all(|&t| run(t) == one));
    }
}
