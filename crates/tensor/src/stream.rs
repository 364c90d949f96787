//! Random numbers that have addresses: a number depends only on its address, not on earlier draws.
//!
//! A [`Stream`] is named by (seed, purpose, index), for example "run 7, noise, step 1204". The same
//! name always gives the same numbers, independent of all earlier draws. So a resumed run needs no
//! state of a random number generator, and image i of a generated dataset is always the same image.
//! A new draw in one place of the program does not change the numbers in other places.
//!
//! The generator is Philox4x32-10 (Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as
//! easy as 1, 2, 3"), a keyed bijection of a 128-bit counter. The address of a number gives the key
//! and the counter, so there is no state to save. The distributions come from `rand_distr`.

use crate::{Element, Shape, Tensor};
use rand::rand_core::Infallible;
use rand_distr::{Distribution, StandardNormal};

/// An endless sequence of random numbers with a name.
///
/// ```
/// use adjoint_tensor::Stream;
/// let mut a = Stream::new(7, "noise", 1204);
/// let mut b = Stream::new(7, "noise", 1204);
/// assert_eq!(a.normal(), b.normal());
/// assert_ne!(a.uniform(), Stream::new(7, "noise", 1205).uniform());
/// ```
#[derive(Clone, Debug)]
pub struct Stream {
    key: [u32; 2],
    /// The input of the next block of Philox. The two low words have the number of the block within
    /// the stream, and the two high words have the index of the stream.
    counter: [u32; 4],
    block: [u32; 4],
    used: usize,
}

impl Stream {
    /// Returns stream number `index` (a training step, an image, an epoch) of `seed` for `purpose`.
    pub fn new(seed: u64, purpose: &str, index: u64) -> Self {
        let key = mix(seed ^ mix(fnv1a(purpose.as_bytes())));
        Stream {
            key: halves(key),
            counter: [0, 0, halves(index)[0], halves(index)[1]],
            block: [0; 4],
            used: 4,
        }
    }

    fn next_word(&mut self) -> u32 {
        if self.used == 4 {
            self.block = philox4x32_10(self.counter, self.key);
            self.used = 0;
            let (low, carry) = self.counter[0].overflowing_add(1);
            self.counter[0] = low;
            self.counter[1] = self.counter[1].wrapping_add(u32::from(carry));
        }
        self.used += 1;
        self.block[self.used - 1]
    }

    /// Returns 64 random bits.
    pub fn bits(&mut self) -> u64 {
        u64::from(self.next_word()) | u64::from(self.next_word()) << 32
    }

    /// Returns a number that is uniform on [0, 1) and a multiple of 2^-53.
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (0.5f64).powi(53)
    }

    /// Returns a number from N(0, 1).
    pub fn normal(&mut self) -> f64 {
        StandardNormal.sample(self)
    }

    /// Returns an index that is uniform on 0..n.
    ///
    /// # Panics
    /// If `n` is 0.
    #[track_caller]
    pub fn below(&mut self, n: usize) -> usize {
        assert!(n > 0, "below: n must be at least 1");
        // The result is the high half of bits * n. The few values of bits that would make some
        // indices more likely are rejected (Lemire 2019).
        let n = n as u64;
        let unfair = n.wrapping_neg() % n;
        loop {
            let product = u128::from(self.bits()) * u128::from(n);
            if product as u64 >= unfair {
                return (product >> 64) as usize;
            }
        }
    }

    /// Shuffles `items`; all orders are equally likely (Fisher & Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }

    /// Returns a tensor of independent numbers that are uniform on [low, high). Rounding never
    /// moves a number out of the range. If no number of the element type is in the range, all
    /// elements are the smallest number of the type that is at least `low`.
    ///
    /// # Panics
    /// If the range is not finite, or `low` is above `high`.
    #[track_caller]
    pub fn uniform_tensor<E: Element>(&mut self, shape: impl Into<Shape>, low: f64, high: f64) -> Tensor<E> {
        assert!(low <= high && (high - low).is_finite(), "uniform_tensor: no range from {low} to {high}");
        Tensor::build(shape, |out| self.fill_uniform(out, low, high))
    }

    /// Returns a tensor of independent numbers from N(mean, std^2).
    pub fn normal_tensor<E: Element>(&mut self, shape: impl Into<Shape>, mean: f64, std: f64) -> Tensor<E> {
        Tensor::build(shape, |out| self.fill_normal(out, mean, std))
    }

    #[inline(never)]
    pub(crate) fn fill_uniform<E: Element>(&mut self, out: &mut [E], low: f64, high: f64) {
        // The first and last number of E in the range. A number near an end of the range may be
        // rounded to that end or beyond it.
        let (first, last) = (E::of(low), E::of(high).next_down());
        let first = if first.f64() < low { first.next_up() } else { first };
        let within = |x: f64| E::of(x).at_most(last).at_least(first);
        out.iter_mut().for_each(|x| *x = within(low + (high - low) * self.uniform()));
    }

    #[inline(never)]
    pub(crate) fn fill_normal<E: Element>(&mut self, out: &mut [E], mean: f64, std: f64) {
        out.iter_mut().for_each(|x| *x = E::of(mean + std * self.normal()));
    }
}

impl rand::TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.next_word())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.bits())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(4) {
            chunk.copy_from_slice(&self.next_word().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

/// Ten rounds of Philox on a counter of 4 x 32 bits (Salmon et al. 2011; the constants are those of
/// their library, Random123).
fn philox4x32_10(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    const MULTIPLIERS: [u64; 2] = [0xD251_1F53, 0xCD9E_8D57];
    const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
    let ([mut a, mut b, mut c, mut d], [mut k0, mut k1]) = (counter, key);
    for _ in 0..10 {
        let [low0, high0] = halves(MULTIPLIERS[0] * u64::from(a));
        let [low1, high1] = halves(MULTIPLIERS[1] * u64::from(c));
        [a, b, c, d] = [high1 ^ b ^ k0, low1, high0 ^ d ^ k1, low0];
        k0 = k0.wrapping_add(WEYL[0]);
        k1 = k1.wrapping_add(WEYL[1]);
    }
    [a, b, c, d]
}

/// Returns the low and the high 32 bits of a number.
fn halves(x: u64) -> [u32; 2] {
    [x as u32, (x >> 32) as u32]
}

/// A bijection of 64-bit numbers. A change of one input bit changes about half of the output bits
/// (SplitMix64, Steele, Lea & Flood 2014).
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// Returns the FNV-1a hash of a name.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |h, &b| (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01B3))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The outputs are those that the authors of Philox published for these counters and keys.
    #[test]
    fn philox_gives_the_published_answers() {
        let ones = u32::MAX;
        assert_eq!(philox4x32_10([0; 4], [0; 2]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
        assert_eq!(philox4x32_10([ones; 4], [ones; 2]), [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]);
        assert_eq!(
            philox4x32_10([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]),
            [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]
        );
    }

    #[test]
    fn names_are_addresses() {
        let draw = |seed, purpose, index| Stream::new(seed, purpose, index).bits();
        assert_eq!(draw(1, "noise", 5), draw(1, "noise", 5));
        let all = [
            draw(1, "noise", 5),
            draw(2, "noise", 5),
            draw(1, "data", 5),
            draw(1, "noise", 6),
            draw(1, "noise", 5 << 32),
        ];
        for i in 0..all.len() {
            assert!(all[..i].iter().all(|&x| x != all[i]));
        }
    }

    #[test]
    fn moments_are_those_of_the_distributions() {
        let n = 200_000;
        let t = Stream::new(3, "test", 0).normal_tensor::<f64>([n], 1.0, 2.0);
        let mean = t.data().iter().sum::<f64>() / n as f64;
        let variance = t.data().iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n as f64;
        // The mean and the variance may differ from 1 and 4 by five standard errors. The standard
        // error of the mean is 2 / sqrt(n), and that of the variance is 4 sqrt(2 / n).
        assert!((mean - 1.0).abs() < 5.0 * 2.0 / (n as f64).sqrt(), "mean {mean}");
        assert!((variance - 4.0).abs() < 5.0 * 4.0 * (2.0 / n as f64).sqrt(), "variance {variance}");
        let u = Stream::new(3, "test", 1).uniform_tensor::<f64>([n], -1.0, 1.0);
        assert!(u.data().iter().all(|&x| (-1.0..1.0).contains(&x)));
        assert!((u.data().iter().map(|x| x * x).sum::<f64>() / n as f64 - 1.0 / 3.0).abs() < 0.005);
    }

    /// No number leaves its range. Some ranges are so narrow that rounding moves many numbers to an
    /// end of the range.
    #[test]
    fn a_half_open_range_is_never_left() {
        let ulp = f64::from(f32::EPSILON);
        let mut stream = Stream::new(3, "test", 2);
        for (low, high) in
            [(1.0, 1.0 + 2.0 * ulp), (0.7, 0.700_000_2), (-1.0, -1.0 + ulp), (0.3, 0.9), (-0.1, 0.1)]
        {
            let x = stream.uniform_tensor::<f32>([4_000], low, high);
            let inside = |x: f32| (low..high).contains(&x.into()) && (low as f32..high as f32).contains(&x);
            assert!(x.data().iter().all(|&x| inside(x)), "[{low}, {high})");
        }
        let x = stream.uniform_tensor::<f64>([100], 1.0, 1.0 + f64::EPSILON);
        assert!(x.data().iter().all(|&x| x == 1.0));
        assert!(
            stream.uniform_tensor::<f32>([9], 0.5, 0.5).data().iter().all(|&x| x == 0.5),
            "an empty range"
        );
    }

    #[test]
    #[should_panic(expected = "uniform_tensor: no range from 1 to -1")]
    fn a_range_has_its_ends_in_order() {
        Stream::new(3, "test", 0).uniform_tensor::<f32>([1], 1.0, -1.0);
    }

    #[test]
    fn indices_are_fair_and_shuffles_are_permutations() {
        let mut stream = Stream::new(4, "test", 0);
        let mut counts = [0usize; 5];
        (0..50_000).for_each(|_| counts[stream.below(5)] += 1);
        assert!(counts.iter().all(|&c| c.abs_diff(10_000) < 500), "{counts:?}");
        let mut items: Vec<usize> = (0..100).collect();
        stream.shuffle(&mut items);
        assert!(items != (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
