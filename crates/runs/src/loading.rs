//! Shows the progress of work before the first step, such as a download.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

use crate::report::note;

/// Minimum time before the first line and between two lines, if the output is not a terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// What the numbers of a [`Loading`] count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes of a transfer, whose rate is shown.
    Bytes,
    /// Images.
    Images,
}

/// The progress of loading: a bar on a terminal, otherwise a line every few seconds. Work that is
/// done sooner shows no line.
#[derive(Debug, Default)]
pub struct Loading {
    /// The bar on a terminal, and the name of the work that it shows.
    bar: Option<(String, ProgressBar)>,
    /// The times of the start and of the last line, if there is no bar.
    times: Option<(Instant, Instant)>,
}

impl Loading {
    /// Shows that `done` of `total` units of the work called `what` are done.
    pub fn show(&mut self, what: &str, [done, total]: [u64; 2], unit: Unit) {
        if io::stderr().is_terminal() {
            self.draw(what, [done, total], unit);
        } else {
            self.print(what, [done, total], unit);
        }
    }

    fn draw(&mut self, what: &str, [done, total]: [u64; 2], unit: Unit) {
        if self.bar.as_ref().is_none_or(|(shown, _)| shown != what) {
            let numbers = match unit {
                Unit::Bytes => "{bytes}/{total_bytes} {bytes_per_sec}",
                Unit::Images => "{human_pos}/{human_len}",
            };
            let style =
                ProgressStyle::with_template(&format!("{{bar:20.blue/dim}} {{msg}} {numbers} {{eta}} left"))
                    .expect("the template is valid");
            let bar = ProgressBar::new(total)
                .with_message(what.to_owned())
                .with_style(style.progress_chars("\u{2501}\u{2501}\u{2500}"));
            self.bar = Some((what.to_owned(), bar));
        }
        if let Some((_, bar)) = &self.bar {
            bar.set_position(done);
            if done >= total {
                bar.finish_and_clear();
            }
        }
    }

    fn print(&mut self, what: &str, [done, total]: [u64; 2], unit: Unit) {
        let now = Instant::now();
        let (start, last) = *self.times.get_or_insert((now, now));
        if done >= total {
            self.times = None;
        } else if now - last >= LINE_EVERY {
            self.times = Some((start, now));
            let line = match unit {
                Unit::Images => format!("{what}: {done} of {total}"),
                Unit::Bytes => {
                    let rate = done as f64 / (now - start).as_secs_f64();
                    let [done, total, rate] = [done, total, rate as u64].map(HumanBytes);
                    format!("{what}: {done} of {total} at {rate}/s")
                }
            };
            note(line);
        }
    }
}
