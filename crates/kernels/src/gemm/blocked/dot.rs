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

/// Returns the dot product of `a` and `b`. Four vectors collect sums of products. At the end, the
/// vectors are added in a fixed order, and then their lanes.
#[inline(always)]
fn dot<S: Simd>(s: S, a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [s.zero(); 4];
    for at in (0..a.len()).step_by(4 * S::LANES) {
        for (q, sum) in sums.iter_mut().enumerate() {
            let at = at + q * S::LANES;
            *sum = s.fma(s.load_padded(a, at), s.load_padded(b, at), *sum);
        }
    }
    let mut lanes = [0.0; 16];
    s.store_padded(s.add(s.add(sums[0], sums[1]), s.add(sums[2], sums[3])), &mut lanes, 0);
    lanes.iter().sum()
}
