//! Batch normalisation (Ioffe & Szegedy 2015) over rows of channels.
//!
//! In NHWC the channel is the last axis, so one kernel serves both images and vectors: `x` is a
//! matrix of m rows (all pixels of all images) by C channels. Each statistic belongs to one column.
//!
//! Statistics are computed per chunk of rows and merged in order in `f64` (Chan, Golub & LeVeque
//! 1983). In a chunk, the mean is computed as a distance from the first row, and the variance as
//! the mean square of the distances from that mean. So the statistics are accurate for data far
//! from zero, and do not depend on the number of threads. The rounding error of the mean is stored
//! separately, because for a large mean it can be as large as the standard deviation.
//!
//! The time of every pass over x is that of its loads and stores. So the activation after a batch
//! norm is not a pass of its own. It is part of the last pass of the value
//! ([`normalise_activated`]) and of both passes of the gradient ([`backward_activated`]). The
//! gradient recomputes z, the input of the activation, from x instead of reading it.

mod loops;
#[cfg(test)]
mod tests;

use crate::Element;
use crate::memory::Buffer;
use crate::parallel::for_each_chunk;
use crate::simd::level;
use crate::tuning::tasks::CHUNK;
use loops::Affine;

/// The mean and variance of each channel of a batch.
pub struct Statistics<'a, E> {
    /// mu, rounded to the type of the data.
    pub mean: &'a mut [E],
    /// mu - mean: the rounding error of `mean`.
    pub residual: &'a mut [E],
    /// sigma^2 = (1/m) sum of (x - mu)^2: the biased variance, as the forward pass uses it.
    pub variance: &'a mut [E],
}

/// Computes the mean and the biased variance of each column of `x`.
///
/// # Panics
/// If `x` has no rows, or its length is not a multiple of the number of channels.
#[track_caller]
#[inline(never)]
pub fn statistics<E: Element>(x: &[E], out: Statistics<'_, E>) {
    let c = out.mean.len();
    let m = row_count(x.len(), c);
    let sized = out.residual.len() == c && out.variance.len() == c;
    assert!(m > 0 && sized, "batch_norm: cannot compute statistics of {m} rows of {c} channels");
    let rows = rows_per_chunk(c);
    let mut partial = Buffer::take(m.div_ceil(rows) * 2 * c);
    let level = level();
    for_each_chunk(partial.as_mut_slice(), 2 * c, |t, partial| {
        let x = &x[t * rows * c..((t + 1) * rows).min(m) * c];
        let ((mean, m2), pivot) = (partial.split_at_mut(c), &x[..c]);
        level.vectorize(
            #[inline(always)]
            || {
                loops::means(x, pivot, mean);
                loops::squares(x, pivot, mean, m2);
            },
        );
    });
    let (partial, each) = (partial.as_slice(), channels_of_task(m.div_ceil(rows)));
    let outputs =
        out.mean.chunks_mut(each).zip(out.residual.chunks_mut(each)).zip(out.variance.chunks_mut(each));
    for_each_chunk(&mut outputs.collect::<Vec<_>>(), 1, |task, outputs| {
        let ((means, residuals), variances) = &mut outputs[0];
        let outputs = means.iter_mut().zip(residuals.iter_mut()).zip(variances.iter_mut());
        for (j, ((mean_j, residual), variance)) in (task * each..).zip(outputs) {
            let (mut n, mut mean, mut m2) = (0.0, 0.0, 0.0);
            for (t, partial) in partial.chunks_exact(2 * c).enumerate() {
                let k = (rows.min(m - t * rows)) as f64;
                let pivot = x[t * rows * c + j].f64();
                let delta = pivot + partial[j].f64() - mean;
                mean += delta * k / (n + k);
                m2 += partial[c + j].f64() + delta * delta * n * k / (n + k);
                n += k;
            }
            *mean_j = E::of(mean);
            *residual = E::of(mean - mean_j.f64());
            *variance = E::of(m2 / n);
        }
    });
}

/// The statistics and parameters of a normalisation, one number of each per channel.
#[derive(Clone, Copy)]
pub struct Channels<'a, E> {
    /// mu, rounded: the mean of the batch in training, the running mean in evaluation.
    pub mean: &'a [E],
    /// mu - mean, as computed by [`statistics`].
    pub residual: &'a [E],
    /// sigma^2, as computed by [`statistics`].
    pub variance: &'a [E],
    /// The scale.
    pub gamma: &'a [E],
    /// The shift.
    pub beta: &'a [E],
    /// The constant that is added to the variance.
    pub eps: f64,
}

impl<E: Element> Channels<'_, E> {
    /// Returns 1 / sqrt(sigma^2 + eps) of each channel.
    fn rstd(&self) -> Buffer<E> {
        let mut rstd = Buffer::take(self.variance.len());
        for (r, v) in rstd.as_mut_slice().iter_mut().zip(self.variance) {
            *r = E::of(1.0 / (v.f64() + self.eps).sqrt());
        }
        rstd
    }

    /// Returns gamma / sqrt(sigma^2 + eps) of each channel.
    fn scale(&self, rstd: &Buffer<E>) -> Buffer<E> {
        let mut scale = rstd.clone();
        scale.as_mut_slice().iter_mut().zip(self.gamma).for_each(|(s, &gamma)| *s *= gamma);
        scale
    }

    /// Returns the shift that makes (x - mean) scale + shift equal to (x - mu) scale + beta. It
    /// corrects for the rounding error of the mean.
    fn shift(&self, scale: &Buffer<E>) -> Buffer<E> {
        let mut shift = scale.clone();
        for ((shift, beta), residual) in shift.as_mut_slice().iter_mut().zip(self.beta).zip(self.residual) {
            *shift = E::of(beta.f64() - residual.f64() * shift.f64());
        }
        shift
    }

    #[track_caller]
    fn check(&self) -> usize {
        let c = self.mean.len();
        let same = [self.residual, self.variance, self.gamma, self.beta].iter().all(|of| of.len() == c);
        assert!(same, "batch_norm: the lengths of mean, residual, variance, gamma and beta differ");
        c
    }
}

/// The activation after the normalisation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// The identity: y = z.
    Identity,
    /// The leaky ReLU: y = z for z > 0, else the slope times z. With slope 0 this is ReLU.
    LeakyRelu(f64),
}

impl Activation {
    /// max(z, 0)
    pub const RELU: Activation = Activation::LeakyRelu(0.0);

    /// Returns the derivative at z <= 0. At z > 0 the derivative is 1.
    fn slope<E: Element>(self) -> E {
        match self {
            Activation::Identity => E::ONE,
            Activation::LeakyRelu(slope) => E::of(slope),
        }
    }
}

/// y = activation(gamma (x - mu) / sqrt(sigma^2 + eps) + beta)
///
/// # Panics
/// If lengths differ.
#[track_caller]
#[inline(never)]
pub fn normalise_activated<E: Element>(x: &[E], by: Channels<'_, E>, activation: Activation, y: &mut [E]) {
    let c = by.check();
    row_count(x.len(), c);
    assert_eq!(x.len(), y.len(), "batch_norm: input and output lengths differ");
    let (scale, chunk) = (by.scale(&by.rstd()), rows_per_chunk(c) * c);
    let shift = by.shift(&scale);
    let (scale, beta) = (scale.as_slice(), shift.as_slice());
    let by = Affine { mean: by.mean, scale, beta, slope: activation.slope() };
    let level = level();
    for_each_chunk(y, chunk, |t, y| {
        let x = &x[t * chunk..][..y.len()];
        level.vectorize(
            #[inline(always)]
            || loops::normalise(x, by, y),
        );
    });
}

/// The gradients that [`backward_activated`] computes, each with the size of its operand.
pub struct Gradients<'a, E> {
    /// The gradient with respect to x.
    pub x_bar: &'a mut [E],
    /// The gradient with respect to gamma.
    pub gamma_bar: &'a mut [E],
    /// The gradient with respect to beta.
    pub beta_bar: &'a mut [E],
}

/// Computes the gradients of [`normalise_activated`] in training mode, with z_bar = y_bar times the
/// derivative of the activation at z, and x^ = (x - mu) / sqrt(sigma^2 + eps):
///
/// > beta_bar = sum of z_bar,   gamma_bar = sum of z_bar x^,
/// > x_bar = gamma / sqrt(sigma^2 + eps) (z_bar - beta_bar / m - x^ gamma_bar / m)
///
/// (Ioffe & Szegedy 2015, section 3, with the sums over the batch collected. docs/batch_norm.md has
/// the derivation.)
///
/// # Panics
/// If lengths differ.
#[track_caller]
#[inline(never)]
pub fn backward_activated<E: Element>(
    x: &[E],
    y_bar: &[E],
    by: Channels<'_, E>,
    activation: Activation,
    Gradients { x_bar, gamma_bar, beta_bar }: Gradients<'_, E>,
) {
    let c = by.check();
    let m = row_count(x.len(), c);
    assert!(
        y_bar.len() == x.len() && x_bar.len() == x.len(),
        "batch_norm backward: the lengths of x, y_bar and x_bar differ"
    );
    let rstd = by.rstd();
    let scale = by.scale(&rstd);
    let shift = by.shift(&scale);
    let (rstd, residual, scale, beta) = (rstd.as_slice(), by.residual, scale.as_slice(), shift.as_slice());
    let by = Affine { mean: by.mean, scale, beta, slope: activation.slope() };
    channel_sums(x, y_bar, by, [rstd, residual], gamma_bar, beta_bar);
    // The formula above per channel: x_bar = scale (z_bar - shift - (x - mean) tilt).
    let (mut shift, mut tilt) = (Buffer::take(c), Buffer::take(c));
    let per_m = E::of(1.0 / m as f64);
    for j in 0..c {
        let slope = per_m * gamma_bar[j] * rstd[j];
        tilt.as_mut_slice()[j] = slope;
        shift.as_mut_slice()[j] = per_m * beta_bar[j] - residual[j] * slope;
    }
    let (channel, chunk) = ([shift.as_slice(), tilt.as_slice()], rows_per_chunk(c) * c);
    let level = level();
    for_each_chunk(x_bar, chunk, |t, x_bar| {
        let (x, y_bar) = (&x[t * chunk..][..x_bar.len()], &y_bar[t * chunk..][..x_bar.len()]);
        level.vectorize(
            #[inline(always)]
            || loops::gradient(x, y_bar, by, channel, x_bar),
        );
    });
}

/// gamma_bar = sum of z_bar x^ and beta_bar = sum of z_bar over each column.
fn channel_sums<E: Element>(
    x: &[E],
    y_bar: &[E],
    by: Affine<'_, E>,
    [rstd, residual]: [&[E]; 2],
    gamma_bar: &mut [E],
    beta_bar: &mut [E],
) {
    let c = by.mean.len();
    let rows = rows_per_chunk(c);
    let mut partial = Buffer::take((x.len() / c).div_ceil(rows) * 2 * c);
    let level = level();
    for_each_chunk(partial.as_mut_slice(), 2 * c, |t, partial| {
        let span = t * rows * c..((t + 1) * rows * c).min(x.len());
        let (x, y_bar) = (&x[span.clone()], &y_bar[span]);
        let (centred_sum, sum) = partial.split_at_mut(c);
        level.vectorize(
            #[inline(always)]
            || loops::sums(x, y_bar, by, centred_sum, sum),
        );
    });
    let (partial, each) = (partial.as_slice(), channels_of_task((x.len() / c).div_ceil(rows)));
    let total = |j: usize| partial.chunks_exact(2 * c).map(|p| p[j].f64()).sum::<f64>();
    let mut outputs: Vec<_> = gamma_bar.chunks_mut(each).zip(beta_bar.chunks_mut(each)).collect();
    for_each_chunk(&mut outputs, 1, |task, outputs| {
        let (gamma_bars, beta_bars) = &mut outputs[0];
        for (j, (gamma_bar, beta_bar)) in (task * each..).zip(gamma_bars.iter_mut().zip(beta_bars.iter_mut()))
        {
            let sum = total(c + j);
            *gamma_bar = E::of((total(j) - residual[j].f64() * sum) * rstd[j].f64());
            *beta_bar = E::of(sum);
        }
    });
}

/// Returns the number of channels that one task merges. It merges the sums of `chunks` chunks for
/// each of them.
fn channels_of_task(chunks: usize) -> usize {
    (CHUNK / 4 / chunks.max(1)).max(16)
}

/// Returns the number of rows in one chunk.
fn rows_per_chunk(c: usize) -> usize {
    (CHUNK / c.max(1)).max(1)
}

#[track_caller]
fn row_count(len: usize, c: usize) -> usize {
    assert!(c > 0 && len.is_multiple_of(c), "batch_norm: {len} numbers do not fill rows of {c} channels");
    len / c
}
