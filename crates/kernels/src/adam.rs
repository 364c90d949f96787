//! Adam's update in one pass over memory.

use crate::Element;
use crate::memory::Buffer;
use crate::parallel::for_each_chunk;
use crate::reduce::squares_of_chunk;
use crate::simd::level;
use crate::tuning::tasks::CHUNK;

/// The constants of one Adam step (Kingma & Ba 2015, algorithm 1), with two kinds of weight decay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// The step size alpha.
    pub lr: f64,
    /// The decay rate of the first moment.
    pub beta1: f64,
    /// The decay rate of the second moment.
    pub beta2: f64,
    /// The constant that is added to the denominator.
    pub eps: f64,
    /// lambda of the L2 term. Its gradient, lambda theta, is added to g. 0 means no L2 term.
    pub l2: f64,
    /// lambda of decoupled decay, theta <- theta - lr lambda theta (Loshchilov & Hutter 2019). 0
    /// means no decay.
    pub decay: f64,
}

impl Adam {
    /// Applies step number `t` (from 1) to parameters `theta` with gradient `g` and moments `m`,
    /// `v`:
    ///
    /// > m <- beta1 m + (1 - beta1) g,   v <- beta2 v + (1 - beta2) g^2,
    /// > theta <- theta - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)
    ///
    /// Returns the sum of the squares of `g`, with the bits of
    /// [`sum_of_squares`](crate::reduce::sum_of_squares). Each part of `g` is in the cache here, so
    /// the sum takes less time than a pass of its own.
    ///
    /// # Panics
    /// If the lengths differ.
    #[track_caller]
    #[inline(never)]
    pub fn step<E: Element>(&self, t: u64, theta: &mut [E], g: &[E], m: &mut [E], v: &mut [E]) -> f64 {
        let n = theta.len();
        assert!(
            g.len() == n && m.len() == n && v.len() == n,
            "adam: the lengths {n}, {}, {} and {} differ",
            g.len(),
            m.len(),
            v.len()
        );
        let t = i32::try_from(t).unwrap_or(i32::MAX);
        let [b1, b2, eps, l2] = [self.beta1, self.beta2, self.eps, self.l2].map(E::of);
        let (r1, r2) = (E::of(1.0 - self.beta1), E::of(1.0 - self.beta2));
        let step = E::of(self.lr / (1.0 - self.beta1.powi(t)));
        let root = E::of(1.0 / (1.0 - self.beta2.powi(t)).sqrt());
        let keep = E::of(1.0 - self.lr * self.decay);
        let mut squares = Buffer::<f64>::take(n.div_ceil(CHUNK));
        let mut chunks: Vec<_> = theta
            .chunks_mut(CHUNK)
            .zip(m.chunks_mut(CHUNK))
            .zip(v.chunks_mut(CHUNK))
            .zip(g.chunks(CHUNK))
            .zip(squares.as_mut_slice())
            .collect();
        let level = level();
        for_each_chunk(&mut chunks, 1, |_, chunk| {
            let ((((theta, m), v), g), squares) = &mut chunk[0];
            level.vectorize(
                #[inline(always)]
                || **squares = squares_of_chunk(g),
            );
            let elements = theta.iter_mut().zip(m.iter_mut()).zip(v.iter_mut()).zip(g.iter());
            level.narrow().vectorize(
                #[inline(always)]
                move || {
                    for (((theta, m), v), &g) in elements {
                        // Each number is read once, before any is written. A read after a write
                        // at the same offset of another array can wait for that write.
                        let [theta_old, m_old, v_old] = [*theta, *m, *v];
                        let g = g + l2 * theta_old;
                        let m_new = b1 * m_old + r1 * g;
                        let v_new = b2 * v_old + r2 * g * g;
                        *theta = keep * theta_old - step * m_new / (v_new.sqrt() * root + eps);
                        (*m, *v) = (m_new, v_new);
                    }
                },
            );
        });
        drop(chunks);
        squares.as_slice().iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::{self, Isa};
    use crate::reduce::sum_of_squares;
    use crate::reference;
    use crate::reference::testing::{integers, wave};

    /// With a constant gradient g, the bias-corrected moments equal g and g^2. So each step moves
    /// theta by lr g / (|g| + eps).
    #[test]
    fn moves_by_the_step_size_under_a_constant_gradient() {
        let adam = Adam { lr: 0.1, beta1: 0.9, beta2: 0.999, eps: 1e-8, l2: 0.0, decay: 0.0 };
        let n = CHUNK + 3;
        let (mut theta, mut m, mut v) = (vec![1.0f64; n], vec![0.0; n], vec![0.0; n]);
        for t in 1..=5 {
            adam.step(t, &mut theta, &vec![-2.0; n], &mut m, &mut v);
            let want = 1.0 + 0.1 * t as f64 * 2.0 / (2.0 + 1e-8);
            assert!(
                theta.iter().all(|theta| (theta - want).abs() < 1e-12),
                "step {t}: {} for {want}",
                theta[0]
            );
        }
    }

    #[test]
    fn returns_the_bits_of_the_sum_of_squares() {
        let adam = Adam { lr: 1e-2, beta1: 0.5, beta2: 0.99, eps: 1e-3, l2: 0.3, decay: 0.1 };
        for n in [0, 1, 37, CHUNK, 3 * CHUNK + 37] {
            let g = wave(n, 0.3);
            let [mut theta, mut m, mut v] = [(); 3].map(|()| wave(n, 1.0));
            let squares = adam.step(1, &mut theta, &g, &mut m, &mut v);
            assert_eq!(squares.to_bits(), sum_of_squares(&g).to_bits(), "{n} numbers");
        }
    }

    /// Every instruction set gives the same parameters, because each operation is rounded
    /// separately.
    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        let n = CHUNK + 37;
        let adam = Adam { lr: 1e-2, beta1: 0.5, beta2: 0.99, eps: 1e-3, l2: 0.3, decay: 0.1 };
        let run = |isa| {
            let (mut theta, mut m, mut v) = (wave(n, 1.0), vec![0.0; n], vec![0.0; n]);
            isa::with(isa, || {
                (1..=3).for_each(|t| _ = adam.step(t, &mut theta, &wave(n, 0.3), &mut m, &mut v))
            });
            [theta, m, v].concat().iter().map(|x| x.to_bits()).collect::<Vec<_>>()
        };
        let portable = run(Isa::Portable);
        for isa in Isa::ALL.into_iter().filter(|isa| isa.supported()) {
            assert!(run(isa) == portable, "{isa}");
        }
    }

    #[test]
    fn equals_the_definition() {
        let n = 2 * CHUNK + 7;
        let adam = Adam { lr: 1e-2, beta1: 0.5, beta2: 0.99, eps: 1e-3, l2: 0.3, decay: 0.1 };
        let (mut theta, mut m, mut v) = (integers(n, 1), vec![0.0; n], vec![0.0; n]);
        let mut want: Vec<[f64; 3]> = theta.iter().map(|&theta| [theta, 0.0, 0.0]).collect();
        for t in 1..=3 {
            let g = integers(n, 10 + t);
            adam.step(t, &mut theta, &g, &mut m, &mut v);
            for (i, want) in want.iter_mut().enumerate() {
                *want = reference::adam(&adam, t as i32, [want[0], g[i], want[1], want[2]]);
                let error = (0..3).map(|k| ([theta[i], m[i], v[i]][k] - want[k]).abs()).fold(0.0, f64::max);
                assert!(error < 1e-13, "step {t}, parameter {i}: {} for {want:?}", theta[i]);
            }
        }
    }
}
