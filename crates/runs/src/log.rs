//! metrics.jsonl: one JSON object per logged step, in the order of the steps.
//!
//! When a run is resumed, the lines of steps after the checkpoint are removed. So at the end the
//! file equals the file of an uninterrupted run, except for the timings. Each line is written by a
//! single call, and an incomplete last line is dropped. Lines are read once, when the file is
//! opened.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use crate::Error;
use crate::output::{Output, Training};

/// Named numbers of one step, such as losses, in the order in which they are shown and logged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures(Vec<(Cow<'static, str>, f64)>);

impl<const N: usize> From<[(&'static str, f64); N]> for Figures {
    fn from(figures: [(&'static str, f64); N]) -> Self {
        Self(figures.map(|(name, value)| (name.into(), value)).into())
    }
}

impl Figures {
    /// Appends a number with its name.
    pub fn push(&mut self, name: impl Into<Cow<'static, str>>, value: f64) {
        self.0.push((name.into(), value));
    }

    /// Appends the numbers of `others`.
    pub fn append(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Returns the names and values in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), *value))
    }

    /// Returns the number with this name.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.iter().find(|(own, _)| *own == name).map(|(_, value)| value)
    }

    /// Returns whether there are no numbers.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Formats each number as `,"name":value`, in the shortest form that parses to the same value.
    /// The values must be finite, because JSON has no infinities and no NaN.
    fn json(&self) -> String {
        let mut text = String::new();
        for (name, value) in self.iter() {
            assert!(value.is_finite(), "{name} = {value} can't be logged");
            // Most numbers were computed as f32. Their shortest form as f32 is enough.
            let single = value as f32;
            let number =
                if f64::from(single) == value { format!("{single:?}") } else { format!("{value:?}") };
            write!(text, r#","{name}":{number}"#).expect("writing to a string can't fail");
        }
        text
    }
}

/// Largest value of `seconds` that is accepted from a line: a hundred years.
const MOST_SECONDS: f64 = 100.0 * 365.0 * 86_400.0;

/// The numbers of one line of metrics.jsonl.
pub(crate) type Record = BTreeMap<String, f64>;

/// A line to be logged.
#[derive(Debug)]
pub(crate) struct Line {
    /// The text of the line, with its line break.
    pub(crate) text: String,
    /// The numbers parsed from `text`. A resumed run reads the same numbers, so it draws the same
    /// curves.
    pub(crate) record: Record,
}

impl Line {
    /// Creates the line of a step. The numbers must be finite, because JSON has no infinities and
    /// no NaN.
    pub(crate) fn new(step: u64, epoch: u64, figures: &Figures) -> Self {
        let text = format!("{{\"step\":{step},\"epoch\":{epoch}{}}}\n", figures.json());
        let record = serde_json::from_str(&text).expect("a line is a JSON object of numbers");
        Self { text, record }
    }
}

/// A summary of the lines that were kept when the file was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct LogState {
    /// `seconds` of the last line that has this key, or 0 if no line has it.
    pub(crate) seconds: f64,
    /// Whether the last step has a line of numbers that were measured at the end of an epoch.
    pub(crate) ends_epoch: bool,
}

/// The log file, open for appending.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    file: File,
}

impl Log {
    /// Opens the file, or creates it. Keeps the lines up to and including step `last`, and calls
    /// `keep` with each of them. Removes all later lines, even if they are unreadable. A power
    /// failure can leave unreadable lines after the last save, because only saved lines are
    /// durable.
    ///
    /// # Errors
    /// If the file is not a regular file, if it can't be read or written, or if an unreadable line
    /// is among the lines to keep.
    pub(crate) fn open(
        path: &Path,
        last: u64,
        mut keep: impl FnMut(&Record),
    ) -> Result<(Self, LogState), Error> {
        let options = File::options().read(true).append(true).create(true).clone();
        let file = options.open(path).map_err(Error::io("open", path))?;
        // Reading from a pipe would block forever.
        if !file.metadata().map_err(Error::io("read", path))?.is_file() {
            return Err(Error::file(path, "not a file"));
        }
        let (mut length, mut kept) = (0, LogState::default());
        let (mut lines, mut line, mut end) = (BufReader::new(&file), vec![], 0);
        // The number of the first unreadable line.
        let mut broken = None;
        for number in 1.. {
            line.clear();
            end += lines.read_until(b'\n', &mut line).map_err(Error::io("read", path))? as u64;
            if !line.ends_with(b"\n") {
                break; // the end of the file, or an incomplete line
            }
            let record: Option<Record> = serde_json::from_slice(&line).ok();
            let record = record.filter(|record| record.contains_key("step"));
            let step = record.as_ref().map_or_else(|| step_of(&line), |record| Some(record["step"]));
            if step.is_some_and(|step| step > last as f64) {
                break;
            }
            match record {
                Some(record) if broken.is_none() => {
                    length = end;
                    match record.get("seconds") {
                        Some(seconds) => kept.seconds = seconds.clamp(0.0, MOST_SECONDS),
                        None => kept.ends_epoch |= step.is_some_and(|step| step == last as f64),
                    }
                    keep(&record);
                }
                None if step.is_none() => _ = broken.get_or_insert(number),
                // An unreadable line of a step to keep, or an unreadable line before a line to
                // keep.
                _ => {
                    let number = broken.unwrap_or(number);
                    let problem =
                        format!("line {number} is not a JSON object of numbers; repair or delete it");
                    return Err(Error::file(path, problem));
                }
            }
        }
        file.set_len(length).map_err(Error::io("write", path))?;
        Ok((Self { path: path.to_path_buf(), file }, kept))
    }
}

impl Output for Log {
    fn log(&mut self, line: &Line) -> Result<(), Error> {
        adjoint_files::append(&self.file, &self.path, line.text.as_bytes())
            .map_err(Error::io("write", &self.path))
    }

    /// Syncs the lines so far to disk.
    fn save(&mut self, _training: &mut Training) -> Result<(), Error> {
        adjoint_files::sync(&self.file, &self.path).map_err(Error::io("write", &self.path))
    }
}

/// Returns the step of a line that is not a JSON object of numbers. Returns `None` if the step
/// can't be read.
fn step_of(line: &[u8]) -> Option<f64> {
    let step = line.strip_prefix(b"{\"step\":")?.split(|&byte| byte == b',').next()?;
    str::from_utf8(step).ok()?.parse().ok().filter(|&step| step >= 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// Opens a log, and also returns the records that were kept.
    fn open(path: &Path, last: u64) -> Result<(Log, LogState, Vec<Record>), Error> {
        let mut records = vec![];
        let (log, kept) = Log::open(path, last, |record| records.push(record.clone()))?;
        Ok((log, kept, records))
    }

    fn log_of(steps: u64, path: &Path) {
        let (mut log, ..) = open(path, 0).unwrap();
        for step in 1..=steps {
            let figures = [("loss", f64::from(0.1_f32)), ("seconds", step as f64 / 4.0)];
            log.log(&Line::new(step, 1, &figures.into())).unwrap();
        }
    }

    #[test]
    fn a_line_is_a_json_object_in_a_fixed_order() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.jsonl");
        log_of(2, &path);
        let (mut log, kept, _) = open(&path, 2).unwrap();
        assert_eq!(kept, LogState { seconds: 0.5, ends_epoch: false });
        let line = Line::new(3, 2, &[("loss", 1e-9), ("d_real", 2.0 / 3.0)].into());
        log.log(&line).unwrap();
        let expected = "{\"step\":1,\"epoch\":1,\"loss\":0.1,\"seconds\":0.25}\n\
                        {\"step\":2,\"epoch\":1,\"loss\":0.1,\"seconds\":0.5}\n\
                        {\"step\":3,\"epoch\":2,\"loss\":1e-9,\"d_real\":0.6666666666666666}\n";
        assert_eq!(fs::read_to_string(&path).unwrap(), expected);
        let (_, _, records) = open(&path, 3).unwrap();
        assert_eq!((records.len(), &records[2]), (3, &line.record));
        assert_eq!(line.record["d_real"], 2.0 / 3.0);
    }

    #[test]
    fn reopening_cuts_back_to_a_step() {
        let dir = tempfile::tempdir().unwrap();
        let (path, whole) = (dir.path().join("a.jsonl"), dir.path().join("b.jsonl"));
        log_of(7, &path);
        log_of(4, &whole);
        let (_, kept, _) = open(&path, 4).unwrap();
        assert_eq!(kept.seconds, 1.0);
        assert_eq!(fs::read(&path).unwrap(), fs::read(&whole).unwrap());
    }

    #[test]
    fn a_torn_last_line_is_dropped_and_a_bad_one_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.jsonl");
        log_of(3, &path);
        let whole = fs::read(&path).unwrap();
        let third = whole[..whole.len() - 1].iter().rposition(|&byte| byte == b'\n').unwrap() + 1;
        for end in third..whole.len() {
            fs::write(&path, &whole[..end]).unwrap();
            assert_eq!(open(&path, 99).unwrap().2.len(), 2, "cut at {end}");
            assert_eq!(fs::read(&path).unwrap(), whole[..third], "cut at {end}");
        }
        let damaged = String::from_utf8(whole).unwrap().replacen("{\"step\":2", "\"step\":2", 1);
        fs::write(&path, damaged).unwrap();
        let error = open(&path, 99).unwrap_err().to_string();
        assert!(error.contains("line 2 is not a JSON object"), "{error}");
    }

    /// Resume removes any lines after the checkpoint, but fails if a line to keep is unreadable.
    #[test]
    fn a_broken_line_behind_the_checkpoint_is_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.jsonl");
        log_of(6, &path);
        let whole = fs::read(&path).unwrap();
        let lines: Vec<&[u8]> = whole.split_inclusive(|&byte| byte == b'\n').collect();
        for (i, broken) in [
            (4, &b"{\"step\":5,\"loss\":nan}\n"[..]),
            (4, b"\0\0\0\0\n"),
            (4, b"\xff\n\n[]\n"),
            (5, b"{\"step\":6"),
            (4, b"\0\0\0\0"),
            (4, b"{\"step\":nan,\"loss\":1}\n"),
            (4, b"{\"step\":-3,\"loss\":nan}\n"),
            (4, b"{\"loss\":1}\n"),
        ] {
            let content = [&lines[..i].concat(), broken, &lines[i + 1..].concat()].concat();
            fs::write(&path, content).unwrap();
            let (_, kept, records) = open(&path, 4).unwrap();
            assert_eq!((kept.seconds, records.len()), (1.0, 4), "{}", String::from_utf8_lossy(broken));
            assert_eq!(fs::read(&path).unwrap(), lines[..4].concat());
        }
        // An unreadable line of a step to keep, or an unreadable line before a line to keep.
        for (i, broken) in
            [(3, &b"{\"step\":4,\"loss\":nan}\n"[..]), (2, b"\0\0\0\0\n"), (0, b"\n"), (1, b"[2]\n")]
        {
            let content = [&lines[..i].concat(), broken, &lines[i + 1..].concat()].concat();
            fs::write(&path, &content).unwrap();
            let error = open(&path, 4).unwrap_err().to_string();
            assert!(error.contains(&format!("line {} is not a JSON object", i + 1)), "{error}");
            assert_eq!(fs::read(&path).unwrap(), content, "nothing is lost");
        }
    }

    /// A time of more than a hundred years is limited, because it would not fit the clock.
    #[test]
    fn seconds_are_kept_within_reason() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.jsonl");
        for (seconds, kept) in [("-4", 0.0), ("1e300", MOST_SECONDS), ("7.5", 7.5)] {
            fs::write(&path, format!("{{\"step\":1,\"seconds\":{seconds}}}\n")).unwrap();
            assert_eq!(open(&path, 1).unwrap().1.seconds, kept);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_log_that_is_a_pipe_is_rejected() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.jsonl");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let error = open(&path, 1).unwrap_err().to_string();
        assert!(error.ends_with("metrics.jsonl: not a file"), "{error}");
    }
}
