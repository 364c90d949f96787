//! Sums of contiguous numbers in a fixed number of running sums (lanes).

use super::TERMS;
use crate::Element;
use crate::memory::Buffer;
use crate::parallel::for_each_chunk;
use crate::simd::level;
use crate::tuning::tasks::CHUNK;

/// The number of independent running sums (lanes) in a contiguous piece. With this number, no
/// vector unit waits for its previous sum. It is a power of two, so that the sums can be added in
/// pairs.
pub(super) const LANES: usize = 64;

/// Returns [`LANES`] running sums. Sum i has the terms f(x) of the elements i, i + LANES, and so
/// on. `HELD` sums are in registers at once. `HELD` must divide `LANES`. It does not change the
/// bits.
#[inline(always)]
fn lanes<E: Element, S: Element, const HELD: usize>(x: &[E], f: impl Fn(E) -> S) -> [S; LANES] {
    let (rows, rest) = x.as_chunks::<LANES>();
    let mut sums = [S::ZERO; LANES];
    // A block of rows fits in L1. It is read once for each part of the sums.
    for block in rows.chunks(TERMS) {
        for (part, sums) in sums.as_chunks_mut::<HELD>().0.iter_mut().enumerate() {
            let mut held = *sums;
            for row in block {
                let row = &row.as_chunks::<HELD>().0[part];
                // A new array by value, without indexed stores, stays in registers.
                held = std::array::from_fn(|i| held[i] + f(row[i]));
            }
            *sums = held;
        }
    }
    for (sum, &x) in sums.iter_mut().zip(rest) {
        *sum += f(x);
    }
    sums
}

/// Returns the sum of a block. The upper half of the running sums is added to the lower half until
/// one number is left.
#[inline(always)]
pub(super) fn sum_block<E: Element>(x: &[E]) -> E {
    let mut lanes = lanes::<_, _, LANES>(x, |x| x);
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for i in 0..width {
            lanes[i] += lanes[i + width];
        }
    }
    lanes[0]
}

/// Returns the sum of the squares of a chunk of at most [`CHUNK`] numbers.
#[inline(always)]
pub(crate) fn squares_of_chunk<E: Element>(x: &[E]) -> f64 {
    // AVX2 has registers for half of the sums in `f64`, and for the new terms.
    lanes::<_, _, { LANES / 2 }>(x, |x| x.f64() * x.f64()).iter().sum()
}

/// Returns the sum of the squares, in `f64`, for the norm of a gradient.
#[inline(never)]
pub fn sum_of_squares<E: Element>(x: &[E]) -> f64 {
    let mut partial = Buffer::<f64>::take(x.len().div_ceil(CHUNK));
    let level = level();
    for_each_chunk(partial.as_mut_slice(), 1, |t, out| {
        let x = &x[t * CHUNK..((t + 1) * CHUNK).min(x.len())];
        level.vectorize(
            #[inline(always)]
            || out[0] = squares_of_chunk(x),
        );
    });
    partial.as_slice().iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::{self, Isa};
    use crate::reference::testing::wave;

    /// Every instruction set gives the bits of the definition: the squares are added in lanes, the
    /// lanes in order, and the sums of chunks in order.
    #[test]
    fn sums_of_squares_have_the_bits_of_the_definition() {
        let of_chunk = |x: &[f32]| {
            let mut sums = [0.0f64; LANES];
            x.iter().enumerate().for_each(|(i, &x)| sums[i % LANES] += f64::from(x) * f64::from(x));
            sums.iter().sum::<f64>()
        };
        for len in [0, 1, 63, 64, 200, TERMS * LANES + 65, CHUNK - 1, 2 * CHUNK + 777] {
            let x = wave(len, 1.0);
            let want: f64 = x.chunks(CHUNK).map(of_chunk).sum();
            for isa in Isa::ALL.into_iter().filter(|isa| isa.supported()) {
                let got = isa::with(isa, || sum_of_squares(&x));
                assert_eq!(got.to_bits(), want.to_bits(), "{len} numbers, {isa}");
            }
        }
        assert_eq!(sum_of_squares(&[3.0f32, 4.0]), 25.0);
    }
}
