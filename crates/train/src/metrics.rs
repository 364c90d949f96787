//! metrics.jsonl: one JSON object per logged step, in the order of the steps.
//!
//! On resume the file is cut back to the checkpoint, so that it ends up equal to that of an uninterrupted run (the
//! timings apart). Each line is written by a single call; one that a crash tore is dropped.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::Error;

/// Named numbers of one step, in the order in which they are shown and logged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures(Vec<(Cow<'static, str>, f64)>);

impl<const N: usize> From<[(&'static str, f64); N]> for Figures {
    fn from(figures: [(&'static str, f64); N]) -> Self {
        Self(figures.map(|(name, value)| (name.into(), value)).into())
    }
}

impl Figures {
    /// Adds one behind the others.
    pub fn push(&mut self, name: impl Into<Cow<'static, str>>, value: f64) {
        self.0.push((name.into(), value));
    }

    /// Adds others behind these.
    pub fn append(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Names and values in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), *value))
    }

    /// The value of that name.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.iter().find(|(own, _)| *own == name).map(|(_, value)| value)
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// ,"name":value for each, in the shortest form that reads back the same. They must be finite: JSON has no others.
    fn json(&self) -> String {
        let mut text = String::new();
        for (name, value) in self.iter() {
            assert!(value.is_finite(), "{name} = {value} is not for the log");
            // Most figures were f32: their own shortest form says it all.
            let single = value as f32;
            let number =
                if f64::from(single) == value { format!("{single:?}") } else { format!("{value:?}") };
            write!(text, r#","{name}":{number}"#).expect("a string takes everything");
        }
        text
    }
}

/// One line of the file.
pub(crate) type Record = BTreeMap<String, f64>;

/// What the lines that were kept say of the run so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Kept {
    /// `seconds` of the last line of a step, 0 if there is none.
    pub(crate) seconds: f64,
    /// Is there a line of what was measured at the end of an epoch, at the last step?
    pub(crate) ends_epoch: bool,
}

/// The file, open for appending.
#[derive(Debug)]
pub(crate) struct MetricsLog {
    path: PathBuf,
    file: File,
}

impl MetricsLog {
    /// Opens the file, creating it if need be, and keeps its lines up to and including step `last`.
    ///
    /// # Errors
    /// If the file can't be read or written, or a line other than the last isn't a metrics line.
    pub(crate) fn open(path: &Path, last: u64) -> Result<(Self, Kept), Error> {
        let options = File::options().append(true).create(true).clone();
        let file = options.open(path).map_err(Error::io("open", path))?;
        let (mut length, mut kept) = (0, Kept::default());
        for (end, record) in lines(path)? {
            if record.get("step").is_some_and(|&step| step > last as f64) {
                break;
            }
            length = end;
            match record.get("seconds") {
                Some(&seconds) => kept.seconds = seconds,
                None => kept.ends_epoch |= record.get("step").is_some_and(|&step| step == last as f64),
            }
        }
        file.set_len(length).map_err(Error::io("write", path))?;
        Ok((Self { path: path.to_path_buf(), file }, kept))
    }

    /// Appends a line. The figures must be finite: JSON has no others.
    ///
    /// # Errors
    /// If the disk is full or the file can't be written.
    pub(crate) fn append(&mut self, step: u64, epoch: u64, figures: &Figures) -> Result<(), Error> {
        let line = line(step, epoch, figures);
        adjoint_files::append(&self.file, &self.path, line.as_bytes()).map_err(Error::io("write", &self.path))
    }

    /// Makes the lines so far durable.
    ///
    /// # Errors
    /// If the system can't.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        adjoint_files::sync(&self.file, &self.path).map_err(Error::io("write", &self.path))
    }
}

/// A line of the file.
pub(crate) fn line(step: u64, epoch: u64, figures: &Figures) -> String {
    format!("{{\"step\":{step},\"epoch\":{epoch}{}}}\n", figures.json())
}

/// All lines of a metrics file.
///
/// # Errors
/// If the file can't be read, or a line other than the last isn't a metrics line.
pub(crate) fn read(path: &Path) -> Result<Vec<Record>, Error> {
    Ok(lines(path)?.into_iter().map(|(_, record)| record).collect())
}

/// The whole lines, each with the offset of its end.
fn lines(path: &Path) -> Result<Vec<(u64, Record)>, Error> {
    let text = match fs::read(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        text => text.map_err(Error::io("read", path))?,
    };
    let mut lines = Vec::new();
    let mut end = 0;
    for (i, line) in text.split_inclusive(|&byte| byte == b'\n').enumerate() {
        end += line.len();
        match serde_json::from_slice(line) {
            Ok(record) if line.ends_with(b"\n") => lines.push((end as u64, record)),
            // Torn by a crash.
            _ if end == text.len() => break,
            _ => {
                let problem = format!("line {} is not a JSON object of numbers; repair or delete it", i + 1);
                return Err(Error::Unreadable { path: path.to_path_buf(), problem });
            }
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_of(steps: u64, path: &Path) {
        let (mut log, _) = MetricsLog::open(path, 0).unwrap();
        for step in 1..=steps {
            let figures = [("loss", f64::from(0.1_f32)), ("seconds", step as f64 / 4.0)];
            log.append(step, 1, &figures.into()).unwrap();
        }
    }

    #[test]
    fn a_line_is_a_json_object_in_a_fixed_order() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.jsonl");
        log_of(2, &path);
        let (mut log, kept) = MetricsLog::open(&path, 2).unwrap();
        assert_eq!(kept, Kept { seconds: 0.5, ends_epoch: false });
        log.append(3, 2, &[("loss", 1e-9), ("d_real", 2.0 / 3.0)].into()).unwrap();
        let expected = "{\"step\":1,\"epoch\":1,\"loss\":0.1,\"seconds\":0.25}\n\
                        {\"step\":2,\"epoch\":1,\"loss\":0.1,\"seconds\":0.5}\n\
                        {\"step\":3,\"epoch\":2,\"loss\":1e-9,\"d_real\":0.6666666666666666}\n";
        assert_eq!(fs::read_to_string(&path).unwrap(), expected);
        let records = read(&path).unwrap();
        assert_eq!((records.len(), records[2]["d_real"]), (3, 2.0 / 3.0));
    }

    #[test]
    fn reopening_cuts_back_to_a_step() {
        let dir = tempfile::tempdir().unwrap();
        let (path, whole) = (dir.path().join("a.jsonl"), dir.path().join("b.jsonl"));
        log_of(7, &path);
        log_of(4, &whole);
        let (_, kept) = MetricsLog::open(&path, 4).unwrap();
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
            assert_eq!(read(&path).unwrap().len(), 2, "cut at {end}");
            MetricsLog::open(&path, 99).unwrap();
            assert_eq!(fs::read(&path).unwrap(), whole[..third], "cut at {end}");
        }
        let damaged = String::from_utf8(whole).unwrap().replacen("{\"step\":2", "\"step\":2", 1);
        fs::write(&path, damaged).unwrap();
        let error = MetricsLog::open(&path, 99).unwrap_err().to_string();
        assert!(error.contains("line 2 is not a JSON object"), "{error}");
    }
}
