//! The five loops of batch norm, over the rows of a chunk. They are plain Rust that compilers
//! vectorise. Every slice is a separate parameter, so the compiler knows that a store to one slice
//! does not change another.

use crate::Element;
use crate::reduce::{in_blocks, sum_rows};

/// The map from x to the normalised and scaled z of its channel, and from z to y.
#[derive(Clone, Copy)]
pub(super) struct Affine<'a, E> {
    /// mu, rounded.
    pub(super) mean: &'a [E],
    /// gamma / sqrt(sigma^2 + eps)
    pub(super) scale: &'a [E],
    /// beta, corrected for the rounding error of the mean.
    pub(super) beta: &'a [E],
    /// The derivative of the activation at z <= 0. At z > 0 the derivative is 1.
    pub(super) slope: E,
}

/// mean = the mean over the rows of x - pivot, for each channel. If the pivot is near the mean of
/// x, this is accurate for data far from zero.
#[inline(always)]
pub(super) fn means<E: Element>(x: &[E], pivot: &[E], mean: &mut [E]) {
    let rows = E::of((x.len() / mean.len()) as f64);
    in_blocks(
        [x],
        [pivot],
        [&mut *mean],
        #[inline(always)]
        |[x], pivot, [sum]| sum_rows((x, sum.len()), pivot, sum, |x, [pivot]| x - pivot),
    );
    mean.iter_mut().for_each(|sum| *sum = *sum / rows);
}

/// m2 = sum over rows of (x - pivot - mean)^2.
#[inline(always)]
pub(super) fn squares<E: Element>(x: &[E], pivot: &[E], mean: &[E], m2: &mut [E]) {
    let square = |x: E, [pivot, mean]: [E; 2]| {
        let centred = (x - pivot) - mean;
        centred * centred
    };
    in_blocks(
        [x],
        [pivot, mean],
        [m2],
        #[inline(always)]
        |[x], of_column, [m2]| sum_rows((x, m2.len()), of_column, m2, square),
    );
}

/// y = activation(z), with z = (x - mean) scale + beta.
#[inline(always)]
pub(super) fn normalise<E: Element>(x: &[E], by: Affine<'_, E>, y: &mut [E]) {
    let c = by.mean.len();
    let (scale, beta) = (&by.scale[..c], &by.beta[..c]);
    for (y, x) in y.chunks_exact_mut(c).zip(x.chunks_exact(c)) {
        for j in 0..c {
            let z = (x[j] - by.mean[j]) * scale[j] + beta[j];
            y[j] = z.leaky_relu(by.slope);
        }
    }
}

/// centred_sum = sum over rows of z_bar (x - mean), sum = sum of z_bar. z_bar is the gradient with
/// respect to z, the input of the activation.
#[inline(always)]
pub(super) fn sums<E: Element>(
    x: &[E],
    y_bar: &[E],
    by: Affine<'_, E>,
    centred_sum: &mut [E],
    sum: &mut [E],
) {
    in_blocks(
        [x, y_bar],
        [by.mean, by.scale, by.beta],
        [centred_sum, sum],
        #[inline(always)]
        |[x, y_bar], [mean, scale, beta], [centred_sum, sum]| {
            block_of_sums(x, y_bar, Affine { mean, scale, beta, slope: by.slope }, centred_sum, sum);
        },
    );
}

#[inline(always)]
fn block_of_sums<E: Element>(x: &[E], y_bar: &[E], by: Affine<'_, E>, centred_sum: &mut [E], sum: &mut [E]) {
    let c = by.mean.len();
    let (scale, beta) = (&by.scale[..c], &by.beta[..c]);
    let (centred_sum, sum) = (&mut centred_sum[..c], &mut sum[..c]);
    centred_sum.fill(E::ZERO);
    sum.fill(E::ZERO);
    for (x, y_bar) in x.chunks_exact(c).zip(y_bar.chunks_exact(c)) {
        for j in 0..c {
            let centred = x[j] - by.mean[j];
            let positive = centred * scale[j] + beta[j] > E::ZERO;
            let z_bar = if positive { y_bar[j] } else { y_bar[j].masked(by.slope) };
            centred_sum[j] += z_bar * centred;
            sum[j] += z_bar;
        }
    }
}

/// x_bar = scale (z_bar - shift - (x - mean) tilt)
#[inline(always)]
pub(super) fn gradient<E: Element>(
    x: &[E],
    y_bar: &[E],
    by: Affine<'_, E>,
    [shift, tilt]: [&[E]; 2],
    x_bar: &mut [E],
) {
    let c = by.mean.len();
    let (scale, beta) = (&by.scale[..c], &by.beta[..c]);
    let (shift, tilt) = (&shift[..c], &tilt[..c]);
    let rows = x.chunks_exact(c).zip(y_bar.chunks_exact(c));
    for (x_bar, (x, y_bar)) in x_bar.chunks_exact_mut(c).zip(rows) {
        for j in 0..c {
            let centred = x[j] - by.mean[j];
            let positive = centred * scale[j] + beta[j] > E::ZERO;
            let z_bar = if positive { y_bar[j] } else { y_bar[j].masked(by.slope) };
            x_bar[j] = scale[j] * (z_bar - shift[j] - centred * tilt[j]);
        }
    }
}
