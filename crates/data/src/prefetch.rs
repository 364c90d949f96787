//! Makes the next batch while the model trains on the current one.

use std::panic::resume_unwind;
use std::thread::{self, JoinHandle};

use crate::{Batch, Batches};

/// Makes the batch of step s + 1 on a separate thread while the caller uses the batch of step s. A
/// batch is a function of its step. Prefetching therefore changes the time at which a batch is
/// ready but not its content.
#[derive(Debug)]
pub struct Prefetch {
    /// Makes the batch of step `next`. `None` if making a batch panicked.
    worker: Option<JoinHandle<(Batches, Batch)>>,
    next: u64,
    steps_per_epoch: u64,
}

impl Prefetch {
    /// Prefetches from `batches`, first the batch of step 0.
    pub fn new(batches: Batches) -> Self {
        Self { steps_per_epoch: batches.steps_per_epoch(), next: 0, worker: Some(make(batches, 0)) }
    }

    /// Number of batches in an epoch (see [`Batches::steps_per_epoch`]).
    pub fn steps_per_epoch(&self) -> u64 {
        self.steps_per_epoch
    }

    /// Returns the batch that [`Batches::batch`] returns for `step`. The call is fast if `step`
    /// follows the previously requested step.
    ///
    /// # Panics
    /// If making a batch panicked.
    pub fn batch(&mut self, step: u64) -> Batch {
        let worker = self.worker.take().expect("the batch before this one could be made");
        let (mut batches, mut batch) = worker.join().unwrap_or_else(|panic| resume_unwind(panic));
        if self.next != step {
            batch = batches.batch(step);
        }
        self.next = step + 1;
        self.worker = Some(make(batches, self.next));
        batch
    }
}

/// Makes the batch of a step on a separate thread.
fn make(mut batches: Batches, step: u64) -> JoinHandle<(Batches, Batch)> {
    thread::spawn(move || {
        let batch = batches.batch(step);
        (batches, batch)
    })
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
