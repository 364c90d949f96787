//! The DCGAN in the hands of the training loop: which data and which noise a step sees, what is saved and shown.

use crate::settings::Settings;
use adjoint_data::{Batches, LastBatch, PixelRange, Prefetch, Split};
use adjoint_dcgan::{Architecture, Dcgan, training};
use adjoint_nn::{Ema, Mode, Module, Stream, Tensor, Var, no_grad};
use adjoint_train::{
    BoxError, Figures, Grid, Image, NamedTensors, Panel, Range, Trainable, join_parts, plot, take_part,
};
use adjoint_workbench::{data, limits};

/// Samples on a grid, 8 x 8 of them.
const SAMPLES: usize = 64;

pub(crate) struct Trainer {
    model: Dcgan<f32>,
    ema: Option<Ema<f32>>,
    batches: Prefetch,
    architecture: Architecture,
    settings: Settings,
}

impl Trainer {
    /// The model with its first weights, and its data.
    ///
    /// # Errors
    /// If flags contradict each other or the data can't be had.
    pub(crate) fn new(settings: &Settings) -> Result<Self, BoxError> {
        // Sizes first: a wrong flag should not cost a download.
        settings.architecture(1)?;
        let common = &settings.common;
        let dataset = data::load(common, Split::Train)?;
        let architecture = settings.architecture(dataset.channels())?;
        let batches =
            Batches::new(dataset, common.batch_size, common.seed, LastBatch::Drop, PixelRange::Symmetric)?;
        let epoch = batches.steps_per_epoch();
        if settings.d_steps as u64 > epoch {
            return Err(format!(
                "--d-steps {}: an epoch has only {epoch} batches; take fewer steps or a smaller --batch-size",
                settings.d_steps
            )
            .into());
        }
        limits::memory(architecture.step_bytes(common.batch_size))?;
        let model = Dcgan::new(&architecture, training_settings(settings), common.seed);
        let ema = (settings.ema > 0.0).then(|| Ema::new(&model.generator, settings.ema));
        Ok(Self { model, ema, batches: Prefetch::new(batches), architecture, settings: settings.clone() })
    }
}

/// z uniform on [-1, 1), number `index` of its purpose. (batch, latent).
fn noise(seed: u64, purpose: &str, index: u64, shape: [usize; 2]) -> Tensor<f32> {
    Stream::new(seed, purpose, index).uniform_tensor(shape, -1.0, 1.0)
}

impl Trainable for Trainer {
    /// As many as have whole rounds of D in one pass through the data.
    fn steps_per_epoch(&self) -> u64 {
        self.batches.steps_per_epoch() / self.settings.d_steps as u64
    }

    fn images_per_step(&self) -> u64 {
        (self.settings.common.batch_size * self.settings.d_steps) as u64
    }

    fn step(&mut self, step: u64) -> Result<Figures, BoxError> {
        let (k, batch, latent) =
            (self.settings.d_steps as u64, self.settings.common.batch_size, self.architecture.latent);
        let (batches, seed) = (&mut self.batches, self.settings.common.seed);
        // Made when D asks for them: k batches never exist together.
        let rounds = (step * k..(step + 1) * k)
            .map(|i| (batches.batch(i).images, noise(seed, "noise", i, [batch, latent])));
        let report = self.model.step(rounds);
        if let Some(ema) = &mut self.ema {
            ema.update(&self.model.generator);
        }
        let training::Report { loss_d, loss_g, d_real, d_fake } = report;
        Ok([("loss_d", loss_d), ("loss_g", loss_g), ("d_real", d_real), ("d_fake", d_fake)].into())
    }

    fn pictures(&mut self) -> Vec<(&'static str, Image)> {
        let z = Var::constant(noise(
            self.settings.common.seed,
            "samples",
            0,
            [SAMPLES, self.architecture.latent],
        ));
        let generator = &mut self.model.generator;
        let images = no_grad(|| match &mut self.ema {
            Some(ema) => ema.with(generator, |g| g.forward(&z, Mode::Eval)),
            None => generator.forward(&z, Mode::Eval),
        });
        let grid = Grid::square(SAMPLES, self.architecture.image_size);
        vec![("samples", grid.draw(images.value(), Range::Signed))]
    }

    fn state(&self) -> NamedTensors {
        let model = &self.model;
        let parts = [
            ("generator", model.generator.state()),
            ("discriminator", model.discriminator.state()),
            ("adam_g", model.adam_g.state()),
            ("adam_d", model.adam_d.state()),
        ];
        join_parts(parts.into_iter().chain(self.ema.as_ref().map(|ema| ("ema", ema.state()))))
    }

    fn load_state(&mut self, state: NamedTensors) -> Result<(), BoxError> {
        let part = |part| take_part(&state, part);
        self.model.generator.load_state(&part("generator"))?;
        self.model.discriminator.load_state(&part("discriminator"))?;
        self.model.adam_g.load_state(&part("adam_g"))?;
        self.model.adam_d.load_state(&part("adam_d"))?;
        if let Some(ema) = &mut self.ema {
            ema.load_state(&part("ema"))?;
        }
        Ok(())
    }

    fn networks(&self) -> Vec<(&'static str, NamedTensors)> {
        let mut networks = vec![
            ("generator", self.model.generator.state()),
            ("discriminator", self.model.discriminator.state()),
        ];
        networks.extend(self.ema.as_ref().map(|ema| ("generator_ema", ema.average().clone())));
        networks
    }

    fn panels(&self) -> &'static [Panel] {
        plot::ADVERSARIAL
    }
}

fn training_settings(settings: &Settings) -> training::Settings {
    let &Settings { loss, lr, width, beta1, label_smoothing, .. } = settings;
    training::Settings { loss, lr: training::step_size(lr, width), beta1, label_smoothing }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[test]
    fn networks_of_every_width_take_the_step_that_suits_them() {
        let lr = |flags: &[&str]| {
            let arguments = ["train-dcgan"].iter().chain(flags);
            training_settings(&Settings::parse_from(arguments)).lr
        };
        assert_eq!(lr(&[]), 1.6e-3);
        assert_eq!(lr(&["--width", "128"]), 2e-4);
        assert_eq!(lr(&["--width", "64", "--lr", "0.001"]), 2e-3);
    }
}
