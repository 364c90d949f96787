//! The conditional GAN on the command line.

use crate::Recipe;
use crate::data::{self, DATA, DataArgs};
use crate::game::presets::{CONDITION, D_NORM_OF_CONVOLUTIONS, GAME, HIDDEN};
use crate::game::{self, Condition, ConditionArgs, GameArgs, GameConfig, HiddenArgs};
use crate::{Arch, limits};
use adjoint_cgan::{Architecture, Body, Cgan, Discriminator, Generator, cgan};
use adjoint_interop::{Content, Graph, networks};
use adjoint_nn::cost::LayerCost;
use adjoint_nn::layers::Norm;
use adjoint_nn::{Named, NamedTensors};
use adjoint_runs::{BoxError, COMMON, CommonArgs, Config, Preset, UnusedFlag, examples, preset, unused_if};
use serde::Serialize;

const EXAMPLES: &[(&str, &str)] = &[
    ("", "glyphs at 28x28, one row per digit"),
    ("--dataset mnist --download", "MNIST, fetched into datasets/mnist and verified"),
    ("--arch mlp", "fully connected, as in the paper"),
    ("--task inpaint", "image conditions: fill in a missing square"),
];

/// The recipe.
pub const RECIPE: Recipe = game::recipe::<Settings>();

/// Train a conditional GAN (Mirza & Osindero 2014).
#[derive(clap::Parser, Clone, Debug, Serialize)]
#[command(name = "train-cgan", version, after_help = examples("train-cgan", EXAMPLES))]
#[command(mut_arg("dataset", data::help))]
#[command(mut_arg("lr", |arg| arg.help("Learning rate of both networks; with --arch conv, adam and rmsprop multiply it by 128 / width")))]
pub struct Settings {
    /// The flags of the data.
    #[command(flatten)]
    #[serde(flatten)]
    pub data: DataArgs,

    /// The flags of every trainer.
    #[command(flatten)]
    #[serde(flatten)]
    pub common: CommonArgs,

    /// Layers of both networks: fully connected, or the DCGAN's convolutions with label planes in
    /// every layer's input
    #[arg(long, value_name = "NAME", help_heading = "Model", value_parser = crate::one_of(Arch::ALL))]
    #[serde(serialize_with = "crate::by_name")]
    pub arch: Arch,

    /// Channels of the layer of --arch conv at half the image's resolution; each further halving
    /// doubles the channels
    #[arg(long, value_name = "N", help_heading = "Model", value_parser = limits::units, allow_negative_numbers = true)]
    pub width: usize,

    /// Units of hidden layers of --arch mlp.
    #[command(flatten)]
    #[serde(flatten)]
    pub hidden: HiddenArgs,

    /// The condition of both networks.
    #[command(flatten)]
    #[serde(flatten)]
    pub condition_args: ConditionArgs,

    /// The flags of every game.
    #[command(flatten)]
    #[serde(flatten)]
    pub game: GameArgs,
}

impl Config for Settings {
    type Data = DataArgs;
    const MODEL: &'static str = "cgan";

    fn presets() -> Vec<Preset> {
        [
            COMMON,
            DATA,
            GAME,
            HIDDEN,
            CONDITION,
            &[
                preset("epochs", "7"),
                preset("arch", "conv"),
                preset("width", "16"),
                preset("d_norm", "none").beside("arch", "mlp"),
            ],
            D_NORM_OF_CONVOLUTIONS,
        ]
        .concat()
    }

    fn common(&self) -> &CommonArgs {
        &self.common
    }

    fn data(&self) -> &DataArgs {
        &self.data
    }

    fn data_mut(&mut self) -> &mut DataArgs {
        &mut self.data
    }

    fn unused_flags(&self) -> Vec<UnusedFlag> {
        let conv = unused_if(self.arch == Arch::Mlp, "--arch conv", ["width"]);
        let mlp = unused_if(self.arch == Arch::Conv, "--arch mlp", ["g_hidden", "d_hidden"]);
        [
            conv,
            mlp,
            data::unused_flags(&self.data),
            self.condition_args.unused_flags(),
            self.game.unused_flags(),
        ]
        .concat()
    }
}

impl GameConfig for Settings {
    type Generator = Generator<f32>;
    type Discriminator = Discriminator<f32>;

    fn game(&self) -> &GameArgs {
        &self.game
    }

    fn costs(&self) -> Result<[Vec<LayerCost>; 2], BoxError> {
        let a = self.architecture()?;
        if self.arch == Arch::Mlp {
            self.game.reject_batch_of_one(&self.common, Norm::None)?;
        }
        Ok([a.generator_costs(), a.discriminator_costs()])
    }

    fn build(&self, mut settings: adjoint_adversarial::Settings) -> Result<Cgan<f32>, BoxError> {
        let a = self.architecture()?;
        if self.arch == Arch::Conv {
            settings = settings.at_width(self.width);
        }
        settings.reconstruction = self.condition_args.reconstruction();
        Ok(cgan(&a, settings, self.common.seed))
    }

    fn graphs(&self, [g, d]: &[NamedTensors; 2], noise: Content) -> Result<[Graph; 2], BoxError> {
        let a = self.architecture()?;
        Ok([networks::cgan_generator(&a, g, noise), networks::cgan_discriminator(&a, d)])
    }

    fn condition(&self) -> Option<Condition> {
        Some(self.condition_args.task)
    }
}

impl Settings {
    fn architecture(&self) -> Result<Architecture, BoxError> {
        let ConditionArgs { task: condition, condition: label, .. } = self.condition_args;
        let classes = if condition.is_image() { 0 } else { data::classes(&self.data)? };
        if condition.is_image() && self.arch == Arch::Mlp {
            return Err("--arch mlp supports class conditions only; take --task class or --arch conv".into());
        }
        let body = match self.arch {
            Arch::Mlp => {
                let HiddenArgs { g_hidden, d_hidden } = self.hidden.clone();
                Body::Mlp { g_hidden, d_hidden }
            }
            Arch::Conv => Body::Conv { width: self.width },
        };
        let (image_size, channels) = (self.data.image_size, data::channels(&self.data)?);
        let (latent, (d_norm, d_dropout)) = (self.game.latent, self.game.d_style());
        Ok(Architecture { image_size, channels, latent, condition, label, classes, body, d_norm, d_dropout })
    }
}
