//! What a run writes while it goes on: progress, metrics, pictures, curves, checkpoints, weights.

use super::{Session, failed};
use crate::checkpoint::Snapshot;
use crate::log::Figures;
use crate::progress::Status;
use crate::{Error, Trainable, disk, weights};

impl<T: Trainable> Session<T> {
    /// For the eye.
    pub(super) fn show(&mut self, figures: &Figures, always: bool) {
        let (step, epoch) = (self.done, self.plan.epoch(self.done));
        let status = Status { step, epoch, images_per_second: self.images_per_second(), figures };
        self.progress.update(&status, always);
    }

    fn images_per_second(&self) -> f64 {
        self.clock.steps_per_second() * self.trainer.images_per_step() as f64
    }

    /// For metrics.jsonl.
    pub(super) fn log(&mut self, mut figures: Figures) -> Result<(), Error> {
        figures.push("images_per_second", (self.images_per_second() * 10.0).round() / 10.0);
        figures.push("seconds", (self.clock.seconds() * 1000.0).round() / 1000.0);
        self.clock.lap();
        self.append(&figures)
    }

    fn append(&mut self, figures: &Figures) -> Result<(), Error> {
        let record = self.log.append(self.done, self.plan.epoch(self.done), figures)?;
        self.history.add(&record);
        Ok(())
    }

    /// What was measured of the epoch that ends here. False if it was stopped on the way.
    pub(super) fn log_epoch(&mut self) -> Result<bool, Error> {
        let (epoch, stop) = (self.plan.epoch(self.done), &self.stop);
        let figures = self.trainer.epoch_figures(epoch, &|| stop.is_raised()).map_err(failed(self.done))?;
        let Some(figures) = figures else { return Ok(false) };
        self.refuse_infinities(&figures)?;
        if !figures.is_empty() {
            self.append(&figures)?;
        }
        Ok(true)
    }

    /// The sample grids and the curves so far.
    pub(super) fn draw(&mut self) -> Result<(), Error> {
        for (name, image) in self.trainer.pictures() {
            let path = self.pictures.add(name, self.plan.epoch(self.done), self.done)?;
            image.write_png(&path)?;
        }
        self.plot()
    }

    /// The curves so far.
    pub(super) fn plot(&self) -> Result<(), Error> {
        let svg = self.history.draw(&self.plan.title);
        disk::write_file(&self.run.plot(), |out| out.write_all(svg.as_bytes()))
    }

    /// A checkpoint, and the networks for other programs. Refuses to replace a good checkpoint by a bad one.
    pub(super) fn save(&mut self) -> Result<(), Error> {
        let tensors = self.trainer.state();
        for (name, tensor) in &tensors {
            if let Some(&value) = tensor.data().iter().find(|value| !value.is_finite()) {
                return Err(self.not_finite(format!("the state `{name}`"), f64::from(value)));
            }
        }
        self.log.sync()?;
        let (model, config) = (self.plan.model.to_owned(), self.plan.config.clone());
        self.checkpoints.save(&Snapshot { model, step: self.done, config, tensors })?;
        self.saved = Some(self.done);
        self.export()
    }

    /// The networks for other programs.
    pub(super) fn export(&self) -> Result<(), Error> {
        for (name, network) in self.trainer.networks() {
            weights::export(&self.run.weights(name), Some(self.done), &network)?;
        }
        Ok(())
    }

    /// Training that left the finite numbers does not come back.
    pub(super) fn refuse_infinities(&self, figures: &Figures) -> Result<(), Error> {
        match figures.iter().find(|(_, value)| !value.is_finite()) {
            Some((name, value)) => Err(self.not_finite(name.to_owned(), value)),
            None => Ok(()),
        }
    }

    fn not_finite(&self, what: String, value: f64) -> Error {
        let good = match self.saved {
            Some(step) => format!("{} still holds step {step}", self.checkpoints.path().display()),
            None => "no checkpoint had been saved".to_owned(),
        };
        let advice = format!("{good}; a new run with a lower learning rate may go further");
        Error::NotFinite { what, value, step: self.done, advice }
    }
}
