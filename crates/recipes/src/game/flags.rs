//! The flags of adversarial trainers.

use adjoint_adversarial::{Condition, Descent, Label, Noise, Penalty, Settings, Update};
use adjoint_nn::layers::{Dropout, Norm};
use adjoint_nn::objective::AdversarialLoss;
use adjoint_nn::{Named, Schedule, Stream, Tensor, named};
use adjoint_runs::values::{count, fraction, not_negative, positive};
use adjoint_runs::{BoxError, CommonArgs, UnusedFlag, unused_if};
use clap::builder::RangedU64ValueParser;
use serde::Serialize;

/// Flags of every adversarial trainer. A trainer flattens them into its settings, as it does with
/// [`CommonArgs`].
#[derive(Clone, Debug, clap::Args, Serialize)]
pub struct GameArgs {
    /// Number of latent variables
    #[arg(long, value_name = "N", help_heading = "Model", value_parser = crate::limits::units, allow_negative_numbers = true)]
    pub latent: usize,

    /// Distribution of the latent variables: uniform on [-1, 1), or normal
    #[arg(long, value_name = "NAME", help_heading = "Model", value_parser = crate::one_of(Distribution::ALL))]
    #[serde(serialize_with = "crate::by_name")]
    pub noise: Distribution,

    /// Normalisation of D's layers
    #[arg(long, value_name = "NAME", help_heading = "Model", value_parser = crate::one_of(Norm::ALL))]
    #[serde(serialize_with = "crate::by_name")]
    pub d_norm: Norm,

    /// Dropout rate after each hidden layer of D
    #[arg(long, value_name = "X", help_heading = "Model", value_parser = fraction, allow_negative_numbers = true)]
    pub d_dropout: f64,

    /// Learning rate of both networks
    #[arg(long, value_name = "X", help_heading = "Training", value_parser = positive, allow_negative_numbers = true)]
    pub lr: f64,

    /// Schedule of the learning rate over the run; recomputed if a resumed run gets a new length
    #[arg(long, value_name = "NAME", help_heading = "Training", value_parser = crate::one_of(Schedule::ALL))]
    #[serde(serialize_with = "crate::by_name")]
    pub lr_schedule: Schedule,

    /// Optimiser of D and G
    #[arg(long, value_name = "NAME", help_heading = "Training", value_parser = crate::one_of(Descent::ALL))]
    #[serde(serialize_with = "crate::by_name")]
    pub optimizer: Descent,

    /// Adam's beta1, the decay of the first moment; also the coefficient of --optimizer momentum
    #[arg(long, value_name = "X", help_heading = "Training", value_parser = fraction, allow_negative_numbers = true)]
    pub beta1: f64,

    /// Adam's beta2, the decay of the second moment
    #[arg(long, value_name = "X", help_heading = "Training", value_parser = fraction, allow_negative_numbers = true)]
    pub beta2: f64,

    /// Number of steps of D per step of G
    #[arg(long, value_name = "K", help_heading = "Training")]
    #[arg(value_parser = RangedU64ValueParser::<usize>::new().range(1..=1000), allow_negative_numbers = true)]
    pub d_steps: usize,

    /// Order of updates: first D and then G against the new D, or both at once
    #[arg(long, value_name = "NAME", help_heading = "Training", value_parser = crate::one_of(Update::ALL))]
    #[serde(serialize_with = "crate::by_name")]
    pub update: Update,

    /// Losses of D and G
    #[arg(long, value_name = "LOSS", help_heading = "Training", value_parser = crate::one_of(AdversarialLoss::ALL))]
    #[serde(serialize_with = "crate::by_name")]
    pub loss: AdversarialLoss,

    /// Penalty on the gradient of D with respect to its input: R1, or WGAN-GP's
    #[arg(long, value_name = "NAME", help_heading = "Training", value_parser = crate::one_of(Penalty::ALL))]
    #[serde(serialize_with = "crate::by_name")]
    pub penalty: Penalty,

    /// Weight of the penalty: gamma of r1, lambda of gp
    #[arg(long, value_name = "X", help_heading = "Training", value_parser = positive, allow_negative_numbers = true)]
    pub penalty_weight: f64,

    /// Apply the penalty every N steps of D, scaled by N
    #[arg(long, value_name = "N", help_heading = "Training", value_parser = count::<u64>)]
    pub penalty_every: u64,

    /// One-sided label smoothing: D's target for real data is 1 - X
    #[arg(long, value_name = "X", help_heading = "Training", value_parser = fraction, allow_negative_numbers = true)]
    pub label_smoothing: f64,

    /// Initial standard deviation of normal noise that is added to the inputs of D
    #[arg(long, value_name = "X", help_heading = "Training", value_parser = not_negative, allow_negative_numbers = true)]
    pub instance_noise: f64,

    /// Number of epochs until --instance-noise reaches 0
    #[arg(long, value_name = "N", help_heading = "Training", value_parser = count::<u64>)]
    pub instance_noise_epochs: u64,

    /// Decay of the moving average of G's weights, used for sampling
    /// (generator_ema.safetensors); 0 disables it
    #[arg(long, value_name = "X", help_heading = "Training", value_parser = fraction, allow_negative_numbers = true)]
    pub ema: f64,
}

/// Numbers of hidden units. Trainers of fully connected networks flatten these flags into their
/// settings.
#[derive(Clone, Debug, clap::Args, Serialize)]
pub struct HiddenArgs {
    /// Number of units of each hidden layer of a fully connected G, from the first
    #[arg(long, value_name = "N,N", value_delimiter = ',', help_heading = "Model")]
    #[arg(value_parser = crate::limits::units, allow_negative_numbers = true)]
    pub g_hidden: Vec<usize>,

    /// Number of units of each hidden layer of a fully connected D, from the first
    #[arg(long, value_name = "N,N", value_delimiter = ',', help_heading = "Model")]
    #[arg(value_parser = crate::limits::units, allow_negative_numbers = true)]
    pub d_hidden: Vec<usize>,
}

/// The condition of both networks. Conditional trainers flatten these flags into their settings.
#[derive(Clone, Debug, clap::Args, Serialize)]
pub struct ConditionArgs {
    /// Condition: the class, or an image made from the training image
    #[arg(long, value_name = "NAME", help_heading = "Model", value_parser = crate::one_of(Condition::ALL))]
    #[serde(serialize_with = "crate::by_name")]
    pub task: Condition,

    /// Encoding of the class: a one-hot row, or a learned vector
    #[arg(long, value_name = "NAME", help_heading = "Model", value_parser = crate::one_of(Label::ALL))]
    #[serde(serialize_with = "crate::by_name")]
    pub condition: Label,

    /// Weight of the mean of |x - G(z, y)| in G's loss, if the condition y is an image
    #[arg(long, value_name = "X", help_heading = "Training", value_parser = not_negative, allow_negative_numbers = true)]
    pub l1: f64,
}

impl ConditionArgs {
    /// Returns the flags that have no effect for this task.
    pub fn unused_flags(&self) -> Vec<UnusedFlag> {
        let class = unused_if(self.task.is_image(), "--task class", ["condition"]);
        let image = unused_if(!self.task.is_image(), "a task with an image, such as --task inpaint", ["l1"]);
        [class, image].concat()
    }

    /// Returns the weight of the distance between a sample and the image that its condition was
    /// made from. Returns 0 if the condition is a class.
    pub fn reconstruction(&self) -> f64 {
        if self.task.is_image() { self.l1 } else { 0.0 }
    }
}

named! {
    /// The distribution of the latent variables.
    pub enum Distribution {
        /// Uniform on \[-1, 1).
        Uniform = "uniform": "on [-1, 1)",
        /// N(0, 1).
        Gaussian = "gaussian": "N(0, 1)",
    }
}

impl Distribution {
    /// Draws latent vectors of shape (rows, latent). They are a function of the seed, the purpose
    /// and the index.
    pub fn draw(self, seed: u64, purpose: &str, index: u64, shape: [usize; 2]) -> Tensor<f32> {
        let mut stream = Stream::new(seed, purpose, index);
        match self {
            Distribution::Uniform => stream.uniform_tensor(shape, -1.0, 1.0),
            Distribution::Gaussian => stream.normal_tensor(shape, 0.0, 1.0),
        }
    }
}

/// The remark on the Wasserstein loss in combination with the R1 penalty.
const WASSERSTEIN_R1: &str = "--loss wasserstein with --penalty r1 does not make D Lipschitz, because r1 penalises its gradient on the data only; take --penalty gp";
/// The remark on the penalty of WGAN-GP in combination with batch norm in D.
const GP_BATCH_NORM: &str = "--penalty gp with --d-norm batch: batch norm couples the samples of a batch, but the penalty is defined per sample; take --d-norm none";

impl GameArgs {
    /// Returns the settings of the game that these flags request.
    ///
    /// # Errors
    /// If the flags contradict each other.
    pub fn settings(&self, steps_per_epoch: u64) -> Result<Settings, BoxError> {
        let refuse = |what: String| Err(what.into());
        let (loss, smoothing) = (self.loss, self.label_smoothing);
        if smoothing > 0.0 && !loss.has_labels() {
            return refuse(format!("--label-smoothing {smoothing} needs labels, and --loss {loss} has none"));
        }
        let is_lipschitz = self.penalty != Penalty::None || self.d_norm == Norm::Spectral;
        if loss == AdversarialLoss::Wasserstein && !is_lipschitz {
            let advice = "take --penalty gp or --d-norm spectral";
            return refuse(format!("--loss {loss} needs a D that is Lipschitz; {advice}"));
        }
        Ok(Settings {
            loss,
            penalty: self.penalty,
            penalty_weight: self.penalty_weight,
            penalty_every: self.penalty_every,
            label_smoothing: smoothing,
            instance_noise: Noise {
                sigma: self.instance_noise,
                steps: self.instance_noise_epochs.saturating_mul(steps_per_epoch),
            },
            reconstruction: 0.0,
            update: self.update,
            descent: self.optimizer,
            beta1: self.beta1,
            beta2: self.beta2,
            lr: self.lr,
        })
    }

    /// Returns the flags that have no effect in combination with the other flags.
    pub fn unused_flags(&self) -> Vec<UnusedFlag> {
        let momentum = matches!(self.optimizer, Descent::Adam | Descent::Momentum);
        [
            unused_if(
                self.penalty == Penalty::None,
                "--penalty r1 or gp",
                ["penalty_weight", "penalty_every"],
            ),
            unused_if(self.instance_noise == 0.0, "--instance-noise above 0", ["instance_noise_epochs"]),
            unused_if(!momentum, "--optimizer adam or momentum", ["beta1"]),
            unused_if(self.optimizer != Descent::Adam, "--optimizer adam", ["beta2"]),
        ]
        .concat()
    }

    /// Returns a line of advice for each pair of flags that work badly together. Such a pair is not
    /// an error, because one of the two flags may come from a file.
    pub fn remarks(&self) -> impl Iterator<Item = &'static str> {
        let r1 = self.loss == AdversarialLoss::Wasserstein && self.penalty == Penalty::R1;
        let batch = self.penalty == Penalty::Gp && self.d_norm == Norm::Batch;
        [r1.then_some(WASSERSTEIN_R1), batch.then_some(GP_BATCH_NORM)].into_iter().flatten()
    }

    /// Rejects a batch size of 1 if G or D has batch norm. In fully connected layers, the variance
    /// of one sample is 0.
    ///
    /// # Errors
    /// If the batch size is 1 and D or G has batch norm. `g_norm` is the normalisation of G.
    pub fn reject_batch_of_one(&self, common: &CommonArgs, g_norm: Norm) -> Result<(), BoxError> {
        if common.batch_size == 1 && (g_norm == Norm::Batch || self.d_norm == Norm::Batch) {
            return Err("--batch-size 1: batch norm of fully connected layers needs 2 samples or more".into());
        }
        Ok(())
    }

    /// Returns the normalisation and the dropout of D's layers.
    pub fn d_style(&self) -> (Norm, Dropout) {
        (self.d_norm, Dropout::new(self.d_dropout))
    }
}
