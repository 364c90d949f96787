//! Measures time for the log and the progress display. Results do not depend on it.

use std::time::{Duration, Instant};

/// The duration and the speed of a run.
#[derive(Debug)]
pub(crate) struct Clock {
    /// Seconds of training in the processes before this one.
    before: f64,
    started: Instant,
    /// The number of steps in this lap, and their total time.
    lap: (u64, Duration),
}

impl Clock {
    pub(crate) fn new(before: f64) -> Self {
        Self { before, started: Instant::now(), lap: (0, Duration::ZERO) }
    }

    /// Returns the seconds since the run began, without the pauses between its processes.
    pub(crate) fn seconds(&self) -> f64 {
        self.before + self.started.elapsed().as_secs_f64()
    }

    /// Counts a step of this duration.
    pub(crate) fn count(&mut self, step: Duration) {
        self.lap.0 += 1;
        self.lap.1 += step;
    }

    /// Returns the speed of this lap in steps per second, without the time for drawing and saving.
    pub(crate) fn steps_per_second(&self) -> f64 {
        self.lap.0 as f64 / self.lap.1.as_secs_f64().max(1e-9)
    }

    /// Starts a new lap.
    pub(crate) fn lap(&mut self) {
        self.lap = (0, Duration::ZERO);
    }
}
