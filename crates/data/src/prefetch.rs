//! Makes the next batch while the model trains on the current one.

use std::panic::resume_unwind;
use std::thread::{self, JoinHandle};

use crate::{Batch, Batches, DataError};

/// Makes the batch of step s + 1 on a separate thread while the caller uses the batch of step s. A
/// batch is a function of its step. Prefetching therefore changes the time at which a batch is
/// ready but not its content.
#[derive(Debug)]
pub struct Prefetch {
    /// `None` if making a batch panicked.
    state: Option<State>,
    steps_per_epoch: u64,
}

#[derive(Debug)]
enum State {
    /// No batch was requested yet, or the last one failed. The first step of a resumed run is not
    /// known in advance.
    Idle(Box<Batches>),
    /// A thread makes the batch of `step`.
    Making { step: u64, worker: JoinHandle<(Batches, Result<Batch, DataError>)> },
}

impl Prefetch {
    /// Prefetches from `batches`, after the first request.
    pub fn new(batches: Batches) -> Self {
        Self { steps_per_epoch: batches.steps_per_epoch(), state: Some(State::Idle(Box::new(batches))) }
    }

    /// Number of batches in an epoch (see [`Batches::steps_per_epoch`]).
    pub fn steps_per_epoch(&self) -> u64 {
        self.steps_per_epoch
    }

    /// Returns the batch that [`Batches::batch`] returns for `step`. The call is fast if `step`
    /// follows the previously requested step.
    ///
    /// # Errors
    /// If an image of the batch cannot be read. The next request reads again.
    ///
    /// # Panics
    /// If making a batch panicked.
    pub fn batch(&mut self, step: u64) -> Result<Batch, DataError> {
        let (mut batches, made) = match self.state.take().expect("the batch before this one could be made") {
            State::Idle(batches) => (*batches, None),
            State::Making { step: making, worker } => {
                let (batches, batch) = worker.join().unwrap_or_else(|panic| resume_unwind(panic));
                (batches, (making == step).then_some(batch))
            }
        };
        let batch = match made.unwrap_or_else(|| batches.batch(step)) {
            Ok(batch) => batch,
            Err(error) => {
                self.state = Some(State::Idle(Box::new(batches)));
                return Err(error);
            }
        };
        let next = step + 1;
        let worker = thread::spawn(move || {
            let batch = batches.batch(next);
            (batches, batch)
        });
        self.state = Some(State::Making { step: next, worker });
        Ok(batch)
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
            let (want, got) = (plain.batch(step).unwrap(), ahead.batch(step).unwrap());
            assert_eq!((got.indices, got.labels, got.epoch), (want.indices, want.labels, want.epoch));
            assert_eq!(got.images.data(), want.images.data(), "step {step}");
        }
    }
}
