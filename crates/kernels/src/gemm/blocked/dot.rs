//! A row times a transposed matrix as dot products.

use super::{Mat, Update};
use crate::parallel;
use crate::simd::Simd;
use crate::tuning::tasks::CHUNK;

/// Computes c <- a B, or c <- c + a B, for a row a and a matrix B whose columns are contiguous.
/// Each element of c is the dot product of a and a column of B.
pub(super) fn row_times_transposed<S: Simd>(s: S, a: &[f32], b: Mat<'_, f32>, into: Update, c: &mut [f32]) {
    let (a, columns) = (&a[..b.rows], (CHUNK / b.rows.max(1)).max(1));
    parallel::for_each_chunk(c, columns, |t, c| {
        for (j, c) in c.iter_mut().enumerate() {
            let column = &b.data[b.offset(0, t * columns + j)..][..a.len()];
            let product = s.vectorize(
                #[inline(always)]
                || dot(s, a, column),
            );
            *c = if into == Update::Accumulate { *c + product } else { product };
        }
    });
}

/// Returns the dot product of `a` and `b`, which have the same length. Four vectors collect sums of
/// products. At the end, the vectors are added in a fixed order, and then their lanes.
#[inline(always)]
fn dot<S: Simd>(s: S, a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [s.zero(); 4];
    let steps = || [a, b].map(|x| x.chunks_exact(4 * S::LANES));
    // Whole vectors are loaded without checks, which would take longer than the products.
    let [whole_a, whole_b] = steps();
    for (a, b) in whole_a.zip(whole_b) {
        for (q, sum) in sums.iter_mut().enumerate() {
            *sum = s.fma(s.load(&a[q * S::LANES..]), s.load(&b[q * S::LANES..]), *sum);
        }
    }
    let [a, b] = steps().map(|steps| steps.remainder());
    if !a.is_empty() {
        for (q, sum) in sums.iter_mut().enumerate() {
            let at = q * S::LANES;
            *sum = s.fma(s.load_padded(a, at), s.load_padded(b, at), *sum);
        }
    }
    let mut lanes = [0.0; 16];
    s.store_padded(s.add(s.add(sums[0], sums[1]), s.add(sums[2], sums[3])), &mut lanes, 0);
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::{self, Isa};
    use crate::reference::testing::wave;
    use crate::simd::with_simd;

    /// Returns the sum of products if all vectors are padded with zeros.
    fn padded<S: Simd>(s: S, a: &[f32], b: &[f32]) -> f32 {
        let mut sums = [s.zero(); 4];
        for at in (0..a.len()).step_by(S::LANES) {
            let sum = &mut sums[at / S::LANES % 4];
            *sum = s.fma(s.load_padded(a, at), s.load_padded(b, at), *sum);
        }
        let mut lanes = [0.0; 16];
        s.store_padded(s.add(s.add(sums[0], sums[1]), s.add(sums[2], sums[3])), &mut lanes, 0);
        lanes.iter().sum()
    }

    #[test]
    fn every_length_has_the_bits_of_padded_vectors() {
        for len in (0..150).chain([1000, 8192]) {
            let (a, b) = (wave(len, 1.0), wave(len, 0.3));
            for isa in Isa::ALL.into_iter().filter(|isa| isa.supported()) {
                let [got, want] =
                    isa::with(isa, || with_simd!(s => s.vectorize(|| [dot(s, &a, &b), padded(s, &a, &b)])));
                assert_eq!(got.to_bits(), want.to_bits(), "{len} products, {isa}");
            }
        }
    }
}
