//! Annealed importance sampling: log p(x) of a decoder, from both sides. Neal 2001; Wu, Burda,
//! Salakhutdinov & Grosse, "On the quantitative analysis of decoder-based generative models" (ICLR
//! 2017).
//!
//! Between the prior, p_0(z) = p(z), and the posterior, p_T(z) ~ p(z) p(x|z), lie p_t(z) ~ p(z)
//! p(x|z)^(b_t) with b rising from 0 to 1. A chain that starts at the prior and is moved on in each
//! by a step that leaves p_t as it is has the weight
//!
//! > log w = sum over t of (b_t - b_(t-1)) log p(x | z_(t-1)),     E w = p(x),
//!
//! so log w is below log p(x) in expectation, and a log-mean-exp of several is closer. A chain from
//! an exact sample of the posterior back to the prior has E 1/w = 1/p(x), so its log w is *above*
//! it: bidirectional Monte Carlo (Grosse et al. 2015). Such a sample is available where x is the
//! decoder's own: the z it was made from. What lies between the bounds on such x is the error on
//! them, and a hint at that on others.
//!
//! The steps are Hamiltonian (Neal 2011): leapfrog steps along the gradient of log p_t by z, which
//! the engine gives, then accepted or refused.

use adjoint_nn::objective::LogMeanExp;
use adjoint_nn::{Element, Stream, Tensor, Var};

/// The distribution of z before anything is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prior {
    /// N(0, I).
    Normal,
    /// Uniform on \[-1, 1\] in each number: chains are reflected at the walls.
    Uniform,
}

/// The way from the prior to the posterior.
#[derive(Clone, Debug)]
pub struct Annealing {
    prior: Prior,
    latent: usize,
    leapfrog: usize,
    /// From 0 to 1.
    inverse_temperatures: Vec<f64>,
    /// Leapfrog's step at each of them.
    steps: Vec<f64>,
}

/// Share of proposals that is to be accepted (Beskos et al. 2013).
const ACCEPTED: f64 = 0.65;
/// Leapfrog's first step, and how much it changes by at most where too few or too many proposals
/// are accepted.
const FIRST_STEP: f64 = 0.1;
const CHANGE: f64 = 1.1;

/// Share by which a step may be shorter than it is set.
const SHORTER: f64 = 0.6;

/// Where the chains are: z (chains, latent), log p(x|z) of each and its gradient by z.
struct Chains<E: Element> {
    z: Tensor<E>,
    log_likelihood: Vec<f64>,
    gradient: Tensor<E>,
}

impl<E: Element> Chains<E> {
    fn at(z: Tensor<E>, log_likelihood: &mut impl FnMut(&Var<E>) -> Var<E>) -> Self {
        let leaf = Var::leaf(z);
        let values = log_likelihood(&leaf);
        let numbers = values.value().data().iter().map(|x| x.f64()).collect();
        let gradient = values.sum().gradients(&[&leaf]).remove(0);
        Chains { z: leaf.into_value(), log_likelihood: numbers, gradient }
    }
}

impl Annealing {
    /// Of `temperatures` steps, close together at both ends (Wu et al. 2017: a sigmoid), each of
    /// `leapfrog` steps, whose sizes are found by a first run of `chains` chains. `log_likelihood`
    /// gives log p(x|z) of each row of z (chains, latent).
    ///
    /// # Panics
    /// If there is no temperature, no leapfrog step or no chain.
    #[track_caller]
    pub fn tuned<E: Element>(
        (prior, latent): (Prior, usize),
        (temperatures, leapfrog): (usize, usize),
        chains: usize,
        mut log_likelihood: impl FnMut(&Var<E>) -> Var<E>,
        seed: u64,
    ) -> Self {
        assert!(temperatures > 0 && leapfrog > 0 && chains > 0, "nothing to anneal");
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let at = |t: usize| sigmoid(4.0 * (2.0 * t as f64 / temperatures as f64 - 1.0));
        let (low, high) = (at(0), at(temperatures));
        let inverse_temperatures = (0..=temperatures).map(|t| (at(t) - low) / (high - low)).collect();
        let mut annealing = Annealing {
            prior,
            latent,
            leapfrog,
            inverse_temperatures,
            steps: vec![FIRST_STEP; temperatures + 1],
        };
        let mut chains =
            Chains::at(annealing.draw_prior("annealing/tune", chains, seed), &mut log_likelihood);
        let mut stream = Stream::new(seed, "annealing/tune", 1);
        let mut step = FIRST_STEP;
        for t in 1..=temperatures {
            // Twice, so that the size keeps up where the distribution narrows fast.
            for _ in 0..2 {
                annealing.steps[t] = step;
                let accepted = annealing.transition(t, &mut chains, &mut log_likelihood, &mut stream);
                step *= (accepted - ACCEPTED).exp().clamp(1.0 / CHANGE, CHANGE);
            }
            annealing.steps[t] = step;
        }
        annealing
    }

    /// z of `chains` chains, from the prior.
    fn draw_prior<E: Element>(&self, purpose: &str, chains: usize, seed: u64) -> Tensor<E> {
        let mut stream = Stream::new(seed, purpose, 0);
        match self.prior {
            Prior::Normal => stream.normal_tensor([chains, self.latent], 0.0, 1.0),
            Prior::Uniform => stream.uniform_tensor([chains, self.latent], -1.0, 1.0),
        }
    }

    /// log w of `chains` chains from the prior to the posterior: below log p(x) in expectation.
    ///
    /// # Panics
    /// If `log_likelihood` has not a value for each row of z.
    #[track_caller]
    pub fn forward<E: Element>(
        &self,
        chains: usize,
        mut log_likelihood: impl FnMut(&Var<E>) -> Var<E>,
        seed: u64,
    ) -> Vec<f64> {
        let mut weights = vec![0.0; chains];
        let mut stream = Stream::new(seed, "annealing/forward", 1);
        let mut chains = Chains::at(self.draw_prior("annealing/forward", chains, seed), &mut log_likelihood);
        let last = self.inverse_temperatures.len() - 1;
        for t in 1..=last {
            self.weigh(t, &mut weights, &chains);
            // Where the last distribution is, nothing is weighed any more.
            if t < last {
                self.transition(t, &mut chains, &mut log_likelihood, &mut stream);
            }
        }
        weights
    }

    /// log w of chains from exact samples z (chains, latent) of the posterior back to the prior:
    /// above log p(x) in expectation.
    ///
    /// # Panics
    /// As [`forward`](Self::forward).
    #[track_caller]
    pub fn reverse<E: Element>(
        &self,
        z: Tensor<E>,
        mut log_likelihood: impl FnMut(&Var<E>) -> Var<E>,
        seed: u64,
    ) -> Vec<f64> {
        let mut weights = vec![0.0; z.dims()[0]];
        let mut stream = Stream::new(seed, "annealing/reverse", 1);
        let mut chains = Chains::at(z, &mut log_likelihood);
        let last = self.inverse_temperatures.len() - 1;
        for t in (1..=last).rev() {
            // The forward chain's last step is left out, so this one's first is.
            if t < last {
                self.transition(t, &mut chains, &mut log_likelihood, &mut stream);
            }
            self.weigh(t, &mut weights, &chains);
        }
        weights
    }

    fn weigh<E: Element>(&self, t: usize, weights: &mut [f64], chains: &Chains<E>) {
        let by = self.inverse_temperatures[t] - self.inverse_temperatures[t - 1];
        weights.iter_mut().zip(&chains.log_likelihood).for_each(|(w, l)| *w += by * l);
    }

    /// A step that leaves p_t as it is. Gives the share of chains that moved.
    fn transition<E: Element>(
        &self,
        t: usize,
        chains: &mut Chains<E>,
        log_likelihood: &mut impl FnMut(&Var<E>) -> Var<E>,
        stream: &mut Stream,
    ) -> f64 {
        // Of changing length: a way of half a period would only ever lead from one side of a normal
        // distribution to the other (Neal 2011, section 3.2).
        let step = self.steps[t] * (1.0 - SHORTER * stream.uniform());
        let beta = self.inverse_temperatures[t];
        let rows = chains.log_likelihood.len();
        let mut momentum: Tensor<E> = stream.normal_tensor([rows, self.latent], 0.0, 1.0);
        let before = self.energies(chains, &momentum, beta);
        let mut proposal = Chains {
            z: chains.z.clone(),
            log_likelihood: chains.log_likelihood.clone(),
            gradient: chains.gradient.clone(),
        };
        for _ in 0..self.leapfrog {
            self.kick(&mut momentum, &proposal, beta, 0.5 * step);
            let z = self.drift(&proposal.z, &mut momentum, step);
            proposal = Chains::at(z, log_likelihood);
            self.kick(&mut momentum, &proposal, beta, 0.5 * step);
        }
        let after = self.energies(&proposal, &momentum, beta);
        let mut moved = 0;
        for i in 0..rows {
            // Metropolis: always down, up with probability e^-rise. A rise that is NaN is rejected.
            if stream.uniform() < (before[i] - after[i]).exp() {
                moved += 1;
                chains.log_likelihood[i] = proposal.log_likelihood[i];
                let row = i * self.latent..(i + 1) * self.latent;
                chains.z.data_mut()[row.clone()].copy_from_slice(&proposal.z.data()[row.clone()]);
                chains.gradient.data_mut()[row.clone()].copy_from_slice(&proposal.gradient.data()[row]);
            }
        }
        moved as f64 / rows as f64
    }

    /// -log p_t(z), up to a constant, plus the kinetic energy.
    fn energies<E: Element>(&self, chains: &Chains<E>, momentum: &Tensor<E>, beta: f64) -> Vec<f64> {
        let half = |row: &[E]| 0.5 * row.iter().map(|x| x.f64().powi(2)).sum::<f64>();
        let rows = chains.z.data().chunks_exact(self.latent).zip(momentum.data().chunks_exact(self.latent));
        rows.zip(&chains.log_likelihood)
            .map(|((z, p), l)| {
                let prior = if self.prior == Prior::Normal { half(z) } else { 0.0 };
                prior + half(p) - beta * l
            })
            .collect()
    }

    /// p <- p + h grad log p_t(z).
    fn kick<E: Element>(&self, momentum: &mut Tensor<E>, chains: &Chains<E>, beta: f64, h: f64) {
        let prior = if self.prior == Prior::Normal { h } else { 0.0 };
        let (beta, prior) = (E::of(beta * h), E::of(prior));
        momentum.update(&chains.gradient, move |p, g| p + beta * g);
        momentum.update(&chains.z, move |p, z| p - prior * z);
    }

    /// z + h p; where a wall is in the way the chain comes back from it.
    fn drift<E: Element>(&self, z: &Tensor<E>, momentum: &mut Tensor<E>, h: f64) -> Tensor<E> {
        let h = E::of(h);
        let mut z = z.zip(momentum, move |z, p| z + h * p);
        if self.prior == Prior::Uniform {
            for (z, p) in z.data_mut().iter_mut().zip(momentum.data_mut()) {
                // From -1, there and back is a way of 4.
                let way = (z.f64() + 1.0).rem_euclid(4.0);
                if way > 2.0 {
                    *p = -*p;
                }
                *z = E::of(if way > 2.0 { 3.0 - way } else { way - 1.0 });
            }
        }
        z
    }
}

/// The bound on log p(x) from below that chains from the prior give: log of the mean of w.
pub fn lower_bound(log_weights: &[f64]) -> f64 {
    log_weights.iter().copied().collect::<LogMeanExp>().value()
}

/// The bound from above that chains from the posterior give: -log of the mean of 1/w.
pub fn upper_bound(log_weights: &[f64]) -> f64 {
    -log_weights.iter().map(|w| -w).collect::<LogMeanExp>().value()
}

#[cfg(test)]
mod tests;
