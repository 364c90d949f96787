//! Learning rates over time: the factor by which a base rate is multiplied, as a function of the step alone.
//!
//! A schedule has no state, so there is none to save: `optimizer.set_lr(base * schedule.factor(step))` before each step.

use std::f64::consts::PI;

/// How the learning rate changes. Steps are counted from 0.
///
/// ```
/// use adjoint_nn::schedule::{Schedule, warmup};
/// let rate = |step| 2e-4 * warmup(step, 100) * Schedule::Cosine { steps: 10_000 }.factor(step);
/// assert!(rate(0) < rate(99) && rate(99) > rate(5_000));
/// assert_eq!(rate(10_000), 0.0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Schedule {
    /// 1.
    #[default]
    Constant,
    /// 1 up to step `from`, then in equal parts down to 0 at step `to`, where it stays.
    LinearDecay {
        /// Last step at the full rate.
        from: u64,
        /// First step at rate 0.
        to: u64,
    },
    /// (1 + cos(pi t / steps)) / 2 (Loshchilov & Hutter 2017, eq. 5, one period down to 0); 0 after `steps`.
    Cosine {
        /// Length of the descent.
        steps: u64,
    },
    /// factor^floor(t / every).
    Step {
        /// Steps between two drops; 0 is taken as 1.
        every: u64,
        /// What the rate is multiplied by at each.
        factor: f64,
    },
}

impl Schedule {
    /// The factor at `step`.
    pub fn factor(self, step: u64) -> f64 {
        match self {
            Schedule::Constant => 1.0,
            Schedule::LinearDecay { from, .. } if step <= from => 1.0,
            Schedule::LinearDecay { to, .. } if step >= to => 0.0,
            Schedule::LinearDecay { from, to } => (to - step) as f64 / (to - from) as f64,
            Schedule::Cosine { steps } if step >= steps => 0.0,
            Schedule::Cosine { steps } => 0.5 * (1.0 + (PI * step as f64 / steps as f64).cos()),
            Schedule::Step { every, factor } => factor.powf((step / every.max(1)) as f64),
        }
    }
}

/// A slow start, min(1, (t + 1) / steps), to be multiplied with any schedule: the first step is not 0, and step
/// `steps` - 1 is the first at the full rate.
pub fn warmup(step: u64, steps: u64) -> f64 {
    if step >= steps { 1.0 } else { (step + 1) as f64 / steps as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, want: f64) {
        assert!((got - want).abs() < 1e-15, "{got} for {want}");
    }

    #[test]
    fn factors_are_the_formulas() {
        close(Schedule::Constant.factor(1_000_000), 1.0);
        let linear = Schedule::LinearDecay { from: 100, to: 300 };
        for (step, want) in [(0, 1.0), (100, 1.0), (150, 0.75), (299, 0.005), (300, 0.0), (999, 0.0)] {
            close(linear.factor(step), want);
        }
        let cosine = Schedule::Cosine { steps: 90 };
        for (step, want) in [(0, 1.0), (30, 0.75), (45, 0.5), (60, 0.25), (90, 0.0), (91, 0.0)] {
            close(cosine.factor(step), want);
        }
        let drops = Schedule::Step { every: 10, factor: 0.5 };
        for (step, want) in [(0, 1.0), (9, 1.0), (10, 0.5), (29, 0.25), (30, 0.125)] {
            close(drops.factor(step), want);
        }
        for (step, want) in [(0, 0.25), (1, 0.5), (3, 1.0), (4, 1.0)] {
            close(warmup(step, 4), want);
        }
        close(warmup(0, 0), 1.0);
    }

    #[test]
    fn degenerate_lengths_are_no_division_by_zero() {
        close(Schedule::Cosine { steps: 0 }.factor(0), 0.0);
        close(Schedule::LinearDecay { from: 5, to: 5 }.factor(5), 1.0);
        close(Schedule::LinearDecay { from: 5, to: 5 }.factor(6), 0.0);
        close(Schedule::Step { every: 0, factor: 0.5 }.factor(2), 0.25);
    }
}
