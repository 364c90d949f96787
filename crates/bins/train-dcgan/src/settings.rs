//! The flags.

use adjoint_dcgan::Architecture;
use adjoint_nn::objective::AdversarialLoss;
use adjoint_train::values::{fraction, positive};
use adjoint_train::{BoxError, CommonArgs, Config, Summary};
use adjoint_workbench::{self as workbench, data, limits};
use clap::builder::{PossibleValuesParser, RangedU64ValueParser, TypedValueParser};
use serde::{Serialize, Serializer};

const EXAMPLES: &str = "\
Examples:
  cargo run -p train-dcgan
      glyphs at 28x28, a few minutes on two cores
  cargo run -p train-dcgan -- --dataset mnist --download --epochs 30
      MNIST, fetched into datasets/mnist and verified
  cargo run -p train-dcgan -- --dataset glyphs-rgb --image-size 64 --width 64 --batch-size 64
      the paper's five-level networks on coloured glyphs
  cargo run -p train-dcgan -- --resume runs/dcgan-glyphs-001 --epochs 40
      go on with a run
  cargo run -p train-dcgan -- --image-size 64 --width 128 --dry-run
      show the networks and what a step costs";

/// Train a DCGAN (Radford, Metz & Chintala 2015).
#[derive(clap::Parser, Clone, Debug, Serialize)]
#[command(name = "train-dcgan", version, after_help = EXAMPLES)]
#[command(mut_arg("epochs", |arg| arg.default_value("30")))]
pub(crate) struct Settings {
    #[command(flatten)]
    #[serde(flatten)]
    pub(crate) common: CommonArgs,

    /// Channels of the layers next to the image; each halving doubles them
    #[arg(long, value_name = "N", default_value = "16", help_heading = "Model")]
    #[arg(value_parser = RangedU64ValueParser::<usize>::new().range(1..=1024))]
    pub(crate) width: usize,

    /// Uniform random numbers that G makes an image from
    #[arg(long, value_name = "N", default_value = "100", help_heading = "Model")]
    #[arg(value_parser = RangedU64ValueParser::<usize>::new().range(1..=65536))]
    pub(crate) latent: usize,

    /// Adam's step size at the paper's width of 128; multiplied by 128 / width, so 0.0016 at width 16
    #[arg(long, value_name = "X", default_value = "0.0002", help_heading = "Training", value_parser = positive, allow_negative_numbers = true)]
    pub(crate) lr: f64,

    /// Adam's decay of the first moment
    #[arg(long, value_name = "X", default_value = "0.5", help_heading = "Training", value_parser = fraction, allow_negative_numbers = true)]
    pub(crate) beta1: f64,

    /// Steps of D for each step of G
    #[arg(long, value_name = "K", default_value = "1", help_heading = "Training")]
    #[arg(value_parser = RangedU64ValueParser::<usize>::new().range(1..=1000))]
    pub(crate) d_steps: usize,

    /// What D and G minimise
    #[arg(long, value_name = "LOSS", default_value_t, help_heading = "Training", value_parser = losses())]
    #[serde(serialize_with = "by_name")]
    pub(crate) loss: AdversarialLoss,

    /// One-sided label smoothing: D is to call data real with probability 1 - X
    #[arg(long, value_name = "X", default_value = "0.1", help_heading = "Training", value_parser = fraction, allow_negative_numbers = true)]
    #[arg(default_value_if("loss", "hinge", "0"))] // has no labels
    pub(crate) label_smoothing: f64,

    /// Decay of the moving average of G's weights that samples are drawn with (generator_ema.safetensors); 0 for none
    #[arg(long, value_name = "X", default_value = "0.999", help_heading = "Training", value_parser = fraction, allow_negative_numbers = true)]
    pub(crate) ema: f64,
}

impl Config for Settings {
    const MODEL: &'static str = "dcgan";

    fn common(&self) -> &CommonArgs {
        &self.common
    }

    fn summary(&self) -> Result<Summary, BoxError> {
        let a = self.architecture(data::channels(&self.common)?)?;
        let step = (a.step_flops(self.common.batch_size, self.d_steps), a.step_bytes(self.common.batch_size));
        let networks = [("generator", a.generator_costs()), ("discriminator", a.discriminator_costs())];
        Ok(workbench::summary(networks, step))
    }
}

impl Settings {
    /// The networks these flags ask for.
    ///
    /// # Errors
    /// If flags contradict each other.
    pub(crate) fn architecture(&self, channels: usize) -> Result<Architecture, BoxError> {
        limits::image_size(&self.common)?;
        let image_size = self.common.image_size;
        let architecture = Architecture { image_size, channels, width: self.width, latent: self.latent };
        if self.label_smoothing > 0.0 && !self.loss.has_labels() {
            let (smoothing, loss) = (self.label_smoothing, self.loss);
            return Err(
                format!("--label-smoothing {smoothing} needs labels, and --loss {loss} has none").into()
            );
        }
        Ok(architecture)
    }
}

/// All but Wasserstein's, which is nothing without a penalty that keeps D Lipschitz.
fn losses() -> impl TypedValueParser<Value = AdversarialLoss> {
    let names = AdversarialLoss::ALL.into_iter().filter(|&loss| loss != AdversarialLoss::Wasserstein);
    PossibleValuesParser::new(names.map(AdversarialLoss::name)).try_map(|name| name.parse())
}

fn by_name<S: Serializer>(loss: &AdversarialLoss, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(loss)
}
