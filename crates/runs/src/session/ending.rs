//! How a run ends: what is written last, and what is said.

use std::time::Duration;

use super::{Session, failed};
use crate::launch::{Outcome, resume_command, train_command};
use crate::paths::shell_word;
use crate::progress::duration;
use crate::report::warn;
use crate::summary::grouped;
use crate::{Error, Trainable, animation, disk, log};

impl<T: Trainable> Session<T> {
    /// Saves, and says how to go on.
    pub(super) fn interrupt(&mut self) -> Result<Outcome, Error> {
        if self.saved != Some(self.done) {
            self.save()?;
        }
        self.plot()?;
        self.progress.finish();
        self.progress.say(format!("stopped after step {}, saved; go on with", grouped(self.done)));
        self.progress.say(format!("  {}", self.resume_command()));
        Ok(Outcome::Interrupted)
    }

    /// Sets the pictures in motion, and says where everything is and what one may do next.
    pub(super) fn finish(&mut self) -> Result<Outcome, Error> {
        let mut files = vec![(self.run.plot(), "curves".to_owned())];
        for series in self.pictures.series() {
            let frames = self.pictures.of(series);
            let Some(last) = frames.last().cloned() else { continue };
            files.push((last, format!("{series} at the end")));
            match animation::write(&self.run.animation(series), &frames) {
                Ok(()) => files.push((self.run.animation(series), format!("{series} from the start"))),
                // A picture that somebody changed is no reason to call the run a failure.
                Err(error @ (Error::Unreadable { .. } | Error::Mismatch { .. })) => {
                    warn(format_args!("no animation: {error}"));
                }
                Err(error) => return Err(error),
            }
        }
        let stop = &self.stop;
        let figures = self.trainer.final_figures(&|| stop.is_raised()).map_err(failed(self.done))?;
        let Some(figures) = figures else { return self.interrupt() };
        if !figures.is_empty() {
            self.refuse_infinities(&figures)?;
            let text = log::line(self.done, self.plan.epoch(self.done), &figures);
            disk::write_file(&self.run.final_figures(), |out| out.write_all(text.as_bytes()))?;
            files.push((self.run.final_figures(), "what was measured at the end".to_owned()));
        }
        let weights = |(name, _): &(&str, _)| {
            let what = match name.strip_suffix("_ema") {
                Some(name) => format!("moving average of the weights of the {name}"),
                None => format!("weights of the {name}"),
            };
            (self.run.weights(name), what)
        };
        files.extend(self.trainer.networks().iter().map(weights));
        let files = files.into_iter().map(|(path, what)| (path.display().to_string(), what)).collect();

        self.progress.finish();
        let time = duration(Duration::from_secs_f64(self.clock.seconds()));
        self.progress.say(format!("\nfinished {} steps in {time}", grouped(self.done)));
        self.progress.say(columns(files));
        for (name, value) in figures.iter() {
            // A count is no measurement.
            let digits = if value.fract() == 0.0 { 0 } else { 2 };
            self.progress.say(format!("  {name} {value:.digits$}"));
        }
        self.progress.say(format!("\nnext\n{}", columns(self.next_commands())));
        Ok(Outcome::Finished)
    }

    /// The command that goes on with this run.
    pub(super) fn resume_command(&self) -> String {
        resume_command(self.plan.model, self.run.path())
    }

    /// Commands and what they are for.
    fn next_commands(&self) -> Vec<(String, String)> {
        let run = self.run.path();
        let longer = 2 * self.plan.epoch(self.done).max(1);
        let (config, seed) = (shell_word(&self.run.config()), self.plan.seed.wrapping_add(1));
        let again = train_command(self.plan.model, &format!("--config {config} --seed {seed}"));
        let longer = format!("{} --epochs {longer}", self.resume_command());
        let mut commands =
            vec![(longer, "train on".to_owned()), (again, "the same with another seed".to_owned())];
        let own = self.trainer.next_commands(&shell_word(run));
        commands.extend(own.into_iter().map(|(purpose, command)| (command, purpose)));
        commands
    }
}

/// Lines of two columns, indented.
fn columns(rows: Vec<(String, String)>) -> String {
    let width = rows.iter().map(|(left, _)| left.chars().count()).max().unwrap_or(0);
    let lines: Vec<String> = rows.iter().map(|(left, right)| format!("  {left:<width$}   {right}")).collect();
    lines.join("\n")
}
