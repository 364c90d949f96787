//! The flags of latent variable models, and their defaults.

use crate::limits;
use adjoint_nn::{Named, Schedule, named};
use adjoint_runs::values::{count, not_negative, positive};
use adjoint_runs::{BoxError, Preset, UnusedFlag, preset, unused_if};
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

/// Flags of every trainer of a latent variable model. A trainer flattens them into its settings, as
/// it does with [`CommonArgs`](adjoint_runs::CommonArgs).
#[derive(Clone, Debug, clap::Args, Serialize)]
pub struct VariationalArgs {
    /// Number of latent variables
    #[arg(long, value_name = "N", help_heading = "Model", value_parser = limits::units, allow_negative_numbers = true)]
    pub latent: usize,

    /// Condition encoder and decoder on the label (a conditional VAE)
    #[arg(long, help_heading = "Model")]
    pub conditional: bool,

    /// Distribution of a pixel given z: Bernoulli, or normal
    #[arg(long, value_name = "NAME", help_heading = "Model", value_parser = crate::one_of(Likelihood::ALL))]
    #[serde(serialize_with = "crate::by_name")]
    pub likelihood: Likelihood,

    /// Standard deviation of --likelihood gaussian [default: learned, one for all pixels]
    #[arg(long, value_name = "X", help_heading = "Model", value_parser = positive, allow_negative_numbers = true)]
    pub sigma: Option<f64>,

    /// Draw each pixel as 0 or 1 with its value as probability: once, or in each epoch
    #[arg(long, value_name = "HOW", help_heading = "Data", value_parser = crate::one_of(Binarize::ALL))]
    #[serde(serialize_with = "crate::by_name")]
    pub binarize: Binarize,

    /// Bound to maximise: the evidence lower bound, or the importance weighted bound
    #[arg(long, value_name = "NAME", help_heading = "Training", value_parser = crate::one_of(&[Objective::Elbo, Objective::Iwae]))]
    #[serde(serialize_with = "crate::by_name")]
    pub objective: Objective,

    /// Number of samples of z per image and step
    #[arg(long, value_name = "N", help_heading = "Training", value_parser = limits::units, allow_negative_numbers = true)]
    pub k: usize,

    /// Weight of the KL divergence (1 is the VAE)
    #[arg(long, value_name = "X", help_heading = "Training", value_parser = not_negative, allow_negative_numbers = true)]
    pub beta: f64,

    /// Raise the weight of the KL divergence linearly from 0 to --beta over the first N epochs; 0
    /// disables it
    #[arg(long, value_name = "N", help_heading = "Training")]
    #[arg(value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64), allow_negative_numbers = true)]
    pub kl_warmup: u64,

    /// Train a plain autoencoder: z = mu(x), without sampling and KL divergence
    #[arg(long, help_heading = "Training")]
    pub autoencoder: bool,

    /// Estimator of the encoder's gradient: through the sample, or by the score function (noisier)
    #[arg(long, value_name = "NAME", help_heading = "Training", value_parser = crate::one_of(Estimator::ALL))]
    #[serde(serialize_with = "crate::by_name")]
    pub estimator: Estimator,

    /// Learning rate of Adam
    #[arg(long, value_name = "X", help_heading = "Training", value_parser = positive, allow_negative_numbers = true)]
    pub lr: f64,

    /// Schedule of the learning rate over the run; recomputed if a resumed run gets a new length
    #[arg(long, value_name = "NAME", help_heading = "Training", value_parser = crate::one_of(Schedule::ALL))]
    #[serde(serialize_with = "crate::by_name")]
    pub lr_schedule: Schedule,

    /// Estimate log p(x) of test images after training, by importance sampling with K samples per
    /// image
    #[arg(long, value_name = "K", help_heading = "Evaluation", value_parser = count::<usize>)]
    pub nll_samples: Option<usize>,

    /// Number of test images for --nll-samples, from the first
    #[arg(long, value_name = "N", help_heading = "Evaluation", value_parser = count::<usize>)]
    pub nll_images: usize,
}

named! {
    /// How pixels are drawn as 0 or 1.
    pub enum Binarize {
        /// Pixels stay values in \[0, 1\].
        None = "none": "pixels stay values in [0, 1]",
        /// Drawn once.
        Static = "static": "drawn once",
        /// Drawn in each epoch.
        Dynamic = "dynamic": "drawn in each epoch",
    }
}

impl VariationalArgs {
    /// Describes the distribution of a pixel given z.
    pub fn observation(&self) -> String {
        match (self.likelihood, self.binarize) {
            (Likelihood::Bernoulli, Binarize::None) => {
                "Bernoulli pixels with the pixel value as mean, which is not a normalised density of grayscale images".to_owned()
            }
            (Likelihood::Bernoulli, how) => format!("Bernoulli pixels, drawn ({how})"),
            (Likelihood::Gaussian, _) => match self.sigma {
                Some(sigma) => format!("normal pixels of standard deviation {sigma}"),
                None => "normal pixels of a learned standard deviation".to_owned(),
            },
        }
    }

    /// Returns the flags that have no effect in combination with the other flags.
    pub fn unused_flags(&self) -> Vec<UnusedFlag> {
        let bernoulli =
            unused_if(self.likelihood == Likelihood::Bernoulli, "--likelihood gaussian", ["sigma"]);
        let warmup = unused_if(self.beta == 0.0, "--beta above 0", ["kl_warmup"]);
        [bernoulli, warmup, unused_if(self.nll_samples.is_none(), "--nll-samples", ["nll_images"])].concat()
    }

    /// Returns the settings of training that these flags request.
    ///
    /// # Errors
    /// If flags contradict each other.
    pub fn settings(&self) -> Result<Settings, BoxError> {
        let score = self.estimator == Estimator::Score;
        let refuse = |what: &str| Err(what.into());
        if self.likelihood == Likelihood::Gaussian && self.binarize != Binarize::None {
            return refuse(
                "--likelihood gaussian is a density of continuous pixels, and --binarize makes them 0 or 1; take bernoulli",
            );
        }
        // clap cannot reject these flags together, because config.toml gives all settings,
        // including defaults.
        let bound =
            self.objective == Objective::Iwae || self.k != 1 || self.beta != 1.0 || self.kl_warmup != 0;
        if self.autoencoder && (bound || score || self.nll_samples.is_some()) {
            return refuse(
                "--autoencoder has no bound; leave out --objective, --k, --beta, --kl-warmup, --estimator and --nll-samples",
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
