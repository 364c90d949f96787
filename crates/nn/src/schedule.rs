//! Learning-rate schedules: a factor for the base learning rate, which depends only on the step and
//! on the number of steps.
//!
//! A schedule has no state to save. Call `optimizer.set_lr(base * schedule.factor(step, steps))`
//! before each step.

use crate::named;
use std::f64::consts::PI;

named! {
    /// A schedule of the learning rate over a run.
    ///
    /// ```
    /// use adjoint_nn::Schedule;
    /// let rate = |step| 2e-4 * Schedule::Cosine.factor(step, 10_000);
    /// assert!(rate(0) == 2e-4 && rate(0) > rate(5_000));
    /// assert_eq!(rate(10_000), 0.0);
    /// ```
    #[derive(Default)]
    pub enum Schedule {
        /// Always 1.
        #[default]
        Constant = "constant": "no change",
        /// 1 over the first half of the run, then linear decay to 0.
        Linear = "linear": "constant, then linear to 0 over the second half of the run",
        /// (1 + cos(pi t / steps)) / 2 (Loshchilov & Hutter 2017, eq. 5, one period from 1 to 0).
        Cosine = "cosine": "to 0 over the whole run, along a half cosine",
        /// Divided by 10 at 1/2 and at 3/4 of the run, rounded up to whole steps (He et al. 2016,
        /// section 4.2: steps 32,000 and 48,000 of 64,000).
        Step = "step": "divided by 10 at 1/2 and at 3/4 of the run",
    }
}

impl Schedule {
    /// Returns the factor at `step`, counted from 0, of a run of `steps` steps.
    pub fn factor(self, step: u64, steps: u64) -> f64 {
        let half = steps / 2;
        match self {
            Schedule::Constant => 1.0,
            Schedule::Linear if step <= half => 1.0,
            Schedule::Linear | Schedule::Cosine if step >= steps => 0.0,
            Schedule::Linear => (steps - step) as f64 / (steps - half) as f64,
            Schedule::Cosine => 0.5 * (1.0 + (PI * step as f64 / steps as f64).cos()),
            Schedule::Step => {
                let at = [steps.div_ceil(2), steps - steps / 4];
                at.into_iter().filter(|&at| step >= at).map(|_| 0.1).product()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn close(got: f64, want: f64) {
        assert!((got - want).abs() < 1e-15, "{got} != {want}");
    }

    #[test]
    fn factors_are_the_formulas() {
        close(Schedule::Constant.factor(1_000_000, 10), 1.0);
        for (step, want) in [(0, 1.0), (200, 1.0), (250, 0.75), (399, 0.005), (400, 0.0), (999, 0.0)] {
            close(Schedule::Linear.factor(step, 400), want);
        }
        for (step, want) in [(0, 1.0), (30, 0.75), (45, 0.5), (60, 0.25), (90, 0.0), (91, 0.0)] {
            close(Schedule::Cosine.factor(step, 90), want);
        }
    }

    /// Tests the boundaries of He et al. 2016, and boundaries of runs whose length is not a
    /// multiple of 4.
    #[test]
    fn steps_are_at_a_half_and_three_quarters() {
        for (steps, [first, second]) in [(64_000, [32_000, 48_000]), (8, [4, 6]), (7, [4, 6]), (3, [2, 3])] {
            for (step, want) in [(0, 1.0), (first - 1, 1.0), (first, 0.1), (second - 1, 0.1), (second, 0.01)]
            {
                close(Schedule::Step.factor(step, steps), want);
            }
        }
        close(Schedule::Step.factor(0, 1), 1.0);
        close(Schedule::Step.factor(1 << 40, u64::MAX), 1.0);
    }

    #[test]
    fn degenerate_lengths_are_no_division_by_zero() {
        close(Schedule::Cosine.factor(0, 0), 0.0);
        close(Schedule::Linear.factor(0, 0), 1.0);
        close(Schedule::Linear.factor(1, 1), 0.0);
        close(Schedule::Step.factor(0, 0), 0.01);
    }
}
