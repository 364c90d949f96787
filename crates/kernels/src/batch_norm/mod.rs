//! Batch normalisation (Ioffe & Szegedy 2015) over rows of channels.
//!
//! In NHWC the channel is the last axis, so one kernel serves images and vectors alike: `x` is a
//! matrix of m rows (all pixels of all images) by C channels, and every statistic is one of a
//! column.
//!
//! Statistics are taken per chunk of rows, the mean as a distance from the chunk's first row and
//! the variance about that mean, and merged in order in `f64` (Chan, Golub & LeVeque 1983), so they
//! neither lose digits for data far from zero nor depend on the number of threads. What rounding
//! the mean to the type of the data takes away is kept beside it, because beside a large mean it
//! may be as large as the deviation.
//!
//! Every pass is bound by memory, so the activation that follows a batch norm is part of its last
//! pass ([`normalise_activated`]) and of both passes of its gradient ([`backward_activated`]),
//! which recompute from x what they need rather than read it.

mod loops;
#[cfg(test)]
mod tests;

use crate::Element;
use crate::memory::Buffer;
use crate::parallel::for_each_chunk;
use crate::simd::level;
use crate::tuning::tasks::CHUNK;
use loops::Affine;

/// Mean and variance of each channel of a batch.
pub struct Statistics<'a, E> {
    /// mu, rounded.
    pub mean: &'a mut [E],
    /// mu - mean: what rounding took away.
    pub rest: &'a mut [E],
    /// sigma^2 = (1/m) sum of (x - mu)^2: biased, as the forward pass uses it.
    pub variance: &'a mut [E],
}

/// Mean and biased variance of each column of `x`.
///
/// # Panics
/// If `x` has no row or is not a whole number of rows.
#[track_caller]
#[inline(never)]
pub fn statistics<E: Element>(x: &[E], out: Statistics<'_, E>) {
    let c = out.mean.len();
    let m = row_count(x.len(), c);
    let sized = out.rest.len() == c && out.variance.len() == c;
    assert!(m > 0 && sized, "batch_norm: statistics of {m} rows of {c} channels");
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
        out.rest[j] = E::of(mean - out.mean[j].f64());
        out.variance[j] = E::of(m2 / n);
    }
}

/// The numbers a normalisation applies to each channel.
#[derive(Clone, Copy)]
pub struct Channels<'a, E> {
    /// mu, rounded: of the batch in training, the running mean in evaluation.
    pub mean: &'a [E],
    /// mu - mean, as [`statistics`] gives it.
    pub rest: &'a [E],
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

    /// gamma / sqrt(sigma^2 + eps) of each channel.
    fn scale(&self, rstd: &Buffer<E>) -> Buffer<E> {
        let mut scale = rstd.clone();
        each2(scale.as_mut_slice(), self.gamma, |s, gamma| *s *= gamma);
        scale
    }

    /// The beta of a normalisation about the rounded mean: (x - mu) scale + beta is
    /// (x - mean) scale + this.
    fn shift(&self, scale: &Buffer<E>) -> Buffer<E> {
        let mut shift = scale.clone();
        for ((shift, beta), rest) in shift.as_mut_slice().iter_mut().zip(self.beta).zip(self.rest) {
            *shift = E::of(beta.f64() - rest.f64() * shift.f64());
        }
        shift
    }

    fn affine<'b>(
        &'b self,
        scale: &'b Buffer<E>,
        shift: &'b Buffer<E>,
        activation: Activation,
    ) -> Affine<'b, E> {
        let (scale, beta) = (scale.as_slice(), shift.as_slice());
        Affine { mean: self.mean, scale, beta, slope: activation.slope() }
    }

    #[track_caller]
    fn check(&self) -> usize {
        let c = self.mean.len();
        let same = [self.rest, self.variance, self.gamma, self.beta].iter().all(|of| of.len() == c);
        assert!(same, "batch_norm: mean, rest, variance, gamma and beta must have one length");
        c
    }
}

/// What follows the normalisation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// Nothing.
    Identity,
    /// z for z > 0, else this slope times z. Slope 0 is ReLU.
    LeakyRelu(f64),
}

impl Activation {
    /// max(z, 0)
    pub const RELU: Activation = Activation::LeakyRelu(0.0);

    /// Its derivative at z <= 0; at z > 0 it is 1.
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
    let by = by.affine(&scale, &shift, activation);
    let level = level();
    for_each_chunk(y, chunk, |t, y| {
        let x = &x[t * chunk..][..y.len()];
        level.vectorize(
            #[inline(always)]
            || loops::normalise(x, by, y),
        );
    });
}

/// The gradients that [`backward_activated`] computes, each of the size of its operand.
pub struct Gradients<'a, E> {
    /// By x.
    pub x_bar: &'a mut [E],
    /// By gamma.
    pub gamma_bar: &'a mut [E],
    /// By beta.
    pub beta_bar: &'a mut [E],
}

/// Gradients of [`normalise_activated`] in training mode, with z_bar = y_bar times the derivative
/// of the activation at z, and x^ = (x - mu) / sqrt(sigma^2 + eps):
///
/// > beta_bar = sum of z_bar,   gamma_bar = sum of z_bar x^,
/// > x_bar = gamma / sqrt(sigma^2 + eps) (z_bar - beta_bar / m - x^ gamma_bar / m)
///
/// (Ioffe & Szegedy 2015, section 3, with the sums over the batch collected; derived in
/// docs/batch_norm.md.)
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
        "batch_norm backward: lengths of x, y_bar, x_bar"
    );
    let rstd = by.rstd();
    let scale = by.scale(&rstd);
    let shift = by.shift(&scale);
    let (rstd, rest, by) = (rstd.as_slice(), by.rest, by.affine(&scale, &shift, activation));
    channel_sums(x, y_bar, by, [rstd, rest], gamma_bar, beta_bar);
    // The formula above by channel: x_bar = scale (z_bar - shift - (x - mean) tilt).
    let (mut shift, mut tilt) = (Buffer::take(c), Buffer::take(c));
    let per_m = E::of(1.0 / m as f64);
    for j in 0..c {
        let slope = per_m * gamma_bar[j] * rstd[j];
        tilt.as_mut_slice()[j] = slope;
        shift.as_mut_slice()[j] = per_m * beta_bar[j] - rest[j] * slope;
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
    [rstd, rest]: [&[E]; 2],
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
    let total = |j: usize| partial.as_slice().chunks_exact(2 * c).map(|p| p[j].f64()).sum::<f64>();
    for j in 0..c {
        let sum = total(c + j);
        gamma_bar[j] = E::of((total(j) - rest[j].f64() * sum) * rstd[j].f64());
        beta_bar[j] = E::of(sum);
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
