//! The end of a run: the last files, and the messages to the user.

use std::time::Duration;

use super::{FINAL, Session};
use crate::invocation::{command_line, train_command};
use crate::launch::Outcome;
use crate::log::Line;
use crate::output::Training;
use crate::paths::shell_word;
use crate::progress::duration;
use crate::summary::grouped;
use crate::{Error, disk};

impl Session<'_> {
    /// Saves a checkpoint and prints the command that continues the run.
    pub(super) fn interrupt(&mut self) -> Result<Outcome, Error> {
        let done = self.training.done;
        if self.training.saved != Some(done) {
            self.save()?;
        }
        self.outputs.iter_mut().try_for_each(|output| output.draw(&self.training, &[]))?;
        self.progress.finish();
        self.progress.say(format!("stopped after step {}, saved; continue with", grouped(done)));
        self.progress.say(format!("  {}", self.resume_command()));
        Ok(Outcome::Interrupted)
    }

    /// Finishes all files, then prints the files, the numbers measured at the end, and commands to
    /// try next.
    pub(super) fn finish(&mut self) -> Result<Outcome, Error> {
        let (done, mut files) = (self.training.done, vec![]);
        for output in &mut self.outputs {
            files.extend(output.finish(&self.training)?);
        }
        let figures = self.training.trainer.final_figures(self.stop);
        let figures = figures.map_err(|cause| self.failed(done, &cause))?;
        let Some(figures) = figures else { return self.interrupt() };
        if !figures.is_empty() {
            self.refuse_infinities(&figures)?;
            let line = Line::new(done, self.training.epoch(), &figures);
            let path = self.training.run.file(FINAL);
            disk::write_file(&path, |out| out.write_all(line.text.as_bytes()))?;
            files.push((path, "figures measured at the end".to_owned()));
        }
        let files = files.into_iter().map(|(path, what)| (path.display().to_string(), what)).collect();

        self.progress.finish();
        let time = duration(Duration::from_secs_f64(self.clock.seconds()));
        self.progress.say(format!("\nfinished {} steps in {time}", grouped(done)));
        self.progress.say(columns(files));
        for (name, value) in figures.iter() {
            // Whole numbers are printed without decimals.
            let digits = if value.fract() == 0.0 { 0 } else { 2 };
            self.progress.say(format!("  {name} {value:.digits$}"));
        }
        self.progress.say(format!("\nnext\n{}", columns(self.next_commands())));
        Ok(Outcome::Finished)
    }

    /// Returns how to continue a failed run once the cause of the failure is gone.
    pub(super) fn advice(&self) -> String {
        let command = self.resume_command();
        match self.training.saved {
            Some(step) => {
                format!("the run is safe at step {step}: when the cause is gone, continue with {command}")
            }
            None => format!("nothing was saved yet: when the cause is gone, start again with {command}"),
        }
    }

    /// Returns the command that continues this run.
    fn resume_command(&self) -> String {
        let Training { model, run, .. } = &self.training;
        train_command(model, &format!("--resume {}", shell_word(&run.path)))
    }

    /// Returns commands to try next, each with its purpose.
    fn next_commands(&self) -> Vec<(String, String)> {
        let Training { model, common, run, trainer, .. } = &self.training;
        let longer = 2 * self.training.epoch().max(1);
        let (config, seed) = (shell_word(&run.config()), common.seed.wrapping_add(1));
        let again = train_command(model, &format!("--config {config} --seed {seed}"));
        let longer = format!("{} --epochs {longer}", self.resume_command());
        let mut commands =
            vec![(longer, "train for longer".to_owned()), (again, "the same with another seed".to_owned())];
        let path = shell_word(&run.path);
        if let Some((what, command)) = trainer.sample_command() {
            commands.push((command_line("sample", &format!("{command} {path}")), what.to_owned()));
        }
        commands.push((command_line("evaluate", &path), "compare samples with data".to_owned()));
        commands
    }
}

/// Formats rows as lines of two aligned columns, indented.
fn columns(rows: Vec<(String, String)>) -> String {
    let width = rows.iter().map(|(left, _)| left.chars().count()).max().unwrap_or(0);
    let lines: Vec<String> = rows.iter().map(|(left, right)| format!("  {left:<width$}   {right}")).collect();
    lines.join("\n")
}
