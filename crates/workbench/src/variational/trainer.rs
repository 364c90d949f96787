//! Any model with latent variables in the hands of the training loop: which data and which noise a step sees, what is saved, measured
//! and shown.

use crate::variational::{MEASURED, VariationalArgs};
use crate::{below, data, labels, limits, sample_command};
use adjoint_data::{Batch, Batches, Dataset, LastBatch, PixelRange, Prefetch, Split};
use adjoint_nn::{Module, Stream, Tensor};
use adjoint_train::{
    BoxError, CommonArgs, Figures, Grid, Image, NamedTensors, Panel, Range, Trainable, join_parts, plot,
    take_part,
};
use adjoint_variational::{Autoencoder, BoundSummary, Decoder, Encoder};

/// Samples on a grid, 8 x 8 of them, and pairs of input and output on another of that size.
const SAMPLES: usize = 64;
const PAIRS: usize = 32;
/// Images that are measured at once, and samples of z, at most: fewer where images are large.
const CHUNK: usize = 500;
const MOST_SAMPLES: usize = 5_000;

/// A model in training with its data.
pub struct VariationalTrainer<Q: Encoder<f32>, P: Decoder<f32>> {
    model: Autoencoder<f32, Q, P>,
    batches: Prefetch,
    /// The training and the test set, to measure on.
    sets: [Dataset; 2],
    args: VariationalArgs,
    common: CommonArgs,
}

impl<Q: Encoder<f32>, P: Decoder<f32>> VariationalTrainer<Q, P> {
    /// A model with its data.
    ///
    /// # Errors
    /// If the data can't be had.
    pub fn new(
        model: Autoencoder<f32, Q, P>,
        args: &VariationalArgs,
        common: &CommonArgs,
    ) -> Result<Self, BoxError> {
        let sets = [data::load(common, Split::Train)?, data::load(common, Split::Test)?];
        let train = sets[0].clone();
        let batches = Batches::new(train, common.batch_size, common.seed, LastBatch::Drop, PixelRange::Unit)?;
        Ok(Self { model, batches: Prefetch::new(batches), sets, args: args.clone(), common: common.clone() })
    }

    /// N(0, 1) numbers, number `index` of their purpose.
    fn noise(&self, purpose: &str, index: u64, rows: usize) -> Tensor<f32> {
        noise(self.common.seed, self.args.latent, purpose, index, rows)
    }

    /// One-hot rows of labels, if the model is conditional.
    fn labels(&self, labels: &[usize]) -> Option<Tensor<f32>> {
        let classes = self.sets[0].classes().len();
        self.args.conditional.then(|| labels::one_hot(labels, classes))
    }

    /// Images of a set, from the first on, with labels and as the model sees them in measurements: always alike.
    fn measured(&self, set: &Dataset, range: std::ops::Range<usize>) -> (Tensor<f32>, Option<Tensor<f32>>) {
        let indices: Vec<usize> = range.collect();
        let mut images = set.images(&indices, PixelRange::Unit);
        self.args.binarize(self.common.seed, &mut images, (set.split(), &indices), MEASURED);
        let labels: Vec<usize> = indices.iter().map(|&i| usize::from(set.labels()[i])).collect();
        (images, self.labels(&labels))
    }

    /// The bound on the first images of a set: all of the test set, and as many to train with.
    fn bound(&mut self, set: usize) -> BoundSummary {
        let (set, images) = (self.sets[set].clone(), self.sets[1].len().min(self.sets[set].len()));
        let mut summary = BoundSummary::default();
        let chunk = limits::chunk(CHUNK, set.image_len());
        for start in (0..images).step_by(chunk) {
            let (x, labels) = self.measured(&set, start..(start + chunk).min(images));
            let eps = self.noise(&format!("bound/{}", set.split()), start as u64, x.dims()[0]);
            summary.add(&self.model.bound(&x, labels.as_ref(), &eps));
        }
        summary
    }
}

fn noise(seed: u64, latent: usize, purpose: &str, index: u64, rows: usize) -> Tensor<f32> {
    Stream::new(seed, purpose, index).normal_tensor([rows, latent], 0.0, 1.0)
}

impl<Q: Encoder<f32>, P: Decoder<f32>> Trainable for VariationalTrainer<Q, P> {
    fn steps_per_epoch(&self) -> u64 {
        self.batches.steps_per_epoch()
    }

    fn images_per_step(&self) -> u64 {
        self.common.batch_size as u64
    }

    fn step(&mut self, step: u64) -> Result<Figures, BoxError> {
        let Batch { mut images, labels, indices, epoch } = self.batches.batch(step);
        self.args.binarize(self.common.seed, &mut images, (Split::Train, &indices), epoch);
        let warmup = self.args.kl_warmup.saturating_mul(self.steps_per_epoch()).max(1);
        let beta = self.args.beta * (step as f64 / warmup as f64).min(1.0);
        let beta = if self.args.kl_warmup == 0 { self.args.beta } else { beta };
        let schedule = self.args.lr_schedule.over(self.common.total_steps(self.steps_per_epoch()));
        self.model.adam.set_lr(self.args.lr * schedule.factor(step));
        let (labels, eps) = (self.labels(&labels), self.noise("eps", step, indices.len() * self.args.k));
        let report = self.model.step(images, labels, &eps, beta);
        Ok([("loss", report.loss), ("reconstruction", report.reconstruction), ("kl", report.kl)].into())
    }

    fn epoch_figures(&mut self, _epoch: u64) -> Result<Figures, BoxError> {
        let mut figures = Figures::default();
        for (set, name) in ["train", "test"].into_iter().enumerate() {
            let bound = self.bound(set);
            figures.push(format!("reconstruction_{name}"), -bound.log_likelihood());
            if !self.args.autoencoder {
                figures.push(format!("elbo_{name}"), bound.elbo());
                figures.push(format!("kl_{name}"), bound.kl());
                figures.push(format!("active_units_{name}"), bound.active_units() as f64);
                for (j, kl) in bound.kl_by_dimension().into_iter().enumerate() {
                    figures.push(format!("kl_{name}_{j}"), kl);
                }
            }
        }
        Ok(figures)
    }

    fn final_figures(&mut self) -> Result<Figures, BoxError> {
        let Some(samples) = self.args.nll_samples else { return Ok(Figures::default()) };
        let set = self.sets[1].clone();
        let images = self.args.nll_images.min(set.len());
        let mut sum = 0.0;
        for i in 0..images {
            let (x, labels) = self.measured(&set, i..i + 1);
            let (seed, latent) = (self.common.seed, self.args.latent);
            let most = limits::chunk(MOST_SAMPLES, set.image_len());
            let rounds = (0..samples).step_by(most).map(|from| {
                let rows = most.min(samples - from);
                noise(seed, latent, &format!("nll/{i}"), from as u64, rows)
            });
            sum += self.model.log_likelihood(&x, labels.as_ref(), rounds)[0];
        }
        Ok([
            ("nll_test", -sum / images as f64),
            ("nll_images", images as f64),
            ("nll_samples", samples as f64),
        ]
        .into())
    }

    fn pictures(&mut self) -> Vec<(&'static str, Image)> {
        let size = self.common.image_size;
        let classes: Vec<usize> = (0..SAMPLES).map(|i| i / 8 % self.sets[0].classes().len()).collect();
        let (z, labels) = (self.noise("samples", 0, SAMPLES), self.labels(&classes));
        let samples = self.model.decode(&z, labels.as_ref());
        let (x, labels) = self.measured(&self.sets[1], 0..PAIRS);
        let mu = self.model.encode(&x, labels.as_ref());
        let y = self.model.decode(&mu, labels.as_ref());
        let pairs = below(&[&x, &y], 8);
        let draw = |images: &Tensor<f32>| Grid::square(SAMPLES, size).draw(images, Range::Unit);
        vec![("samples", draw(&samples)), ("reconstructions", draw(&pairs))]
    }

    fn state(&self) -> NamedTensors {
        let Autoencoder { networks, adam, .. } = &self.model;
        join_parts([("networks", networks.state()), ("adam", adam.state())])
    }

    fn load_state(&mut self, state: NamedTensors) -> Result<(), BoxError> {
        self.model.networks.load_state(&take_part(&state, "networks"))?;
        self.model.adam.load_state(&take_part(&state, "adam"))?;
        Ok(())
    }

    fn networks(&self) -> Vec<(&'static str, NamedTensors)> {
        let networks = &self.model.networks;
        vec![("encoder", networks.encoder.state()), ("decoder", networks.decoder.state())]
    }

    fn panels(&self) -> &'static [Panel] {
        plot::VARIATIONAL
    }

    fn next_commands(&self, run: &str) -> Vec<(String, String)> {
        let (what, command) = match self.args.latent {
            2 => ("the latent plane", "manifold"),
            _ => ("one latent number a row", "traverse"),
        };
        vec![sample_command(what, command, run)]
    }
}
