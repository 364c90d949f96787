//! The random numbers of a training step.

use crate::Noise;
use adjoint_nn::{Element, Stream, Var};

/// The random streams of a training step, except the stream of the noise z that G maps to samples.
pub(super) struct Draws {
    /// Standard deviation of the noise on D's input.
    sigma: f64,
    noise: Stream,
    pub(super) masks: Stream,
    pub(super) penalty: Stream,
}

impl Draws {
    pub(super) fn new(seed: u64, noise: Noise, step: u64) -> Self {
        let stream = |purpose| Stream::new(seed, purpose, step);
        Draws {
            sigma: noise.at(step),
            noise: stream("instance noise"),
            masks: stream("dropout"),
            penalty: stream("penalty"),
        }
    }

    /// Returns x plus the noise on D's input, or x itself in a step without this noise.
    pub(super) fn noisy<E: Element>(&mut self, x: &Var<E>) -> Var<E> {
        if self.sigma == 0.0 {
            return x.clone();
        }
        x + Var::constant(self.noise.normal_tensor(x.shape(), 0.0, self.sigma))
    }
}
