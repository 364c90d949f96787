//! Reads the next batch while the model trains on the current one.

use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use crate::batches::BatchOfBytes;
use crate::{Batch, Batches, DataError};

/// Reads the batch of step s + 1 on a separate thread while the caller uses the batch of step s. A
/// batch is a function of its step. Prefetching therefore changes the time at which a batch is
/// ready but not its content.
#[derive(Debug)]
pub struct Prefetch {
    steps_per_epoch: u64,
    /// The reader ends when this end of the channel is dropped.
    steps: Sender<u64>,
    batches: Receiver<Result<BatchOfBytes, DataError>>,
    /// The step that was requested in advance. The first step of a resumed run is not
    /// known in advance.
    ahead: Option<u64>,
    /// `None` if reading a batch panicked.
    reader: Option<JoinHandle<()>>,
}

impl Prefetch {
    /// Prefetches from `batches`, after the first request.
    pub fn new(mut batches: Batches) -> Self {
        let steps_per_epoch = batches.steps_per_epoch();
        let (steps, requests) = channel();
        let (results, received) = channel();
        let reader = thread::spawn(move || {
            // Sending fails if the other end was dropped. Then this loop ends, too.
            for step in requests {
                let _ = results.send(batches.read(step));
            }
        });
        Self { steps_per_epoch, steps, batches: received, ahead: None, reader: Some(reader) }
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
    /// If reading a batch panicked.
    pub fn batch(&mut self, step: u64) -> Result<Batch, DataError> {
        let batch = self.read(step)?;
        self.request(step + 1);
        self.ahead = Some(step + 1);
        Ok(batch.into_values())
    }

    fn read(&mut self, step: u64) -> Result<BatchOfBytes, DataError> {
        if let Some(ahead) = self.ahead.take() {
            let batch = self.receive();
            if ahead == step {
                return batch;
            }
        }
        self.request(step);
        self.receive()
    }

    fn request(&mut self, step: u64) {
        self.steps.send(step).unwrap_or_else(|_| self.panic());
    }

    fn receive(&mut self) -> Result<BatchOfBytes, DataError> {
        self.batches.recv().unwrap_or_else(|_| self.panic())
    }

    /// Continues the panic of the reader. Only a panic ends the reader while `self` exists.
    fn panic(&mut self) -> ! {
        let reader = self.reader.take().expect("the batch before this one could be read");
        resume_unwind(reader.join().expect_err("a reader that ended"))
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
