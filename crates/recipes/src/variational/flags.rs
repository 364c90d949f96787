//! The variants of the bound as flags.

use crate::{LrSchedule, limits};
use adjoint_data::Split;
use adjoint_nn::{Named, Stream, Tensor};
use adjoint_runs::values::{count, not_negative, positive};
use adjoint_runs::{BoxError, Idle, Preset, idle_if, preset};
use adjoint_variational::{Estimator, Likelihood, Objective, Settings};
use serde::Serialize;

/// The defaults of [`VariationalArgs`].
pub const VARIATIONAL: &[Preset] = &[
    preset("latent", "20"),
    preset("likelihood", "bernoulli"),
    preset("binarize", "none"),
    preset("objective", "elbo"),
    preset("k", "1"),
    preset("beta", "1"),
    preset("kl_warmup", "0"),
    preset("estimator", "pathwise"),
    preset("lr", "0.001"),
    preset("lr_schedule", "constant"),
    preset("nll_images", "1000"),
];

/// Flags of every trainer of a latent variable model, to be flattened into its own beside
/// [`CommonArgs`](adjoint_runs::CommonArgs).
#[derive(Clone, Debug, clap::Args, Serialize)]
pub struct VariationalArgs {
    /// Numbers in z
    #[arg(long, value_name = "N", help_heading = "Model", value_parser = limits::units, allow_negative_numbers = true)]
    pub latent: usize,

    /// Let the label enter encoder and decoder (a conditional VAE)
    #[arg(long, help_heading = "Model")]
    pub conditional: bool,

    /// What a pixel is: a Bernoulli variable, or a normal one
    #[arg(long, value_name = "NAME", help_heading = "Model", value_parser = crate::one_of(Likelihood::ALL))]
    #[serde(serialize_with = "crate::by_name")]
    pub likelihood: Likelihood,

    /// Standard deviation of --likelihood gaussian [default: learned, one for all pixels]
    #[arg(long, value_name = "X", help_heading = "Model", value_parser = positive, allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sigma: Option<f64>,

    /// Draw each pixel as 0 or 1 with its grey as probability: once for all, or anew in each epoch
    #[arg(long, value_name = "HOW", help_heading = "Data")]
    pub binarize: Binarize,

    /// The bound to ascend: the evidence lower bound, or the importance weighted one
    #[arg(long, value_name = "NAME", help_heading = "Training", value_parser = crate::one_of(&[Objective::Elbo, Objective::Iwae]))]
    #[serde(serialize_with = "crate::by_name")]
    pub objective: Objective,

    /// Samples of z for each image in a step
    #[arg(long, value_name = "N", help_heading = "Training", value_parser = limits::units, allow_negative_numbers = true)]
    pub k: usize,

    /// Weight of the KL divergence
    #[arg(long, value_name = "X", help_heading = "Training", value_parser = not_negative, allow_negative_numbers = true)]
    pub beta: f64,

    /// Let that weight rise from 0 over the first N epochs
    #[arg(long, value_name = "N", help_heading = "Training")]
    #[arg(value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64), allow_negative_numbers = true)]
    pub kl_warmup: u64,

    /// A plain autoencoder: z = mu(x), no sampling, no KL divergence
    #[arg(long, help_heading = "Training")]
    pub autoencoder: bool,

    /// How the gradient reaches the encoder: through the sample, or by the score function. The
    /// log's gradient_encoder, the gradient's norm, shows how much noisier the second is
    #[arg(long, value_name = "NAME", help_heading = "Training", value_parser = crate::one_of(Estimator::ALL))]
    #[serde(serialize_with = "crate::by_name")]
    pub estimator: Estimator,

    /// Adam's step size
    #[arg(long, value_name = "X", help_heading = "Training", value_parser = positive, allow_negative_numbers = true)]
    pub lr: f64,

    /// Schedule of the step size over the run; a resumed run with another end follows the schedule
    /// to that
    #[arg(long, value_name = "NAME", help_heading = "Training")]
    pub lr_schedule: LrSchedule,

    /// At the end estimate log p(x) of test images by importance sampling with K samples each
    #[arg(long, value_name = "K", help_heading = "Evaluation", value_parser = count::<usize>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nll_samples: Option<usize>,

    /// Test images of --nll-samples, from the first on
    #[arg(long, value_name = "N", help_heading = "Evaluation", value_parser = count::<usize>)]
    pub nll_images: usize,
}

choice!(
    /// What becomes of grey.
    Binarize {
        /// Probabilities
        None,
        /// Drawn once
        Static,
        /// Drawn anew in each epoch
        Dynamic
    }
);

/// The epoch of images that are measured or shown: they are always drawn alike.
pub const MEASURED: u64 = u64::MAX;

impl VariationalArgs {
    /// Makes images what the model sees of them: leaves them as they are or, as `--binarize` says,
    /// draws their pixels to be 0 or 1. `indices` are their places in the split; `epoch` counts
    /// where they are drawn anew in each.
    pub fn binarize(
        &self,
        seed: u64,
        images: &mut Tensor<f32>,
        (split, indices): (Split, &[usize]),
        epoch: u64,
    ) {
        let purpose = match self.binarize {
            Binarize::None => return,
            Binarize::Static => format!("binarize/{split}"),
            Binarize::Dynamic => format!("binarize/{split}/{epoch}"),
        };
        let pixels = images.len() / indices.len().max(1);
        for (image, &index) in images.data_mut().chunks_exact_mut(pixels.max(1)).zip(indices) {
            let mut stream = Stream::new(seed, &purpose, index as u64);
            image.iter_mut().for_each(|p| *p = f32::from(u8::from(stream.uniform() < f64::from(*p))));
        }
    }

    /// What a pixel is taken for where the likelihood of an image is meant.
    pub fn observation(&self) -> String {
        match (self.likelihood, self.binarize) {
            (Likelihood::Bernoulli, Binarize::None) => {
                "Bernoulli pixels of which grey is the mean: no normalised density of grey images".to_owned()
            }
            (Likelihood::Bernoulli, how) => {
                format!("Bernoulli pixels, drawn ({})", format!("{how:?}").to_lowercase())
            }
            (Likelihood::Gaussian, _) => match self.sigma {
                Some(sigma) => format!("normal pixels of standard deviation {sigma}"),
                None => "normal pixels of a standard deviation that is learned".to_owned(),
            },
        }
    }

    /// What these flags make useless among themselves.
    pub fn idle(&self) -> Vec<Idle> {
        let bernoulli = idle_if(self.likelihood == Likelihood::Bernoulli, "--likelihood gaussian", ["sigma"]);
        let warmup = idle_if(self.beta == 0.0, "--beta above 0", ["kl_warmup"]);
        [bernoulli, warmup, idle_if(self.nll_samples.is_none(), "--nll-samples", ["nll_images"])].concat()
    }

    /// How to train what these flags ask for.
    ///
    /// # Errors
    /// If flags contradict each other.
    pub fn settings(&self) -> Result<Settings, BoxError> {
        let score = self.estimator == Estimator::Score;
        let refuse = |what: &str| Err(what.into());
        if self.likelihood == Likelihood::Gaussian && self.binarize != Binarize::None {
            return refuse(
                "--binarize makes pixels 0 or 1, which --likelihood gaussian has no density for; take bernoulli",
            );
        }
        // (Not by clap: config.toml holds all settings, also those at their defaults.)
        let bound =
            self.objective == Objective::Iwae || self.k != 1 || self.beta != 1.0 || self.kl_warmup != 0;
        if self.autoencoder && (bound || score || self.nll_samples.is_some()) {
            return refuse(
                "--autoencoder has no bound: it goes without --objective, --k, --beta, --kl-warmup, --estimator and --nll-samples",
            );
        }
        if score && self.objective == Objective::Iwae {
            return refuse("--estimator score is for --objective elbo");
        }
        Ok(Settings {
            likelihood: self.likelihood,
            sigma: self.sigma,
            objective: if self.autoencoder { Objective::Reconstruction } else { self.objective },
            k: self.k,
            estimator: self.estimator,
            lr: self.lr,
        })
    }
}
