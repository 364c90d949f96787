//! The original GAN on the command line.

use crate::Recipe;
use crate::data::{self, DATA, DataArgs};
use crate::game::presets::{GAME, HIDDEN};
use crate::game::{self, GameArgs, GameConfig, HiddenArgs};
use adjoint_data::points::Points;
use adjoint_gan::{Architecture, Discriminator, Gan, Generator, gan};
use adjoint_interop::{Content, Graph, networks};
use adjoint_nn::NamedTensors;
use adjoint_nn::cost::LayerCost;
use adjoint_nn::layers::Norm;
use adjoint_runs::{BoxError, COMMON, CommonArgs, Config, Preset, UnusedFlag, examples, preset, unused_if};
use serde::Serialize;

const EXAMPLES: &[(&str, &str)] = &[
    ("", "glyphs at 28x28"),
    ("--dataset mnist --download", "MNIST, fetched into datasets/mnist and verified"),
    (
        "--dataset ring --d-steps 5 --loss minimax",
        "eight clusters in the plane; D gets ahead, the minimax loss saturates, and few samples are in a cluster",
    ),
    (
        "--dataset ring --d-steps 5 --loss wasserstein",
        "the Wasserstein distance with the gradient penalty finds all clusters",
    ),
];

/// The recipe.
pub const RECIPE: Recipe = game::recipe::<Settings>();

/// Train the original GAN (Goodfellow et al. 2014): two multilayer perceptrons.
///
/// Some datasets are points in the plane instead of images. Their pictures are scatter plots of
/// samples over data, on a map of the output of D.
#[derive(clap::Parser, Clone, Debug, Serialize)]
#[command(name = "train-gan", version, after_help = examples("train-gan", EXAMPLES))]
#[command(mut_arg("dataset", data::help_with_points))]
pub struct Settings {
    /// The flags of the data.
    #[command(flatten)]
    #[serde(flatten)]
    pub data: DataArgs,

    /// The flags of every trainer.
    #[command(flatten)]
    #[serde(flatten)]
    pub common: CommonArgs,

    /// Numbers of units of the hidden layers.
    #[command(flatten)]
    #[serde(flatten)]
    pub hidden: HiddenArgs,

    /// Use batch norm in G's hidden layers
    #[arg(long, help_heading = "Model")]
    pub g_batch_norm: bool,

    /// The flags of every game.
    #[command(flatten)]
    #[serde(flatten)]
    pub game: GameArgs,
}

impl Config for Settings {
    type Data = DataArgs;
    const MODEL: &'static str = "gan";

    fn presets() -> Vec<Preset> {
        let points =
            |key, value| Points::ALL.map(|points| preset(key, value).beside("dataset", points.name()));
        [
            COMMON,
            DATA,
            // These defaults must come before those that depend on `--penalty`, because the first
            // conditional default that applies is used.
            &points("penalty_weight", "1"),
            GAME,
            HIDDEN,
            &[
                preset("epochs", "18"),
                preset("noise", "gaussian"),
                preset("d_norm", "none"),
                preset("penalty", "none"),
            ],
            &points("latent", "2"),
            &points("g_hidden", "128,128"),
            &points("d_hidden", "128,128"),
            &points("lr", "0.001"),
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
        let images = unused_if(self.points().is_some(), "images", DataArgs::OF_IMAGES);
        [images, data::unused_flags(&self.data), self.game.unused_flags()].concat()
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
        self.game.reject_batch_of_one(&self.common, a.g_norm)?;
        Ok([a.generator_costs(), a.discriminator_costs()])
    }

    fn build(&self, settings: adjoint_adversarial::Settings) -> Result<Gan<f32>, BoxError> {
        Ok(gan(&self.architecture()?, settings, self.common.seed))
    }

    fn graphs(&self, [g, d]: &[NamedTensors; 2], noise: Content) -> Result<[Graph; 2], BoxError> {
        let a = self.architecture()?;
        Ok([networks::gan_generator(&a, g, noise), networks::gan_discriminator(&a, d)])
    }

    fn points(&self) -> Option<Points> {
        self.data.dataset.to_str().and_then(Points::of_name)
    }
}

impl Settings {
    fn architecture(&self) -> Result<Architecture, BoxError> {
        let size = self.data.image_size;
        let sample = match self.points() {
            Some(_) => vec![2],
            None => {
                let names = Points::ALL.map(Points::name).join(", ");
                let channels =
                    data::channels(&self.data).map_err(|error| format!("{error}; and the points {names}"))?;
                vec![size, size, channels]
            }
        };
        let (d_norm, d_dropout) = self.game.d_style();
        Ok(Architecture {
            bounded: self.points().is_none(),
            sample,
            latent: self.game.latent,
            g_hidden: self.hidden.g_hidden.clone(),
            d_hidden: self.hidden.d_hidden.clone(),
            g_norm: if self.g_batch_norm { Norm::Batch } else { Norm::None },
            d_norm,
            d_dropout,
        })
    }
}
