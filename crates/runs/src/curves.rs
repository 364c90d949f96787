//! losses.svg: the logged figures as curves.

use std::path::PathBuf;

use crate::image::Image;
use crate::log::Line;
use crate::output::{Described, Output, Training};
use crate::plot::History;
use crate::{Error, disk};

/// Name of the file of the curves.
const NAME: &str = "losses.svg";

impl Output for History {
    fn files(&self, training: &Training) -> Vec<PathBuf> {
        vec![training.run.file(NAME)]
    }

    fn log(&mut self, line: &Line) -> Result<(), Error> {
        self.add(&line.record);
        Ok(())
    }

    fn draw(&mut self, training: &Training, _pictures: &[(&'static str, Image)]) -> Result<(), Error> {
        let svg = self.svg(&training.plan.title);
        disk::write_file(&training.run.file(NAME), |out| out.write_all(svg.as_bytes()))
    }

    fn finish(&mut self, training: &Training) -> Result<Vec<Described>, Error> {
        Ok(vec![(training.run.file(NAME), "curves".to_owned())])
    }
}
