//! Shows the progress of a run: a bar on a terminal, else a line every few seconds. Shows nothing
//! with --quiet.

use std::fmt::Display;
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::log::Figures;
use crate::plot::Panel;
use crate::report;
use crate::summary::grouped;

/// Minimum time between two lines if the output is not a terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// The state of a run to show.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Status<'a> {
    /// Number of steps done.
    pub step: u64,
    /// The epoch of the last step, counted from 1.
    pub epoch: u64,
    /// The current speed in images per second.
    pub images_per_second: f64,
    /// The figures of the last step.
    pub figures: &'a Figures,
}

/// The progress display of a run.
#[derive(Debug)]
pub(crate) struct Progress {
    total: u64,
    /// Step and time at which this process started.
    start: (u64, Instant),
    labels: Vec<(&'static str, &'static str)>,
    output: Output,
}

#[derive(Debug)]
enum Output {
    Silent,
    Bar(ProgressBar),
    Lines { last: Option<Instant> },
}

impl Progress {
    /// Creates the display of a run of `total` steps, of which `done` are done. It shows the
    /// figures of `panels`.
    pub(crate) fn new(total: u64, done: u64, panels: &[Panel], quiet: bool) -> Self {
        let output = if quiet {
            Output::Silent
        } else if io::stdout().is_terminal() && io::stderr().is_terminal() {
            let style = ProgressStyle::with_template("{bar:20.blue/dim} {prefix}\n{wide_msg}")
                .expect("the template is valid");
            let bar = ProgressBar::new(total)
                .with_position(done)
                .with_style(style.progress_chars("\u{2501}\u{2501}\u{2500}"));
            Output::Bar(bar)
        } else {
            Output::Lines { last: None }
        };
        let labels =
            panels.iter().flat_map(|panel| panel.curves).map(|curve| (curve.key, curve.label)).collect();
        Self { total, start: (done, Instant::now()), labels, output }
    }

    /// Shows the state after a step. With `always`, prints a line even if the last line was printed
    /// recently.
    pub(crate) fn update(&mut self, status: &Status, always: bool) {
        match &mut self.output {
            Output::Silent => {}
            Output::Bar(bar) => {
                bar.set_position(status.step);
                bar.set_prefix(pace(self.total, self.start, status));
                bar.set_message(figures(&self.labels, status));
            }
            Output::Lines { last } => {
                if always || last.is_none_or(|last| last.elapsed() >= LINE_EVERY) {
                    *last = Some(Instant::now());
                    let (pace, figures) =
                        (pace(self.total, self.start, status), figures(&self.labels, status));
                    report::say(format_args!("{pace}  {figures}"));
                }
            }
        }
    }

    /// Prints a line without disturbing the bar.
    pub(crate) fn say(&self, line: impl Display) {
        match &self.output {
            Output::Silent => {}
            Output::Bar(bar) => bar.suspend(|| report::say(line)),
            Output::Lines { .. } => report::say(line),
        }
    }

    /// Leaves the bar on the screen. Later lines appear below the bar.
    pub(crate) fn finish(&mut self) {
        if let Output::Bar(bar) = &self.output {
            bar.abandon();
            self.output = Output::Lines { last: None };
        }
    }
}

/// Formats the position and the speed: "step 1,200/4,690  epoch 3  1,234 images/s  5m 49s left".
fn pace(total: u64, (first, started): (u64, Instant), status: &Status) -> String {
    let step = format!("step {}/{}", grouped(status.step), grouped(total));
    let speed = grouped(status.images_per_second.round() as u64);
    let pace = format!("{step}  epoch {}  {speed} images/s", status.epoch);
    let (done, left) = (status.step - first, total - status.step);
    if done == 0 || left == 0 {
        return pace;
    }
    let seconds = started.elapsed().as_secs_f64() * left as f64 / done as f64;
    match Duration::try_from_secs_f64(seconds) {
        Ok(left) => format!("{pace}  {} left", duration(left)),
        Err(_) => pace, // The remaining time does not fit a `Duration`.
    }
}

/// Formats the figures: "loss D 1.210  loss G 0.988".
fn figures(labels: &[(&str, &str)], status: &Status) -> String {
    let value = |key: &str| status.figures.get(key);
    let shown = labels.iter().filter_map(|(key, label)| Some(format!("{label} {:.3}", value(key)?)));
    shown.collect::<Vec<_>>().join("  ")
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
        let status = Status { step: 1200, epoch: 3, images_per_second: 1234.4, figures: &figures };
        let started = Instant::now().checked_sub(Duration::from_secs(100)).unwrap();
        let expected = "step 1,200/4,690  epoch 3  1,234 images/s  5m 49s left";
        assert_eq!(pace(4690, (200, started), &status), expected);
        assert_eq!(pace(1200, (200, started), &status), "step 1,200/1,200  epoch 3  1,234 images/s");
        let endless = Instant::now().checked_sub(Duration::from_secs(1000)).unwrap();
        assert!(!pace(u64::MAX, (1199, endless), &status).contains("left"));
        let labels = Progress::new(4690, 200, ADVERSARIAL, true).labels;
        assert_eq!(super::figures(&labels, &status), "loss D 1.210  loss G 0.988  D(x) 0.610");
    }

    #[test]
    fn spans_are_read_at_a_glance() {
        let text = |seconds| duration(Duration::from_secs_f64(seconds));
        assert_eq!([text(0.2), text(59.4), text(185.0), text(7800.0)], ["0s", "59s", "3m 05s", "2h 10m"]);
    }
}
