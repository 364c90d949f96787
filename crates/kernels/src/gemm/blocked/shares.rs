//! Products with a small C and a long inner dimension. The inner dimension is divided into shares.
//! A share gives one product of the size of C, and C is the sum of these products.

use super::packing::packed_len;
use super::product::Product;
use super::tiles::{Tiles, block_size};
use super::{Mat, Update};
use crate::memory::{Buffer, Scratch};
use crate::parallel;
use crate::simd::{Shared, Simd};
use crate::tuning::gemm::Blocks;
use crate::tuning::gemm::shares::{MANY_PARTS, MAX_SHARES, MIN_LEN, PART};
use std::ops::Range;

/// The division of a long inner dimension into shares.
pub(super) struct Shares {
    /// The length of the inner dimension.
    k: usize,
    /// The length of a share. The last share may be shorter.
    len: usize,
}

impl Shares {
    /// Returns the shares for the product of an `m` x `k` and a `k` x `n` matrix. Returns `None` if
    /// C is large enough for several tasks or the inner dimension is too short. The shares define
    /// the order of additions, so they depend on the shape and the length of a vector alone.
    pub(super) fn of<S: Simd>([m, k, n]: [usize; 3]) -> Option<Self> {
        let shares = (k / MIN_LEN).min(MAX_SHARES);
        let small = m.div_ceil(PART[0]) * n.div_ceil(PART[1] * S::LANES) < MANY_PARTS;
        (shares > 1 && small).then(|| Shares { k, len: k.div_ceil(shares) })
    }

    fn count(&self) -> usize {
        self.k.div_ceil(self.len)
    }

    fn get(&self, share: usize) -> Range<usize> {
        share * self.len..((share + 1) * self.len).min(self.k)
    }

    /// Computes C <- A B, or C <- C + A B. The products of the shares are added in the order of the
    /// shares.
    pub(super) fn gemm<S: Simd>(
        &self,
        s: S,
        blocks: &Blocks,
        [a, b]: [Mat<'_, f32>; 2],
        into: Update,
        c: &mut [f32],
    ) {
        // A shorter last share has blocks of the same size. `block_size` of its length could be
        // larger, because `block_size` is not monotonic. Its blocks would then be longer than the
        // scratch buffers.
        let (m, n, kc) = (a.rows, b.cols, block_size(blocks, self.len));
        let tiles = Tiles::whole::<S>(blocks, [m, n]);
        let mut parts = Buffer::take(self.count() * m * n);
        // The second buffer is for the part of A that a share packs.
        let scratch =
            Scratch::reserve([kc * blocks.panel::<S>(), packed_len(tiles.wide_rows(), m, self.len, kc)]);
        parallel::for_each_chunk(parts.as_mut_slice(), m * n, |share, part| {
            let inner = self.get(share);
            let (a, b) = (a.columns(inner.clone()), b.t().columns(inner).t());
            let [mut panel, _] = scratch.take();
            let product = Product::new(s, [a, b], blocks, kc, &tiles, |tasks, f| (0..tasks).for_each(f));
            // SAFETY: only this task accesses `part`, which holds the whole product.
            unsafe { product.tile(0..m, 0..n, Update::Overwrite, Shared::new(part), panel.as_mut_slice()) };
        });
        if into == Update::Accumulate {
            let mut sum = Buffer::take(m * n);
            parallel::sum_in_order(parts.as_slice(), sum.as_mut_slice());
            c.iter_mut().zip(sum.as_slice()).for_each(|(c, sum)| *c += sum);
        } else {
            parallel::sum_in_order(parts.as_slice(), c);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::testing::less;
    use crate::simd::Portable;

    /// The shares cover the inner dimension. No share is empty or longer than the first, because
    /// the length of the first determines the size of the scratch buffers for all shares.
    #[test]
    fn shares_cover_every_inner_dimension() {
        let mut products = 0;
        for [m, n] in [[16, 2], [1, 40], [64, 64], [300, 1]] {
            for k in 0..=less(70_000, 5_000) {
                let Some(shares) = Shares::of::<Portable>([m, k, n]) else { continue };
                let ranges: Vec<_> = (0..shares.count()).map(|share| shares.get(share)).collect();
                assert_eq!(ranges.iter().map(Range::len).sum::<usize>(), k);
                assert!(ranges.windows(2).all(|pair| pair[0].end == pair[1].start), "k = {k}: {ranges:?}");
                assert!(ranges.iter().all(|range| !range.is_empty()), "k = {k}: {ranges:?}");
                assert!(ranges.iter().all(|r| r.len() <= shares.len), "k = {k}");
                products += 1;
            }
        }
        assert!(products > less(200_000, 5_000), "{products} products have shares");
    }
}
