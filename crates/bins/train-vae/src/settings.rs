//! The flags.

use adjoint_data::Split;
use adjoint_nn::{Stream, Tensor};
use adjoint_train::values::{count, not_negative, positive};
use adjoint_train::{BoxError, CommonArgs, Config, Summary};
use adjoint_vae::{Architecture, Body, Estimator, Likelihood, Objective, training};
use adjoint_workbench::{self as workbench, LrSchedule, choice, data, limits};
use serde::Serialize;

const EXAMPLES: &str = "\
Examples:
  cargo run -p train-vae
      glyphs at 28x28
  cargo run -p train-vae -- --latent 2
      a plane of digits, for `sample manifold`
  cargo run -p train-vae -- --dataset mnist --download --binarize dynamic --hidden 200,200 --latent 50 --epochs 100
      the network of the importance weighted autoencoder's paper
  cargo run -p train-vae -- --arch conv --dataset glyphs-rgb --image-size 32
      convolutions on coloured glyphs";

/// Train a variational autoencoder (Kingma & Welling 2014).
#[derive(clap::Parser, Clone, Debug, Serialize)]
#[command(name = "train-vae", version, after_help = EXAMPLES)]
#[command(mut_arg("epochs", |arg| arg.default_value("22")))]
pub struct Settings {
    /// The flags of every trainer.
    #[command(flatten)]
    #[serde(flatten)]
    pub common: CommonArgs,

    /// Layers between image and z: fully connected, or the DCGAN's convolutions
    #[arg(long, value_name = "NAME", default_value = "mlp", help_heading = "Model")]
    pub arch: Arch,

    /// Units of each hidden layer of --arch mlp, from the image to z
    #[arg(
        long,
        value_name = "N,N",
        default_value = "400,400",
        value_delimiter = ',',
        help_heading = "Model"
    )]
    #[arg(value_parser = limits::units, allow_negative_numbers = true)]
    pub hidden: Vec<usize>,

    /// Channels next to the image of --arch conv; each halving doubles them
    #[arg(long, value_name = "N", default_value = "16", help_heading = "Model", value_parser = limits::units, allow_negative_numbers = true)]
    pub width: usize,

    /// Numbers in z
    #[arg(long, value_name = "N", default_value = "20", help_heading = "Model", value_parser = limits::units, allow_negative_numbers = true)]
    pub latent: usize,

    /// Let the label enter encoder and decoder (a conditional VAE)
    #[arg(long, help_heading = "Model")]
    pub conditional: bool,

    /// What a pixel is: a Bernoulli variable, or a normal one
    #[arg(long, value_name = "NAME", default_value = "bernoulli", help_heading = "Model")]
    pub likelihood: Density,

    /// Standard deviation of --likelihood gaussian [default: learned, one for all pixels]
    #[arg(long, value_name = "X", help_heading = "Model", value_parser = positive, allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sigma: Option<f64>,

    /// Draw each pixel as 0 or 1 with its grey as probability: once for all, or anew in each epoch
    #[arg(long, value_name = "HOW", default_value = "none", help_heading = "Data")]
    pub binarize: Binarize,

    /// The bound to ascend: the evidence lower bound, or the importance weighted one
    #[arg(long, value_name = "NAME", default_value = "elbo", help_heading = "Training")]
    pub objective: Bound,

    /// Samples of z for each image in a step
    #[arg(long, value_name = "N", default_value = "1", help_heading = "Training", value_parser = limits::units, allow_negative_numbers = true)]
    pub k: usize,

    /// Weight of the KL divergence
    #[arg(long, value_name = "X", default_value = "1", help_heading = "Training", value_parser = not_negative, allow_negative_numbers = true)]
    pub beta: f64,

    /// Let that weight rise from 0 over the first N epochs
    #[arg(long, value_name = "N", default_value = "0", help_heading = "Training")]
    #[arg(value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64), allow_negative_numbers = true)]
    pub kl_warmup: u64,

    /// A plain autoencoder: z = mu(x), no sampling, no KL divergence
    #[arg(long, help_heading = "Training")]
    pub autoencoder: bool,

    /// How the gradient reaches the encoder: through the sample, or by the score function
    #[arg(long, value_name = "NAME", default_value = "pathwise", help_heading = "Training")]
    pub estimator: Gradient,

    /// Adam's step size
    #[arg(long, value_name = "X", default_value = "0.001", help_heading = "Training", value_parser = positive, allow_negative_numbers = true)]
    pub lr: f64,

    /// How it changes: not at all, in equal parts down to 0 over the second half of the run, or as a half cosine down to 0 over all of
    /// it. A run that is resumed with another end follows the curve to that
    #[arg(long, value_name = "NAME", default_value = "constant", help_heading = "Training")]
    pub lr_schedule: LrSchedule,

    /// At the end estimate log p(x) of test images by importance sampling with K samples each
    #[arg(long, value_name = "K", help_heading = "Evaluation", value_parser = count::<usize>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nll_samples: Option<usize>,

    /// Test images of --nll-samples, from the first on
    #[arg(long, value_name = "N", default_value = "1000", help_heading = "Evaluation", value_parser = count::<usize>)]
    pub nll_images: usize,
}

choice!(
    /// Layers between image and z.
    Arch {
        /// Fully connected with tanh
        Mlp,
        /// Strided convolutions with batch norm
        Conv
    }
);
choice!(
    /// What a pixel is.
    Density {
        /// 0 or 1, of which grey is the probability
        Bernoulli,
        /// Normal about what the decoder says
        Gaussian
    }
);
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
choice!(
    /// What is ascended.
    Bound {
        /// Evidence lower bound
        Elbo,
        /// Importance weighted bound
        Iwae
    }
);
choice!(
    /// How the gradient reaches the encoder.
    Gradient {
        /// z = mu + sigma eps
        Pathwise,
        /// f(z) grad log q(z)
        Score
    }
);

impl Config for Settings {
    const MODEL: &'static str = "vae";

    fn common(&self) -> &CommonArgs {
        &self.common
    }

    fn summary(&self) -> Result<Summary, BoxError> {
        self.training()?;
        let a = self.architecture(data::channels(&self.common)?, data::classes(&self.common)?)?;
        let batch = self.common.batch_size;
        let networks = [("encoder", a.encoder_costs()), ("decoder", a.decoder_costs())];
        Ok(workbench::summary(networks, (a.step_flops(batch, self.k), a.step_bytes(batch, self.k))))
    }
}

/// The epoch of images that are measured or shown: they are always drawn alike.
pub const MEASURED: u64 = u64::MAX;

impl Settings {
    /// Makes images what the model sees of them: leaves them as they are or, as `--binarize` says, draws their pixels to be 0 or 1.
    /// `indices` are their places in the split; `epoch` counts where they are drawn anew in each.
    pub fn binarize(&self, images: &mut Tensor<f32>, split: Split, indices: &[usize], epoch: u64) {
        let purpose = match self.binarize {
            Binarize::None => return,
            Binarize::Static => format!("binarize/{split}"),
            Binarize::Dynamic => format!("binarize/{split}/{epoch}"),
        };
        let pixels = images.len() / indices.len().max(1);
        for (image, &index) in images.data_mut().chunks_exact_mut(pixels.max(1)).zip(indices) {
            let mut stream = Stream::new(self.common.seed, &purpose, index as u64);
            image.iter_mut().for_each(|p| *p = f32::from(u8::from(stream.uniform() < f64::from(*p))));
        }
    }

    /// The networks these flags ask for, on images with so many channels in so many classes.
    ///
    /// # Errors
    /// If flags contradict each other.
    pub fn architecture(&self, channels: usize, classes: usize) -> Result<Architecture, BoxError> {
        limits::image_size(&self.common)?;
        let body = match self.arch {
            Arch::Mlp => Body::Mlp { hidden: self.hidden.clone() },
            Arch::Conv => Body::Conv { width: self.width },
        };
        let classes = if self.conditional { classes } else { 0 };
        Ok(Architecture { image_size: self.common.image_size, channels, latent: self.latent, classes, body })
    }

    /// How to train them.
    ///
    /// # Errors
    /// If flags contradict each other.
    pub fn training(&self) -> Result<training::Settings, BoxError> {
        let score = self.estimator == Gradient::Score;
        let refuse = |what: &str| Err(what.into());
        if self.likelihood == Density::Bernoulli && self.sigma.is_some() {
            return refuse("--sigma is for --likelihood gaussian");
        }
        if self.likelihood == Density::Gaussian && self.binarize != Binarize::None {
            return refuse(
                "--binarize makes pixels 0 or 1, which --likelihood gaussian has no density for; take bernoulli",
            );
        }
        // (Not by clap: config.toml holds all settings, also those at their defaults.)
        let bound = self.objective == Bound::Iwae || self.k != 1 || self.beta != 1.0 || self.kl_warmup != 0;
        if self.autoencoder && (bound || score || self.nll_samples.is_some()) {
            return refuse(
                "--autoencoder has no bound: it goes without --objective, --k, --beta, --kl-warmup, --estimator and --nll-samples",
            );
        }
        if score && self.objective == Bound::Iwae {
            return refuse("--estimator score is for --objective elbo");
        }
        let objective = match (self.autoencoder, self.objective) {
            (true, _) => Objective::Reconstruction,
            (_, Bound::Iwae) => Objective::Iwae { k: self.k },
            (_, Bound::Elbo) => Objective::Elbo {
                k: self.k,
                estimator: if score { Estimator::Score } else { Estimator::Pathwise },
            },
        };
        let likelihood = match self.likelihood {
            Density::Bernoulli => Likelihood::Bernoulli,
            Density::Gaussian => Likelihood::Gaussian { sigma: self.sigma },
        };
        Ok(training::Settings { likelihood, objective, lr: self.lr })
    }
}
