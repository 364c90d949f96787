use adjoint_nn::Schedule;
use clap::ValueEnum;
use serde::Serialize;

/// How the step size changes over a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LrSchedule {
    /// No change
    Constant,
    /// Constant, then linear to 0 over the second half of the run
    Linear,
    /// To 0 over the whole run, along a half cosine
    Cosine,
    /// Divided by 10 at 1/2 and at 3/4 of the run
    Step,
}

impl LrSchedule {
    /// Returns the schedule of a run of this number of steps. [`Step`](Self::Step) divides the step
    /// size at the fractions of He et al. 2016, section 4.2, rounded up to whole steps.
    pub fn over(self, steps: u64) -> Schedule {
        match self {
            LrSchedule::Constant => Schedule::Constant,
            LrSchedule::Linear => Schedule::LinearDecay { from: steps / 2, to: steps },
            LrSchedule::Cosine => Schedule::Cosine { steps },
            LrSchedule::Step => Schedule::Step { at: [steps.div_ceil(2), steps - steps / 4], factor: 0.1 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tests the boundaries of He et al. 2016, and boundaries of runs whose length is not a
    /// multiple of 4.
    #[test]
    fn steps_are_at_a_half_and_three_quarters() {
        for (steps, at) in [(64_000, [32_000, 48_000]), (8, [4, 6]), (7, [4, 6]), (3, [2, 3]), (1, [1, 1])] {
            let schedule = LrSchedule::Step.over(steps);
            assert_eq!(schedule, Schedule::Step { at, factor: 0.1 }, "{steps}");
            assert_eq!(schedule.factor(0), 1.0);
        }
        assert_eq!(LrSchedule::Step.over(u64::MAX).factor(1 << 40), 1.0);
    }
}
