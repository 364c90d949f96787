//! The training loop around a [`Trainable`]: when to log, draw and save, and how to start, stop and go on.
//!
//! What is due after a step depends on its number alone, so an interrupted and resumed run leaves what an uninterrupted
//! one leaves. A checkpoint is written last, after everything it will be compared with is on disk.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::checkpoint::{Checkpoints, Loaded, Snapshot, match_tensors};
use crate::clock::Clock;
use crate::error::shell_word;
use crate::launch::{Outcome, resume_command};
use crate::metrics::{Figures, MetricsLog};
use crate::progress::{Progress, Status, duration};
use crate::report::{note, warn};
use crate::run::RunDir;
use crate::signals::StopFlag;
use crate::summary::grouped;
use crate::{BoxError, Error, Trainable, animation, config, disk, metrics, plot, weights};

/// What the loop needs to know of the settings.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) model: &'static str,
    pub(crate) title: String,
    /// The resolved settings, as TOML.
    pub(crate) config: String,
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
}

/// A run in progress.
pub(crate) struct Session<T> {
    plan: Plan,
    run: RunDir,
    trainer: T,
    stop: StopFlag,
    checkpoints: Checkpoints,
    log: MetricsLog,
    progress: Progress,
    /// Steps done, in all processes that trained this run.
    done: u64,
    /// Step of the newest good checkpoint.
    saved: Option<u64>,
    clock: Clock,
}

impl<T: Trainable> Session<T> {
    /// Starts a run in its new directory, or goes on with one from its checkpoint.
    pub(crate) fn open(plan: Plan, run: RunDir, mut trainer: T, stop: StopFlag) -> Result<Self, Error> {
        let mut checkpoints = Checkpoints::in_directory(run.path());
        let saved = match checkpoints.load()? {
            Some(loaded) => Some(restore(&plan, &mut trainer, loaded)?),
            None => None,
        };
        let done = saved.unwrap_or(0);
        if done > plan.total {
            let problem = format!("is at step {done} already, past the {} asked for", plan.total);
            return Err(Error::Flags(format!(
                "{} {problem}; give more --steps or --epochs",
                run.path().display()
            )));
        }
        disk::write_atomic(&run.config(), |out| out.write_all(plan.config.as_bytes()))?;
        let (log, before) = MetricsLog::open(&run.metrics(), done)?;
        let progress = Progress::new(plan.total, done, trainer.panels(), plan.quiet);
        Ok(Self {
            plan,
            run,
            trainer,
            stop,
            checkpoints,
            log,
            progress,
            done,
            saved,
            clock: Clock::new(before),
        })
    }

    /// Trains to the end.
    pub(crate) fn run(mut self) -> Result<Outcome, Error> {
        let outcome = self.train();
        self.progress.finish();
        if let (Err(Error::Io { .. } | Error::Trainer { .. }), Some(step)) = (&outcome, self.saved) {
            note(format!("the run is safe at step {step}; when the cause is gone, go on with"));
            note(format!("  {}", resume_command(self.run.path())));
        }
        outcome
    }

    fn train(&mut self) -> Result<Outcome, Error> {
        self.announce();
        if self.done == 0 {
            self.draw()?;
        }
        self.forget_pictures_to_come()?;
        while self.done < self.plan.total {
            if self.stop.is_raised() {
                return self.interrupt();
            }
            self.advance()?;
        }
        self.finish()
    }

    fn announce(&self) {
        let (run, total) = (self.run.path().display(), grouped(self.plan.total));
        self.progress.say(match self.done {
            0 => format!("{} for {total} steps, into {run}", self.plan.title),
            done => {
                format!("{}, going on with {run} after step {} of {total}", self.plan.title, grouped(done))
            }
        });
    }

    /// One step and all that is due after it.
    fn advance(&mut self) -> Result<(), Error> {
        let started = Instant::now();
        let figures = self.trainer.step(self.done).map_err(self.failed())?;
        self.done += 1;
        self.clock.count(started.elapsed());
        self.refuse_infinities(&figures)?;

        let (done, plan) = (self.done, &self.plan);
        let due = |every: u64| done.is_multiple_of(every) || done == plan.total;
        let (log, draw, save) =
            (done.is_multiple_of(plan.log_every), due(plan.sample_every), due(plan.checkpoint_every));
        let epoch_ends = done.is_multiple_of(plan.steps_per_epoch);
        self.show(&figures, epoch_ends || done == plan.total);
        if log {
            self.log(figures)?;
        }
        if epoch_ends {
            self.log_epoch()?;
        }
        if draw {
            self.draw()?;
        }
        if save {
            self.save()?;
        }
        Ok(())
    }

    fn failed(&self) -> impl FnOnce(BoxError) -> Error + use<T> {
        let step = self.done + 1;
        move |cause| Error::Trainer { step, cause }
    }

    fn images_per_second(&self) -> f64 {
        self.clock.steps_per_second() * self.trainer.images_per_step() as f64
    }

    fn show(&mut self, figures: &Figures, always: bool) {
        let (step, epoch) = (self.done, self.plan.epoch(self.done));
        let status = Status { step, epoch, images_per_second: self.images_per_second(), figures };
        self.progress.update(&status, always);
    }

    fn log(&mut self, mut figures: Figures) -> Result<(), Error> {
        figures.push(("images_per_second", (self.images_per_second() * 10.0).round() / 10.0));
        figures.push(("seconds", (self.clock.seconds() * 1000.0).round() / 1000.0));
        self.clock.lap();
        self.log.append(self.done, self.plan.epoch(self.done), &figures)
    }

    fn log_epoch(&mut self) -> Result<(), Error> {
        let epoch = self.plan.epoch(self.done);
        let figures = self.trainer.epoch_figures(epoch).map_err(self.failed())?;
        self.refuse_infinities(&figures)?;
        if figures.is_empty() { Ok(()) } else { self.log.append(self.done, epoch, &figures) }
    }

    /// The sample grids and the curves so far.
    fn draw(&mut self) -> Result<(), Error> {
        for (name, image) in self.trainer.pictures() {
            let path = self.run.picture(name, self.plan.epoch(self.done), self.done);
            let series = self.run.path().join(name);
            fs::create_dir_all(&series).map_err(Error::io("create", &series))?;
            image.write_png(&path)?;
        }
        self.plot()
    }

    fn plot(&self) -> Result<(), Error> {
        let records = metrics::read(&self.run.metrics())?;
        let svg = plot::draw(&self.plan.title, self.trainer.panels(), &records);
        disk::write_atomic(&self.run.plot(), |out| out.write_all(svg.as_bytes()))
    }

    /// A checkpoint, and the networks for other programs. Refuses to replace a good checkpoint by a bad one.
    fn save(&mut self) -> Result<(), Error> {
        let tensors = self.trainer.state();
        for (name, tensor) in &tensors {
            if let Some(&value) = tensor.data().iter().find(|value| !value.is_finite()) {
                return Err(self.not_finite(format!("the state `{name}`"), f64::from(value)));
            }
        }
        for (name, network) in self.trainer.networks() {
            weights::export(&self.run.weights(name), &network)?;
        }
        self.log.sync()?;
        let (model, config) = (self.plan.model.to_owned(), self.plan.config.clone());
        self.checkpoints.save(&Snapshot { model, step: self.done, config, tensors })?;
        self.saved = Some(self.done);
        Ok(())
    }

    fn refuse_infinities(&self, figures: &Figures) -> Result<(), Error> {
        match figures.iter().find(|(_, value)| !value.is_finite()) {
            Some((name, value)) => Err(self.not_finite((*name).to_owned(), *value)),
            None => Ok(()),
        }
    }

    fn not_finite(&self, what: String, value: f64) -> Error {
        let good = match self.saved {
            Some(step) => format!("{} still holds step {step}", self.checkpoints.path().display()),
            None => "no checkpoint had been saved".to_owned(),
        };
        let advice = format!("{good}; a new run with a lower learning rate may go further");
        Error::NotFinite { what, value, step: self.done, advice }
    }

    /// A run that went back to an older checkpoint draws again what it had drawn since.
    fn forget_pictures_to_come(&self) -> Result<(), Error> {
        for series in self.run.series()? {
            for (step, path) in self.run.pictures(&series)? {
                if step > self.done {
                    fs::remove_file(&path).map_err(Error::io("remove", &path))?;
                }
            }
        }
        Ok(())
    }

    fn interrupt(&mut self) -> Result<Outcome, Error> {
        if self.saved != Some(self.done) {
            self.save()?;
        }
        self.plot()?;
        self.progress.finish();
        self.progress.say(format!("stopped after step {}, saved; go on with", grouped(self.done)));
        self.progress.say(format!("  {}", resume_command(self.run.path())));
        Ok(Outcome::Interrupted)
    }

    fn finish(&mut self) -> Result<Outcome, Error> {
        let mut files = vec![(self.run.plot(), "curves".to_owned())];
        for series in self.run.series()? {
            let frames: Vec<PathBuf> =
                self.run.pictures(&series)?.into_iter().map(|(_, path)| path).collect();
            let Some(last) = frames.last().cloned() else { continue };
            animation::write(&self.run.animation(&series), &frames)?;
            files.push((last, format!("{series} at the end")));
            files.push((self.run.animation(&series), format!("{series} from the start")));
        }
        files.extend(
            self.trainer.networks().iter().map(|(name, _)| (self.run.weights(name), format!("the {name}"))),
        );
        self.progress.finish();
        let time = duration(Duration::from_secs_f64(self.clock.seconds()));
        self.progress.say(format!("\nfinished {} steps in {time}", grouped(self.done)));
        let files = files.iter().map(|(path, what)| (path.display().to_string(), what.clone())).collect();
        self.progress.say(columns(files));
        self.progress.say("\nnext");
        let more =
            format!("{} --epochs {}", resume_command(self.run.path()), 2 * self.plan.epoch(self.done).max(1));
        let mut commands = vec![(more, "train on".to_owned())];
        commands.extend(
            self.trainer.next_commands(&shell_word(self.run.path())).into_iter().map(|(a, b)| (b, a)),
        );
        self.progress.say(columns(commands));
        Ok(Outcome::Finished)
    }
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
        return Err(mismatch(format!("made with {key} = {saved}, but config.toml beside it has {now}")));
    }
    let state = match_tensors(&path, snapshot.tensors, &trainer.state())?;
    trainer.load_state(state).map_err(|error| mismatch(error.to_string()))?;
    Ok(snapshot.step)
}

/// Lines of two columns, indented.
fn columns(rows: Vec<(String, String)>) -> String {
    let width = rows.iter().map(|(left, _)| left.chars().count()).max().unwrap_or(0);
    let lines: Vec<String> = rows.iter().map(|(left, right)| format!("  {left:<width$}   {right}")).collect();
    lines.join("\n")
}
