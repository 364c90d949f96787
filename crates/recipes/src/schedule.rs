use adjoint_nn::Schedule;

choice!(
    /// How the step size changes over a run.
    LrSchedule {
        /// Not at all
        Constant,
        /// Down to 0 over the second half of the run
        Linear,
        /// Down to 0 over all of it
        Cosine
    }
);

impl LrSchedule {
    /// The same in a run of so many steps.
    pub fn over(self, steps: u64) -> Schedule {
        match self {
            LrSchedule::Constant => Schedule::Constant,
            LrSchedule::Linear => Schedule::LinearDecay { from: steps / 2, to: steps },
            LrSchedule::Cosine => Schedule::Cosine { steps },
        }
    }
}
