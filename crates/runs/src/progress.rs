//! Shows the progress of a run: a bar on a terminal, else a line every few seconds. Shows nothing
//! with --quiet.

use std::fmt::Display;
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::log::Figures;
use crate::output::Training;
use crate::plot::{Curve, Panel};
use crate::report;
use crate::summary::grouped;

/// Minimum time between two lines if the output is not a terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// The progress display of a run.
#[derive(Debug)]
pub(crate) struct Progress {
    total: u64,
    /// Step and time at which this process started.
    start: (u64, Instant),
    panels: &'static [Panel],
    quiet: bool,
    /// The bar on a terminal.
    bar: Option<ProgressBar>,
    /// The time of the last line, if there is no bar.
    last: Option<Instant>,
}

impl Progress {
    /// Creates the display of a run of `total` steps, of which `done` are done. It shows the
    /// numbers that `panels` name.
    pub(crate) fn new(total: u64, done: u64, panels: &'static [Panel], quiet: bool) -> Self {
        let bar = (!quiet && io::stdout().is_terminal() && io::stderr().is_terminal()).then(|| {
            let style = ProgressStyle::with_template("{bar:20.blue/dim} {prefix}\n{wide_msg}")
                .expect("the template is valid");
            let style = style.progress_chars("\u{2501}\u{2501}\u{2500}");
            ProgressBar::new(total).with_position(done).with_style(style)
        });
        Self { total, start: (done, Instant::now()), panels, quiet, bar, last: None }
    }

    /// Shows the numbers of the last step and the speed. Prints a line at the end of an epoch, even
    /// if the last line was printed recently.
    pub(crate) fn update(&mut self, run: &Training, images_per_second: f64, figures: &Figures) {
        let is_due = run.is_due(None) || self.last.is_none_or(|last| last.elapsed() >= LINE_EVERY);
        if self.quiet || self.bar.is_none() && !is_due {
            return;
        }
        let (pace, figures) = (self.pace(run.done, run.epoch(), images_per_second), self.figures(figures));
        match &self.bar {
            Some(bar) => {
                bar.set_position(run.done);
                bar.set_prefix(pace);
                bar.set_message(figures);
            }
            None => {
                self.last = Some(Instant::now());
                report::say(format_args!("{pace}  {figures}"));
            }
        }
    }

    /// Prints a line without disturbing the bar.
    pub(crate) fn say(&self, line: impl Display) {
        match &self.bar {
            _ if self.quiet => {}
            Some(bar) => bar.suspend(|| report::say(line)),
            None => report::say(line),
        }
    }

    /// Leaves the bar on the screen. Later lines appear below the bar.
    pub(crate) fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.abandon();
        }
    }

    /// Formats the position and the speed: "step 1,200/4,690  epoch 3  1,234 images/s  5m 49s
    /// left".
    fn pace(&self, step: u64, epoch: u64, images_per_second: f64) -> String {
        let (total, (first, started)) = (self.total, self.start);
        let speed = grouped(images_per_second.round() as u64);
        let pace = format!("step {}/{}  epoch {epoch}  {speed} images/s", grouped(step), grouped(total));
        let (done, left) = (step - first, total - step);
        if done == 0 || left == 0 {
            return pace;
        }
        let seconds = started.elapsed().as_secs_f64() * left as f64 / done as f64;
        match Duration::try_from_secs_f64(seconds) {
            Ok(left) => format!("{pace}  {} left", duration(left)),
            Err(_) => pace, // The remaining time does not fit a `Duration`.
        }
    }

    /// Formats the numbers that the panels name: "loss D 1.210  loss G 0.988".
    fn figures(&self, figures: &Figures) -> String {
        let shown = |curve: &Curve| Some(format!("{} {:.3}", curve.label, figures.get(curve.key)?));
        let curves = self.panels.iter().flat_map(|panel| panel.curves);
        curves.filter_map(shown).collect::<Vec<_>>().join("  ")
    }
}

/// Formats a duration: "45s", "3m 05s", "2h 10m".
pub(crate) fn duration(span: Duration) -> String {
    match span.as_secs_f64().round() as u64 {
        s @ 0..60 => format!("{s}s"),
        s @ 60..3600 => format!("{}m {:02}s", s / 60, s % 60),
        s => format!("{}h {:02}m", s / 3600, s % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::ADVERSARIAL;

    #[test]
    fn a_line_says_how_far_how_fast_how_well_and_how_long() {
        let figures = [("loss_d", 1.21), ("d_real", 0.61), ("hidden", 7.0), ("loss_g", 0.9876)].into();
        let progress = |total: u64, first: u64, seconds: u64| {
            let started = Instant::now().checked_sub(Duration::from_secs(seconds)).unwrap();
            Progress { start: (first, started), ..Progress::new(total, first, ADVERSARIAL, true) }
        };
        let pace = |progress: Progress| progress.pace(1200, 3, 1234.4);
        let expected = "step 1,200/4,690  epoch 3  1,234 images/s  5m 49s left";
        assert_eq!(pace(progress(4690, 200, 100)), expected);
        assert_eq!(pace(progress(1200, 200, 100)), "step 1,200/1,200  epoch 3  1,234 images/s");
        assert!(!pace(progress(u64::MAX, 1199, 1000)).contains("left"));
        let figures = progress(4690, 200, 100).figures(&figures);
        assert_eq!(figures, "loss D 1.210  loss G 0.988  D(x) 0.610");
    }

    #[test]
    fn spans_are_read_at_a_glance() {
        let text = |seconds| duration(Duration::from_secs_f64(seconds));
        assert_eq!([text(0.2), text(59.4), text(185.0), text(7800.0)], ["0s", "59s", "3m 05s", "2h 10m"]);
    }
}
