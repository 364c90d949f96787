//! A latent variable model for the training loop: its data and noise in each step, its saved state,
//! its logged numbers and its pictures.

use crate::pictures::SAMPLES;
use crate::variational::{LatentModel, VariationalConfig, summary};
use crate::{Conditions, data, labels, limits, pictures};
use adjoint_data::{Batch, Batches, Dataset, PixelRange, Prefetch, Split};
use adjoint_nn::optim::Gradients;
use adjoint_nn::{Module, Tensor, Var};
use adjoint_runs::{
    BoxError, CommonArgs, Figures, Image, NamedTensors, Panel, Stop, Trainable, join_parts, plot, take_part,
};
use adjoint_variational::{Autoencoder, Decoder, Encoder};

/// Number of pairs in a picture. A pair is an input and its output.
const PAIRS: usize = 32;

/// A model with its data, in training.
pub struct VariationalTrainer<Q: Encoder<f32>, P: Decoder<f32>> {
    latent: LatentModel<Q, P>,
    batches: Prefetch,
    /// The training set and the test set, on which numbers are measured at the end of an epoch.
    sets: [Dataset; 2],
    common: CommonArgs,
}

/// The inputs of a training step.
struct Inputs {
    images: Tensor<f32>,
    /// One-hot rows, if the model is conditional.
    labels: Option<Tensor<f32>>,
    eps: Tensor<f32>,
    beta: f64,
}

impl<Q: Encoder<f32>, P: Decoder<f32>> VariationalTrainer<Q, P> {
    /// Returns the trainer of a model with these settings: its initial weights and its data.
    ///
    /// # Errors
    /// If flags contradict each other or the data can't be loaded.
    pub fn new<C: VariationalConfig<Encoder = Q, Decoder = P>>(config: &mut C) -> Result<Self, BoxError> {
        // Check the flags first: a wrong flag should fail before a download.
        limits::memory(summary(config)?.step_bytes)?;
        let (latent, common) = (LatentModel::new(config)?, config.common().clone());
        let sets = data::load_both_to_train(config.data_mut(), &common)?;
        let batches = Batches::new(sets[0].clone(), common.batch_size, common.seed, PixelRange::Unit)?;
        let batches = batches.with_flips(config.data().flip);
        Ok(Self { latent, batches: Prefetch::new(batches), sets, common })
    }

    /// Returns the images, the labels and the noise of a step, and the weight of the KL divergence.
    ///
    /// # Errors
    /// If the data cannot be read.
    fn inputs(&mut self, step: u64) -> Result<Inputs, BoxError> {
        let Batch { mut images, labels, indices, epoch } = self.batches.batch(step)?;
        let args = &self.latent.args;
        let eps = self.latent.noise("eps", step, indices.len() * args.k);
        let labels = self.classes().map(|classes| labels::one_hot(&labels, classes));
        self.latent.binarize(&mut images, (Split::Train, &indices), epoch);
        let warmup = args.kl_warmup.saturating_mul(self.steps_per_epoch());
        let beta = if warmup == 0 { args.beta } else { args.beta * (step as f64 / warmup as f64).min(1.0) };
        Ok(Inputs { images, labels, eps, beta })
    }

    /// Returns the number of classes, if the model is conditional.
    fn classes(&self) -> Option<usize> {
        self.latent.args.conditional.then(|| self.sets[0].classes().len())
    }
}

impl<Q: Encoder<f32>, P: Decoder<f32>> Trainable for VariationalTrainer<Q, P> {
    fn steps_per_epoch(&self) -> u64 {
        self.batches.steps_per_epoch()
    }

    fn interval(&self) -> u64 {
        limits::interval(self.steps_per_epoch())
    }

    fn images_per_step(&self) -> u64 {
        self.common.batch_size as u64
    }

    fn step(&mut self, step: u64) -> Result<Figures, BoxError> {
        let Inputs { images, labels, eps, beta } = self.inputs(step)?;
        let steps = self.common.total_steps(self.steps_per_epoch());
        let LatentModel { model, args, .. } = &mut self.latent;
        model.adam.set_lr(args.lr * args.lr_schedule.factor(step, steps));
        let report = model.step(images, labels, &eps, beta);
        let mut figures = Figures::from([
            ("loss", report.loss),
            ("reconstruction", report.reconstruction),
            ("gradient_encoder", report.gradient_encoder),
            ("gradient_decoder", report.gradient_decoder),
        ]);
        if !args.autoencoder {
            figures.push("kl", report.kl);
        }
        Ok(figures)
    }

    fn gradients(&mut self, step: u64) -> Result<NamedTensors, BoxError> {
        let Inputs { images, labels, eps, beta } = self.inputs(step)?;
        let (images, labels) = (Var::constant(images), labels.map(Var::constant));
        let model = &mut self.latent.model;
        // A forward pass updates the statistics of batch norm.
        let state = model.networks.state();
        let loss = model.loss(&images, labels.as_ref(), &eps, beta).loss;
        let gradients = Gradients::of(loss, &model.networks);
        model.networks.load_state(&state)?;
        let with_slash = |name: &str| name.replacen('.', "/", 1);
        Ok(gradients.iter().map(|(name, gradient)| (with_slash(name), gradient.clone())).collect())
    }

    fn epoch_figures(&mut self, _epoch: u64, stop: Stop) -> Result<Option<Figures>, BoxError> {
        let mut figures = Figures::default();
        // All test images, and the same number of training images.
        let images = self.sets[1].len().min(self.sets[0].len());
        for (set, name) in self.sets.iter().zip(["train", "test"]) {
            let range = 0..images.min(set.len());
            let Some(bound) = self.latent.bound(set, range, stop)? else { return Ok(None) };
            figures.push(format!("reconstruction_{name}"), -bound.log_likelihood());
            if !self.latent.args.autoencoder {
                figures.push(format!("elbo_{name}"), bound.elbo());
                figures.push(format!("kl_{name}"), bound.kl());
                figures.push(format!("active_units_{name}"), bound.active_units() as f64);
                for (j, kl) in bound.kl_by_dimension().into_iter().enumerate() {
                    figures.push(format!("kl_{name}_{j}"), kl);
                }
            }
        }
        Ok(Some(figures))
    }

    fn final_figures(&mut self, stop: Stop) -> Result<Option<Figures>, BoxError> {
        let Some(samples) = self.latent.args.nll_samples else { return Ok(Some(Figures::default())) };
        let set = &self.sets[1];
        let images = self.latent.args.nll_images.min(set.len());
        let (mut sum, mut squares) = (0.0, 0.0);
        for i in 0..images {
            let log_p = self.latent.log_likelihood(set, i, samples, stop)?;
            let Some(log_p) = log_p else { return Ok(None) };
            sum += log_p;
            squares += log_p * log_p;
        }
        let n = images as f64;
        let mut figures =
            Figures::from([("nll_test", -sum / n), ("nll_images", n), ("nll_samples", samples as f64)]);
        if images > 1 {
            // The standard error of the mean over images.
            let variance = (squares - sum * sum / n) / (n - 1.0);
            figures.push("nll_test_error", (variance.max(0.0) / n).sqrt());
        }
        Ok(Some(figures))
    }

    fn pictures(&mut self) -> Result<Vec<(&'static str, Image)>, BoxError> {
        let (z, classes, range) =
            (self.latent.noise("samples", 0, SAMPLES), self.classes(), PixelRange::Unit);
        let decode = |z: &_, labels: Conditions| self.latent.model.decode(z, labels);
        let samples = pictures::samples(&z, classes, range, decode);
        let pairs = PAIRS.min(self.sets[1].len());
        let (x, labels) = self.latent.images(&self.sets[1], 0..pairs)?;
        let mu = self.latent.model.encode(&x, labels.as_ref());
        let y = self.latent.model.decode(&mu, labels.as_ref());
        Ok(vec![("samples", samples), ("reconstructions", pictures::series(&[&x, &y], range))])
    }

    fn state(&self) -> NamedTensors {
        let Autoencoder { networks, adam, .. } = &self.latent.model;
        join_parts([("networks", networks.state()), ("adam", adam.state())])
    }

    fn load_state(&mut self, state: NamedTensors) -> Result<(), BoxError> {
        let Autoencoder { networks, adam, .. } = &mut self.latent.model;
        networks.load_state(&take_part(&state, "networks"))?;
        adam.load_state(&take_part(&state, "adam"))?;
        Ok(())
    }

    fn networks(&self) -> Vec<(&'static str, NamedTensors)> {
        let networks = &self.latent.model.networks;
        vec![("encoder", networks.encoder.state()), ("decoder", networks.decoder.state())]
    }

    fn panels(&self) -> &'static [Panel] {
        if self.latent.args.autoencoder { plot::RECONSTRUCTION } else { plot::VARIATIONAL }
    }

    fn records(&mut self) -> Vec<(&'static str, String)> {
        data::records(&self.sets[0])
    }

    fn sample_command(&self) -> Option<(&'static str, &'static str)> {
        let is_plane = self.latent.args.latent == 2;
        Some(if is_plane {
            ("the latent plane", "manifold")
        } else {
            ("one latent variable per row", "traverse")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{unreadable, vae};

    /// Training, measurements and pictures fail with the error of the dataset.
    #[test]
    fn an_image_that_cannot_be_read_is_an_error() {
        let flags = "train-vae --hidden 4 --image-size 16 --batch-size 8 --steps 1 --nll-samples 2";
        let mut settings: vae::Settings = adjoint_runs::parse(flags.split(' ')).expect("these are its flags");
        let mut trainer = VariationalTrainer::new(&mut settings).unwrap();
        trainer.sets = [Split::Train, Split::Test].map(unreadable::dataset);
        let batches = Batches::new(trainer.sets[0].clone(), 8, 1, PixelRange::Unit).unwrap();
        trainer.batches = Prefetch::new(batches);
        let fails = |error: BoxError| assert_eq!(error.to_string(), unreadable::SAID);
        fails(trainer.step(0).unwrap_err());
        fails(trainer.epoch_figures(1, &|| false).unwrap_err());
        fails(trainer.final_figures(&|| false).unwrap_err());
        fails(trainer.pictures().unwrap_err());
    }
}
