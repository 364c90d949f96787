//! losses.svg: the log as curves.

use std::path::PathBuf;

use crate::image::Image;
use crate::log::{Line, Record};
use crate::output::{Described, Output, Training};
use crate::plot::{History, Panel};
use crate::{Error, disk};

/// The curves of a run. They show each line of the log so far.
#[derive(Debug)]
pub(crate) struct Curves(History);

impl Curves {
    /// The curves of a run with an empty log.
    pub(crate) fn new(panels: &'static [Panel]) -> Self {
        Self(History::new(panels))
    }

    /// Adds a line that an earlier process logged.
    pub(crate) fn add(&mut self, record: &Record) {
        self.0.add(record);
    }
}

impl Output for Curves {
    fn files(&self, training: &Training) -> Vec<PathBuf> {
        vec![training.run.plot()]
    }

    fn log(&mut self, line: &Line) -> Result<(), Error> {
        self.0.add(&line.record);
        Ok(())
    }

    fn draw(&mut self, training: &Training, _pictures: &[(&'static str, Image)]) -> Result<(), Error> {
        let svg = self.0.draw(&training.plan.title);
        disk::write_file(&training.run.plot(), |out| out.write_all(svg.as_bytes()))
    }

    fn finish(&mut self, training: &Training) -> Result<Vec<Described>, Error> {
        Ok(vec![(training.run.plot(), "curves".to_owned())])
    }
}
