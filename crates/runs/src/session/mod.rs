//! The training loop around a [`Trainable`]: when to log, draw and save, and how to start, stop and
//! go on.
//!
//! What is due after a step depends on its number alone, so an interrupted and resumed run leaves
//! what an uninterrupted one leaves. Figures and pictures are written before the checkpoint: a
//! resumed run cuts off those that are ahead of it. Weights are written after it, and again by a
//! resumed run, so that there are never weights without a checkpoint.

mod ending;
mod outputs;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Instant;

use crate::checkpoint::{Checkpoints, Loaded, fit};
use crate::clock::Clock;
use crate::launch::{Outcome, kernels};
use crate::log::Log;
use crate::paths::shell_word;
use crate::pictures::Pictures;
use crate::plot::History;
use crate::progress::Progress;
use crate::report::warn;
use crate::run::RunDir;
use crate::signals::StopFlag;
use crate::summary::grouped;
use crate::{BoxError, Error, Trainable, config, disk};

/// What the loop needs to know of the settings.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) model: &'static str,
    pub(crate) title: String,
    /// The resolved settings, as TOML.
    pub(crate) config: String,
    pub(crate) seed: u64,
    /// Steps of the whole run.
    pub(crate) total: u64,
    pub(crate) steps_per_epoch: u64,
    pub(crate) log_every: u64,
    pub(crate) sample_every: u64,
    pub(crate) checkpoint_every: u64,
    pub(crate) quiet: bool,
}

impl Plan {
    /// The epoch that a step count lies in or ends, from 1; 0 before the first step.
    fn epoch(&self, done: u64) -> u64 {
        done.div_ceil(self.steps_per_epoch)
    }

    /// Whether something is to be done after so many steps that is done every so often, and at the
    /// end.
    fn is_due(&self, every: u64, done: u64) -> bool {
        done.is_multiple_of(every) || done == self.total
    }
}

/// A run in progress.
pub(crate) struct Session<T> {
    plan: Plan,
    run: RunDir,
    trainer: T,
    stop: StopFlag,
    checkpoints: Checkpoints,
    log: Log,
    pictures: Pictures,
    /// What the log says, for the curves.
    history: History,
    progress: Progress,
    /// Steps done, in all processes that trained this run.
    done: u64,
    /// Step of the newest good checkpoint.
    saved: Option<u64>,
    /// Was the run stopped while it measured an epoch?
    owes_outputs: bool,
    clock: Clock,
}

impl<T: Trainable> Session<T> {
    /// Starts a run in its new directory, or goes on with one from its checkpoint.
    pub(crate) fn open(plan: Plan, run: RunDir, mut trainer: T, stop: StopFlag) -> Result<Self, Error> {
        let mut checkpoints = Checkpoints::in_directory(run.path());
        let saved = match checkpoints.load()? {
            Some(loaded) => Some(restore(&plan, &mut trainer, loaded)?),
            None => refuse_to_start_over(&run, &trainer).map(|()| None)?,
        };
        let done = saved.unwrap_or(0);
        if done > plan.total {
            let (run, asked) = (run.path().display(), plan.total);
            let problem = format!("{run} is at step {done} already, past the {asked} asked for");
            return Err(Error::Flags(format!("{problem}; give more --steps or --epochs")));
        }
        disk::write_file(&run.config(), |out| out.write_all(plan.config.as_bytes()))?;
        let pictures = Pictures::open(run.path())?;
        run.clear_leftovers(&own_files(&run, &trainer, &pictures))?;
        let mut history = History::new(trainer.panels());
        let (log, kept) = Log::open(&run.metrics(), done, |record| history.add(record))?;
        let clock = Clock::new(kept.seconds);
        let owes_outputs = done > 0 && done.is_multiple_of(plan.steps_per_epoch) && !kept.ends_epoch;
        let progress = Progress::new(plan.total, done, trainer.panels(), plan.quiet);
        Ok(Self {
            plan,
            run,
            trainer,
            stop,
            checkpoints,
            log,
            pictures,
            history,
            progress,
            done,
            saved,
            owes_outputs,
            clock,
        })
    }

    /// Trains to the end.
    pub(crate) fn run(mut self) -> Result<Outcome, Error> {
        let outcome = self.train();
        self.progress.finish();
        outcome.map_err(|error| match error {
            Error::Io { .. } | Error::Trainer { .. } => {
                Error::Stopped { cause: Box::new(error), advice: self.advice() }
            }
            other => other,
        })
    }

    fn train(&mut self) -> Result<Outcome, Error> {
        self.announce();
        self.pictures.forget_after(self.done)?;
        if self.saved.is_some() {
            // The process before may have ended between the checkpoint and the weights.
            self.export()?;
        }
        if self.done == 0 {
            self.draw()?;
        }
        // A run that was stopped while it measured an epoch measures it now.
        let mut going_on = !self.owes_outputs || self.write_outputs()?;
        while going_on && self.done < self.plan.total {
            going_on = !self.stop.is_raised() && self.advance()?;
        }
        if going_on { self.finish() } else { self.interrupt() }
    }

    /// What to do when the cause of a failure is gone.
    fn advice(&self) -> String {
        let command = self.resume_command();
        match self.saved {
            Some(step) => {
                format!("the run is safe at step {step}: when the cause is gone, go on with {command}")
            }
            None => format!("nothing was saved yet: when the cause is gone, start again with {command}"),
        }
    }

    fn announce(&self) {
        let (title, run, total) = (&self.plan.title, self.run.path().display(), grouped(self.plan.total));
        let by = kernels();
        self.progress.say(match self.done {
            0 => format!("{title} for {total} steps on {by}, into {run}"),
            done => format!("{title} on {by}, going on with {run} after step {} of {total}", grouped(done)),
        });
    }

    /// One step and all that is due after it. False if it was stopped on the way.
    fn advance(&mut self) -> Result<bool, Error> {
        let started = Instant::now();
        let figures = self.trainer.step(self.done).map_err(failed(self.done + 1))?;
        self.done += 1;
        self.clock.count(started.elapsed());
        self.refuse_infinities(&figures)?;

        self.show(&figures, self.plan.is_due(self.plan.steps_per_epoch, self.done));
        // Nothing extra is logged at the end, which may turn out not to be the end.
        if self.done.is_multiple_of(self.plan.log_every) {
            self.log(figures)?;
        }
        self.write_outputs()
    }

    /// What is due now, the checkpoint last. False if it was stopped on the way.
    fn write_outputs(&mut self) -> Result<bool, Error> {
        if self.done.is_multiple_of(self.plan.steps_per_epoch) && !self.log_epoch()? {
            return Ok(false);
        }
        if self.plan.is_due(self.plan.sample_every, self.done) {
            self.draw()?;
        }
        if self.plan.is_due(self.plan.checkpoint_every, self.done) {
            self.save()?;
        }
        Ok(true)
    }
}

/// The files that a run writes as a whole.
fn own_files(run: &RunDir, trainer: &impl Trainable, pictures: &Pictures) -> BTreeSet<PathBuf> {
    let checkpoints = Checkpoints::in_directory(run.path());
    let fixed = [run.config(), run.plot(), run.final_figures(), checkpoints.path().to_path_buf()];
    let weights = trainer.networks().into_iter().map(|(name, _)| run.weights(name));
    let animations = pictures.series().into_iter().map(|series| run.animation(series));
    fixed.into_iter().chain(weights).chain(animations).chain(pictures.files()).collect()
}

/// A run without a checkpoint starts at step 0: one that was stopped before it saved, but not one
/// that lost what it saved.
fn refuse_to_start_over(run: &RunDir, trainer: &impl Trainable) -> Result<(), Error> {
    let weights =
        trainer.networks().into_iter().map(|(name, _)| run.weights(name)).find(|path| path.exists());
    weights.map_or(Ok(()), |path| {
        let config = shell_word(&run.config());
        let problem =
            format!("weights of a run whose checkpoint is gone; start a new run with --config {config}");
        Err(Error::Unreadable { path, problem })
    })
}

/// What the trainer itself failed with in a step.
fn failed(step: u64) -> impl FnOnce(BoxError) -> Error {
    move |cause| Error::Trainer { step, cause }
}

/// Puts a checkpoint into the trainer and returns its step.
fn restore(plan: &Plan, trainer: &mut impl Trainable, loaded: Loaded) -> Result<u64, Error> {
    let Loaded { snapshot, path, warning } = loaded;
    if let Some(warning) = warning {
        warn(warning);
    }
    let mismatch = |problem: String| Error::Mismatch { path: path.clone(), problem };
    if snapshot.model != plan.model {
        return Err(mismatch(format!("a checkpoint of model `{}`, not of `{}`", snapshot.model, plan.model)));
    }
    if let Some((key, saved, now)) = config::difference(&snapshot.config, &plan.config) {
        return Err(mismatch(format!(
            "made with {key} = {saved}, but config.toml beside it has {now}; put {saved} back there"
        )));
    }
    let state = fit(&path, &snapshot.tensors, &trainer.state(), |shape| shape)?;
    trainer.load_state(state).map_err(|error| mismatch(error.to_string()))?;
    Ok(snapshot.step)
}
