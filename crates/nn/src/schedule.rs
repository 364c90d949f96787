//! Learning-rate schedules: a factor for the base learning rate, which depends only on the step.
//!
//! A schedule has no state to save. Call `optimizer.set_lr(base * schedule.factor(step))` before
//! each step.

use std::f64::consts::PI;

/// A schedule of the learning rate. Steps are counted from 0.
///
/// ```
/// use adjoint_nn::Schedule;
/// let rate = |step| 2e-4 * Schedule::Cosine { steps: 10_000 }.factor(step);
/// assert!(rate(0) == 2e-4 && rate(0) > rate(5_000));
/// assert_eq!(rate(10_000), 0.0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Schedule {
    /// Always 1.
    #[default]
    Constant,
    /// 1 up to step `from`, then linear decay to 0 at step `to`, then 0.
    LinearDecay {
        /// Last step at the full rate.
        from: u64,
        /// First step at rate 0.
        to: u64,
    },
    /// (1 + cos(pi t / steps)) / 2 (Loshchilov & Hutter 2017, eq. 5, one period that ends at 0),
    /// then 0 after `steps`.
    Cosine {
        /// Number of steps until the factor is 0.
        steps: u64,
    },
    /// 1, multiplied by `factor` at each of two steps. He et al. 2016, section 4.2, divide by 10 at
    /// steps 32,000 and 48,000 of 64,000.
    Step {
        /// The steps from which the factor is applied.
        at: [u64; 2],
        /// The factor by which the rate is multiplied at each of these steps.
        factor: f64,
    },
}

impl Schedule {
    /// Returns the factor at `step`.
    pub fn factor(self, step: u64) -> f64 {
        match self {
            Schedule::Constant => 1.0,
            Schedule::LinearDecay { from, .. } if step <= from => 1.0,
            Schedule::LinearDecay { to, .. } if step >= to => 0.0,
            Schedule::LinearDecay { from, to } => (to - step) as f64 / (to - from) as f64,
            Schedule::Cosine { steps } if step >= steps => 0.0,
            Schedule::Cosine { steps } => 0.5 * (1.0 + (PI * step as f64 / steps as f64).cos()),
            Schedule::Step { at, factor } => {
                at.into_iter().filter(|&at| step >= at).map(|_| factor).product()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, want: f64) {
        assert!((got - want).abs() < 1e-15, "{got} != {want}");
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
        let drops = Schedule::Step { at: [32_000, 48_000], factor: 0.1 };
        for (step, want) in [(0, 1.0), (31_999, 1.0), (32_000, 0.1), (47_999, 0.1), (48_000, 0.01)] {
            close(drops.factor(step), want);
        }
    }

    #[test]
    fn degenerate_lengths_are_no_division_by_zero() {
        close(Schedule::Cosine { steps: 0 }.factor(0), 0.0);
        close(Schedule::LinearDecay { from: 5, to: 5 }.factor(5), 1.0);
        close(Schedule::LinearDecay { from: 5, to: 5 }.factor(6), 0.0);
        close(Schedule::Step { at: [0, 0], factor: 0.5 }.factor(0), 0.25);
    }
}
