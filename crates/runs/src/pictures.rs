//! The list of the pictures that a run has drawn. The file pictures.txt has a line for each
//! picture, in the order of the steps.
//!
//! The list distinguishes the pictures of the run from files of the user. A picture is added to the
//! list before it is drawn, so no picture is missing from the list after a crash. Only listed
//! pictures are removed or shown in animations.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::image::Image;
use crate::output::{Described, Output, Training};
use crate::report::warn;
use crate::{Error, animation, disk};

/// One picture of a series.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Picture {
    series: String,
    epoch: u64,
    step: u64,
}

impl Picture {
    /// Returns the line of a picture, such as SERIES/epoch-0003-step-001407.png. If the names of a
    /// series are sorted, they are in the order of their steps.
    fn line(&self) -> String {
        format!("{}/epoch-{:04}-step-{:06}.png", self.series, self.epoch, self.step)
    }

    /// Parses a line. Returns `None` if the line is not exactly as [`line`](Self::line) writes it.
    fn of_line(line: &str) -> Option<Self> {
        let (series, file) = line.split_once('/')?;
        let (epoch, step) = file.strip_prefix("epoch-")?.strip_suffix(".png")?.split_once("-step-")?;
        let picture =
            Self { series: series.to_owned(), epoch: epoch.parse().ok()?, step: step.parse().ok()? };
        let is_exact = picture.line() == line && !["", ".", ".."].contains(&series);
        is_exact.then_some(picture)
    }
}

/// The list of the pictures of a run.
#[derive(Debug)]
pub(crate) struct Pictures {
    run: PathBuf,
    list: PathBuf,
    drawn: Vec<Picture>,
}

impl Pictures {
    /// Reads the list of a run. Invalid lines are ignored, such as an incomplete line after a
    /// crash.
    ///
    /// # Errors
    /// If the list exists but can't be read.
    pub(crate) fn open(run: &Path) -> Result<Self, Error> {
        let list = run.join("pictures.txt");
        let text = match fs::read(&list) {
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            text => text.map_err(Error::io("read", &list))?,
        };
        let text = String::from_utf8_lossy(&text);
        let whole = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
        let drawn = whole.filter_map(Picture::of_line).collect();
        Ok(Self { run: run.to_path_buf(), list, drawn })
    }

    /// Returns the names of the series, sorted.
    fn series(&self) -> BTreeSet<&str> {
        self.drawn.iter().map(|picture| picture.series.as_str()).collect()
    }

    /// Returns the existing files of a series, in the order of their steps.
    fn of(&self, series: &str) -> Vec<PathBuf> {
        let own = self.drawn.iter().filter(|picture| picture.series == series);
        own.map(|picture| self.run.join(picture.line())).filter(|file| file.is_file()).collect()
    }

    /// Returns the files in the list, and the file of the list itself.
    fn listed(&self) -> impl Iterator<Item = PathBuf> {
        let files = self.drawn.iter().map(|picture| self.run.join(picture.line()));
        files.chain([self.list.clone()])
    }

    /// Adds a picture to the list and creates its directory. Returns the path to write the picture
    /// to.
    ///
    /// # Errors
    /// If the list or the directory can't be written.
    fn add(&mut self, series: &str, epoch: u64, step: u64) -> Result<PathBuf, Error> {
        let picture = Picture { series: series.to_owned(), epoch, step };
        let file = self.run.join(picture.line());
        let directory = self.run.join(series);
        fs::create_dir_all(&directory).map_err(Error::io("create", &directory))?;
        if !self.drawn.contains(&picture) {
            let line = format!("{}\n", picture.line());
            let list = File::options().append(true).create(true).open(&self.list);
            list.and_then(|list| adjoint_files::append(&list, &self.list, line.as_bytes()))
                .map_err(Error::io("write", &self.list))?;
            self.drawn.push(picture);
        }
        Ok(file)
    }

    /// Removes the pictures that were drawn after a step. A run that resumes from an older
    /// checkpoint draws them again.
    ///
    /// # Errors
    /// If a file can't be removed or the list can't be written.
    fn forget_after(&mut self, step: u64) -> Result<(), Error> {
        for picture in self.drawn.iter().filter(|picture| picture.step > step) {
            let file = self.run.join(picture.line());
            adjoint_files::remove(&file).map_err(Error::io("remove", &file))?;
        }
        self.drawn.retain(|picture| picture.step <= step);
        let text: String = self.drawn.iter().map(|picture| picture.line() + "\n").collect();
        if fs::read(&self.list).is_ok_and(|old| old != text.as_bytes()) {
            disk::write_file(&self.list, |out| out.write_all(text.as_bytes()))?;
        }
        Ok(())
    }
}

impl Output for Pictures {
    fn files(&self, training: &Training) -> Vec<PathBuf> {
        let animations =
            self.series().into_iter().map(|series| training.run.file(&format!("{series}-animation.png")));
        self.listed().chain(animations).collect()
    }

    fn start(&mut self, training: &Training) -> Result<(), Error> {
        self.forget_after(training.done)
    }

    fn draw(&mut self, training: &Training, pictures: &[(&'static str, Image)]) -> Result<(), Error> {
        for (series, image) in pictures {
            image.write_png(&self.add(series, training.epoch(), training.done)?)?;
        }
        Ok(())
    }

    /// Writes an animation of each series.
    fn finish(&mut self, training: &Training) -> Result<Vec<Described>, Error> {
        let mut files = vec![];
        for series in self.series() {
            let frames = self.of(series);
            let Some(last) = frames.last().cloned() else { continue };
            files.push((last, format!("{series} at the end")));
            let path = training.run.file(&format!("{series}-animation.png"));
            match animation::write(&path, &frames) {
                Ok(()) => files.push((path, format!("{series} from the start"))),
                // The run does not fail if the user has changed a picture.
                Err(error @ Error::File { .. }) => {
                    warn(format_args!("no animation: {error}"));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_comes_back_in_the_order_of_the_steps() {
        let dir = tempfile::tempdir().unwrap();
        let mut pictures = Pictures::open(dir.path()).unwrap();
        assert!(pictures.series().is_empty());
        for (epoch, step) in [(1, 7), (2, 999_999), (3, 1_000_000), (3, 1_000_000)] {
            let file = pictures.add("samples", epoch, step).unwrap();
            fs::write(file, "").unwrap();
        }
        let shown = pictures.of("samples");
        assert_eq!(shown.len(), 3);
        fs::remove_file(&shown[1]).unwrap();
        assert_eq!(pictures.of("samples"), [shown[0].clone(), shown[2].clone()]);
        fs::write(&shown[1], "").unwrap();
        let again = Pictures::open(dir.path()).unwrap();
        assert_eq!((again.of("samples"), again.of("others").len()), (shown, 0));
    }

    /// A list that the user has edited can't name other files, and an incomplete line is dropped.
    #[test]
    fn only_names_of_pictures_are_taken_from_a_list() {
        let dir = tempfile::tempdir().unwrap();
        let own = "samples/epoch-0001-step-000010.png";
        let others = [
            "../samples/epoch-0001-step-000011.png",
            "../epoch-0001-step-000011.png",
            "/epoch-0001-step-000011.png",
            "samples/epoch-1-step-11.png",
            "samples/epoch-0001-step-000011.png.txt",
            "samples/sub/epoch-0001-step-000011.png",
            "config.toml",
            "",
        ];
        let torn = "samples/epoch-0001-step-000011.png";
        let text = format!("{own}\n{}\n{torn}", others.join("\n"));
        fs::write(dir.path().join("pictures.txt"), text).unwrap();
        let mut pictures = Pictures::open(dir.path()).unwrap();
        assert_eq!(pictures.listed().next(), Some(dir.path().join(own)));
        assert_eq!(pictures.series(), ["samples"].into());
        pictures.forget_after(10).unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("pictures.txt")).unwrap(), format!("{own}\n"));
    }
}
