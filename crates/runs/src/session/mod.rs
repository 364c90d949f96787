//! The training loop around a [`Trainable`]: when to log, draw and save, and how to start, stop and
//! resume.
//!
//! The number of a step alone determines which outputs are due after it. So an interrupted and
//! resumed run writes the same files as an uninterrupted run. Log lines and pictures of a step are
//! written before its checkpoint. A resumed run removes the log lines and pictures of steps after
//! its checkpoint. Weights are written after the checkpoint, so there are never weights without a
//! checkpoint. A resumed run writes the weights again.

mod ending;

/// The file of the numbers that are measured at the end of a run.
const FINAL: &str = "final.json";

use std::time::{Duration, Instant};

use crate::checkpoint::{Checkpoints, Loaded, NEWEST, fit};
use crate::imported::is_imported;
use crate::launch::{Outcome, kernels};
use crate::log::{Figures, Line};
use crate::output::{Output, Training, outputs};
use crate::paths::shell_word;
use crate::progress::Progress;
use crate::report::warn;
use crate::summary::grouped;
use crate::{BoxError, Error, Stop, disk};

/// A run in progress.
pub(crate) struct Session<'a> {
    training: Training<'a>,
    outputs: Vec<Box<dyn Output>>,
    stop: Stop<'a>,
    progress: Progress,
    /// Whether an earlier process was stopped while it measured the epoch that ends at the last
    /// step.
    epoch_unmeasured: bool,
    clock: Clock,
}

/// The duration and the speed of a run, for the log and the progress display. Results do not
/// depend on it.
struct Clock {
    /// Seconds of training in the processes before this one.
    before: f64,
    started: Instant,
    /// The number of steps since the last line of the log, and their total time.
    lap: (u64, Duration),
}

impl Clock {
    /// Returns the seconds since the run began, without the pauses between its processes.
    fn seconds(&self) -> f64 {
        self.before + self.started.elapsed().as_secs_f64()
    }

    /// Returns the steps per second since the last line of the log, without the time for drawing
    /// and saving.
    fn steps_per_second(&self) -> f64 {
        self.lap.0 as f64 / self.lap.1.as_secs_f64().max(1e-9)
    }
}

impl<'a> Session<'a> {
    /// Starts a new run, or continues a run from its checkpoint.
    pub(crate) fn open(mut training: Training<'a>, stop: Stop<'a>) -> Result<Self, Error> {
        let mut checkpoints = Checkpoints::in_directory(&training.run.path);
        match checkpoints.load()? {
            Some(loaded) => restore(&mut training, loaded)?,
            None => refuse_to_start_over(&training)?,
        }
        let config = training.config.as_bytes();
        disk::write_file(&training.run.config(), |out| out.write_all(config))?;
        let records = training.trainer.records();
        if training.done == 0 {
            for (name, content) in &records {
                disk::write_file(&training.run.file(name), |out| out.write_all(content.as_bytes()))?;
            }
        }
        let records = records.iter().map(|(name, _)| training.run.file(name)).collect::<Vec<_>>();
        let (outputs, kept) = outputs(&training, checkpoints)?;
        let Training { run, common, total, steps_per_epoch, done, .. } = &training;
        let own = outputs.iter().flat_map(|output| output.files(&training));
        let own = own.chain(records).chain([run.config(), run.file(FINAL)]);
        run.clear_leftovers(&own.collect())?;
        let epoch_unmeasured = *done > 0 && done.is_multiple_of(*steps_per_epoch) && !kept.ends_epoch;
        let progress = Progress::new(*total, *done, training.trainer.panels(), common.quiet);
        let clock = Clock { before: kept.seconds, started: Instant::now(), lap: (0, Duration::ZERO) };
        Ok(Self { training, outputs, stop, progress, epoch_unmeasured, clock })
    }

    /// Trains until the last step, a stop request or an error.
    pub(crate) fn run(mut self) -> Result<Outcome, Error> {
        let outcome = self.train();
        self.progress.finish();
        outcome.map_err(|error| match error {
            Error::Io { .. } => Error::Other(format!("{error}; {}", self.advice())),
            other => other,
        })
    }

    fn train(&mut self) -> Result<Outcome, Error> {
        self.announce();
        self.outputs.iter_mut().try_for_each(|output| output.start(&self.training))?;
        if self.training.done == 0 {
            self.draw()?;
        }
        // If an earlier process was stopped while it measured an epoch, this process measures the
        // epoch.
        let mut running = !self.epoch_unmeasured || self.write_outputs()?;
        while running && self.training.done < self.training.total {
            running = !(self.stop)() && self.advance()?;
        }
        if running { self.finish() } else { self.interrupt() }
    }

    fn announce(&self) {
        let Training { title, run, total, done, .. } = &self.training;
        let (run, total, kernels) = (run.path.display(), grouped(*total), kernels());
        self.progress.say(match done {
            0 => format!("{title} for {total} steps on {kernels}, into {run}"),
            done => {
                format!("{title} on {kernels}, continuing {run} after step {} of {total}", grouped(*done))
            }
        });
    }

    /// Takes one step and writes all outputs that are due after it. Returns false if a stop was
    /// requested meanwhile.
    fn advance(&mut self) -> Result<bool, Error> {
        let started = Instant::now();
        let figures = self.training.trainer.step(self.training.done);
        let mut figures = figures.map_err(|cause| self.failed(self.training.done + 1, &cause))?;
        self.training.done += 1;
        self.clock.lap.0 += 1;
        self.clock.lap.1 += started.elapsed();
        self.refuse_infinities(&figures)?;

        let training = &self.training;
        let images_per_second = self.clock.steps_per_second() * training.trainer.images_per_step() as f64;
        self.progress.update(training, images_per_second, &figures);
        // The last step gets no extra line, because the run may be continued beyond it later.
        if training.done.is_multiple_of(training.common.log_every) {
            figures.push("images_per_second", (images_per_second * 10.0).round() / 10.0);
            figures.push("seconds", (self.clock.seconds() * 1000.0).round() / 1000.0);
            self.clock.lap = (0, Duration::ZERO);
            self.log(&figures)?;
        }
        self.write_outputs()
    }

    /// Writes every output that is due, the checkpoint last. Returns false if a stop was requested
    /// meanwhile.
    fn write_outputs(&mut self) -> Result<bool, Error> {
        if self.training.done.is_multiple_of(self.training.steps_per_epoch) && !self.log_epoch()? {
            return Ok(false);
        }
        if self.training.is_due(self.training.common.sample_every) {
            self.draw()?;
        }
        if self.training.is_due(self.training.common.checkpoint_every) {
            self.save()?;
        }
        Ok(true)
    }

    /// Measures the epoch that ends at this step and logs the numbers. Returns false if a stop was
    /// requested meanwhile.
    fn log_epoch(&mut self) -> Result<bool, Error> {
        let epoch = self.training.epoch();
        let figures = self.training.trainer.epoch_figures(epoch, self.stop);
        let figures = figures.map_err(|cause| self.failed(self.training.done, &cause))?;
        let Some(figures) = figures else { return Ok(false) };
        self.refuse_infinities(&figures)?;
        if !figures.is_empty() {
            self.log(&figures)?;
        }
        Ok(true)
    }

    fn log(&mut self, figures: &Figures) -> Result<(), Error> {
        let line = Line::new(self.training.done, self.training.epoch(), figures);
        self.outputs.iter_mut().try_for_each(|output| output.log(&line))
    }

    fn draw(&mut self) -> Result<(), Error> {
        let pictures = self.training.trainer.pictures();
        let pictures = pictures.map_err(|cause| self.failed(self.training.done, &cause))?;
        self.outputs.iter_mut().try_for_each(|output| output.draw(&self.training, &pictures))
    }

    /// Saves the state. If a value is not finite, fails and keeps the last valid checkpoint.
    fn save(&mut self) -> Result<(), Error> {
        for (name, tensor) in self.training.trainer.state() {
            if let Some(&value) = tensor.data().iter().find(|value| !value.is_finite()) {
                return Err(self.not_finite(format!("the state `{name}`"), f64::from(value)));
            }
        }
        self.outputs.iter_mut().try_for_each(|output| output.save(&mut self.training))
    }

    /// Fails if a number is not finite, because training does not recover from such a value.
    fn refuse_infinities(&self, figures: &Figures) -> Result<(), Error> {
        match figures.iter().find(|(_, value)| !value.is_finite()) {
            Some((name, value)) => Err(self.not_finite(name.to_owned(), value)),
            None => Ok(()),
        }
    }

    /// Returns the error of a trainer that failed in a step or after it.
    fn failed(&self, step: u64, cause: &BoxError) -> Error {
        Error::Other(format!("step {step}: {cause}; {}", self.advice()))
    }

    fn not_finite(&self, what: String, value: f64) -> Error {
        let Training { run, done, saved, .. } = &self.training;
        let good = match saved {
            Some(step) => format!("{} still holds step {step}", run.file(NEWEST).display()),
            None => "no checkpoint had been saved".to_owned(),
        };
        let advice = "a new run with a lower learning rate may go further";
        Error::Other(format!("{what} became {value} at step {done}; {good}; {advice}"))
    }
}

/// Fails if a run has weights but no checkpoint, because its checkpoint was lost. A run that was
/// stopped before it saved has no weights, and starts at step 0.
fn refuse_to_start_over(Training { run, trainer, .. }: &Training) -> Result<(), Error> {
    let mut weights = trainer.networks().into_iter().map(|(name, _)| run.weights(name));
    let Some(path) = weights.find(|path| path.exists()) else { return Ok(()) };
    let problem = match is_imported(&run.path) {
        true => "imported weights, which can be sampled and evaluated but not trained further",
        false => "weights of a run whose checkpoint is gone",
    };
    let advice = format!("start a new run with --config {}", shell_word(&run.config()));
    Err(Error::file(&path, format!("{problem}; {advice}")))
}

/// Loads a checkpoint into the trainer.
fn restore(training: &mut Training, loaded: Loaded) -> Result<(), Error> {
    let Loaded { snapshot, path, warning } = loaded;
    if let Some(warning) = warning {
        warn(warning);
    }
    let mismatch = |problem: String| Error::file(&path, problem);
    if snapshot.model != training.model {
        let (saved, now) = (snapshot.model, training.model);
        return Err(mismatch(format!("a checkpoint of model `{saved}`, not of `{now}`")));
    }
    if let Some((key, saved, now)) = (training.changed)(&path, &snapshot.config)? {
        return Err(mismatch(format!(
            "made with {key} = {saved}, but config.toml beside it has {now}; put {saved} back there"
        )));
    }
    let state = fit(&path, &snapshot.tensors, &training.trainer.state(), |_| {})?;
    training.trainer.load_state(state).map_err(|error| mismatch(error.to_string()))?;
    let (done, total) = (snapshot.step, training.total);
    if done > total {
        let run = training.run.path.display();
        let problem = format!("{run} is at step {done} already, past the {total} requested");
        return Err(Error::Other(format!("{problem}; give more --steps or --epochs")));
    }
    (training.done, training.saved) = (done, Some(done));
    Ok(())
}
