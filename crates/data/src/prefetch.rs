//! Makes the next batch while the model trains on the current one.

use std::thread::{self, JoinHandle};

use crate::{Batch, Batches};

/// [`Batches`] whose batch of step s + 1 is made on a separate thread while the caller uses the
/// batch of step s. Since a batch is a function of its step, prefetching changes the time at which
/// a batch is ready but not its content.
#[derive(Debug)]
pub struct Prefetch {
    state: Option<State>,
    steps_per_epoch: u64,
}

#[derive(Debug)]
enum State {
    Idle(Box<Batches>),
    Making { step: u64, worker: JoinHandle<(Batches, Batch)> },
}

impl Prefetch {
    /// Prefetches from `batches`.
    pub fn new(batches: Batches) -> Self {
        let steps_per_epoch = batches.steps_per_epoch();
        Self { state: Some(State::Idle(Box::new(batches))), steps_per_epoch }
    }

    /// As [`Batches::steps_per_epoch`].
    pub fn steps_per_epoch(&self) -> u64 {
        self.steps_per_epoch
    }

    /// As [`Batches::batch`]; fast if `step` follows the previously requested step.
    ///
    /// # Panics
    /// If making a batch panicked.
    pub fn batch(&mut self, step: u64) -> Batch {
        let (mut batches, made) = match self.state.take() {
            Some(State::Idle(batches)) => (*batches, None),
            Some(State::Making { step: making, worker }) => match worker.join() {
                Ok((batches, batch)) => (batches, (making == step).then_some(batch)),
                Err(panic) => std::panic::resume_unwind(panic),
            },
            None => panic!("the batch before this one could not be made"),
        };
        let batch = made.unwrap_or_else(|| batches.batch(step));
        let next = step + 1;
        let worker = thread::spawn(move || {
            let batch = batches.batch(next);
            (batches, batch)
        });
        self.state = Some(State::Making { step: next, worker });
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dataset, Options, PixelRange, Split};

    fn batches() -> Batches {
        let data = Dataset::load("glyphs", Split::Test, &Options::default(), None).unwrap();
        Batches::new(data, 16, 7, PixelRange::Symmetric).unwrap()
    }

    #[test]
    fn gives_the_batches_of_the_steps_in_any_order() {
        let (mut plain, mut ahead) = (batches(), Prefetch::new(batches()));
        assert_eq!(ahead.steps_per_epoch(), plain.steps_per_epoch());
        for step in [0, 1, 2, 3, 700, 701, 5, 5, 6, 624, 625] {
            let (want, got) = (plain.batch(step), ahead.batch(step));
            assert_eq!((got.indices, got.labels, got.epoch), (want.indices, want.labels, want.epoch));
            assert_eq!(got.images.data(), want.images.data(), "step {step}");
        }
    }
}
