//! Time, for the log and the eye. It enters no result.

use std::time::{Duration, Instant};

/// How long a run has taken and how fast it goes.
#[derive(Debug)]
pub(crate) struct Clock {
    /// Seconds of training in the processes before this one.
    before: f64,
    started: Instant,
    /// Steps of this lap, and the time they took.
    lap: (u64, Duration),
}

impl Clock {
    pub(crate) fn new(before: f64) -> Self {
        Self { before, started: Instant::now(), lap: (0, Duration::ZERO) }
    }

    /// Seconds since the run began, not counting pauses between its processes.
    pub(crate) fn seconds(&self) -> f64 {
        self.before + self.started.elapsed().as_secs_f64()
    }

    /// Counts a step that took so long.
    pub(crate) fn count(&mut self, step: Duration) {
        self.lap.0 += 1;
        self.lap.1 += step;
    }

    /// Speed of this lap in steps a second; drawing and saving don't slow it down.
    pub(crate) fn steps_per_second(&self) -> f64 {
        self.lap.0 as f64 / self.lap.1.as_secs_f64().max(1e-9)
    }

    /// Starts a new lap.
    pub(crate) fn lap(&mut self) {
        self.lap = (0, Duration::ZERO);
    }
}
