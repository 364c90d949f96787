//! Limits the memory of decoding on several threads: large images are decoded one at a time.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The largest memory in bytes that needs no permit. Most photos need less.
const SMALL: u64 = 64 << 20;

/// The permit to use much memory, which one thread has at a time.
pub(super) type Large = Mutex<()>;

/// One image's hold on the permit. It ends with this value.
pub(super) struct Permit<'a> {
    large: &'a Large,
    held: Option<MutexGuard<'a, ()>>,
}

impl<'a> Permit<'a> {
    pub(super) fn new(large: &'a Large) -> Self {
        Self { large, held: None }
    }

    /// Waits for the permit if `bytes` of memory are much and this image does not have it.
    pub(super) fn acquire(&mut self, bytes: u64) {
        if bytes > SMALL && self.held.is_none() {
            // The lock protects no data that a panic could leave incomplete.
            self.held = Some(self.large.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn one_image_at_a_time_uses_much_memory() {
        let large = Large::default();
        let mut one = Permit::new(&large);
        one.acquire(SMALL);
        assert!(large.try_lock().is_ok(), "a small image needs no permit");
        one.acquire(SMALL + 1);
        // It has the permit already.
        one.acquire(u64::MAX);
        let (sender, receiver) = channel();
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut other = Permit::new(&large);
                other.acquire(SMALL);
                sender.send("small").unwrap();
                other.acquire(SMALL + 1);
                sender.send("large").unwrap();
            });
            assert_eq!(receiver.recv(), Ok("small"));
            assert!(receiver.recv_timeout(Duration::from_millis(50)).is_err(), "the other one waits");
            drop(one);
            assert_eq!(receiver.recv(), Ok("large"));
        });
    }
}
