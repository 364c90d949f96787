//! The DCGAN on the command line.

use crate::Recipe;
use crate::data::{self, DATA, DataArgs};
use crate::game::presets::{D_NORM_OF_CONVOLUTIONS, GAME, NATURAL, Natural};
use crate::game::{self, Filters, GameArgs, GameConfig};
use crate::limits;
use adjoint_dcgan::{Architecture, Dcgan, Discriminator, Generator, dcgan};
use adjoint_interop::{Content, Graph, networks};
use adjoint_nn::cost::LayerCost;
use adjoint_nn::{Named, NamedTensors, Tensor, Var};
use adjoint_runs::{BoxError, COMMON, CommonArgs, Config, Preset, UnusedFlag, examples, preset};
use serde::Serialize;

const EXAMPLES: &[(&str, &str)] = &[
    ("", "glyphs at 28x28, a few minutes on two cores"),
    ("--dataset mnist --download --epochs 30", "MNIST, fetched into datasets/mnist and verified"),
    (
        "--dataset glyphs-rgb --image-size 64 --width 64 --batch-size 64",
        "networks as deep as the paper's, at half its width, on coloured glyphs",
    ),
    ("--loss wasserstein", "the Wasserstein distance with the gradient penalty"),
    ("--resume runs/dcgan-glyphs-001 --epochs 40", "continue a run"),
    ("--image-size 64 --width 128 --dry-run", "show the networks and the cost of a step"),
];

/// The recipe.
pub const RECIPE: Recipe = game::recipe::<Settings>();

/// Train a DCGAN (Radford, Metz & Chintala 2016).
#[derive(clap::Parser, Clone, Debug, Serialize)]
#[command(name = "train-dcgan", version, after_help = examples("train-dcgan", EXAMPLES))]
#[command(mut_arg("dataset", data::help))]
#[command(mut_arg("lr", |arg| arg.help("Learning rate of both networks for the paper's width of 128; with adam or rmsprop it is multiplied by 128 / width")))]
pub struct Settings {
    /// The flags of the data.
    #[command(flatten)]
    #[serde(flatten)]
    pub data: DataArgs,

    /// The flags of every trainer.
    #[command(flatten)]
    #[serde(flatten)]
    pub common: CommonArgs,

    /// Defaults for a kind of images, which other flags override
    #[arg(long, value_name = "NAME", help_heading = "Data", value_parser = crate::one_of(Natural::ALL))]
    #[arg(requires_if(Natural::Images64.name(), "dataset"))]
    #[serde(skip)]
    pub preset: Option<Natural>,

    /// Channels of the layer at half the image's resolution; each further halving doubles them
    #[arg(long, value_name = "N", help_heading = "Model", value_parser = limits::units, allow_negative_numbers = true)]
    pub width: usize,

    /// The flags of every game.
    #[command(flatten)]
    #[serde(flatten)]
    pub game: GameArgs,
}

impl Config for Settings {
    type Data = DataArgs;
    const MODEL: &'static str = "dcgan";

    fn presets() -> Vec<Preset> {
        let own = &[preset("epochs", "16"), preset("width", "16")];
        [NATURAL, COMMON, DATA, GAME, D_NORM_OF_CONVOLUTIONS, own].concat()
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
        [data::unused_flags(&self.data), self.game.unused_flags()].concat()
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
        Ok([a.generator_costs(), a.discriminator_costs()])
    }

    fn build(&self, settings: adjoint_adversarial::Settings) -> Result<Dcgan<f32>, BoxError> {
        Ok(dcgan(&self.architecture()?, settings.at_width(self.width), self.common.seed))
    }

    fn graphs(&self, [g, d]: &[NamedTensors; 2], noise: Content) -> Result<[Graph; 2], BoxError> {
        let a = self.architecture()?;
        Ok([networks::dcgan_generator(&a, g, noise), networks::dcgan_discriminator(&a, d)])
    }

    fn filters(discriminator: Discriminator<f32>) -> Option<Box<dyn Filters>> {
        Some(Box::new(discriminator))
    }
}

impl Filters for Discriminator<f32> {
    fn depth(&self) -> usize {
        self.depth()
    }

    fn features(&mut self, x: &Var<f32>, layer: usize) -> Var<f32> {
        self.features(x, layer)
    }

    fn guided_backpropagation(&mut self, x: &Tensor<f32>, layer: usize, seed: &Tensor<f32>) -> Tensor<f32> {
        self.guided_backpropagation(x, layer, seed)
    }
}

impl Settings {
    fn architecture(&self) -> Result<Architecture, BoxError> {
        let (d_norm, d_dropout) = self.game.d_style();
        let (image_size, channels) = (self.data.image_size, data::channels(&self.data)?);
        let (width, latent) = (self.width, self.game.latent);
        Ok(Architecture { image_size, channels, width, latent, d_norm, d_dropout })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(flags: &[&str]) -> Settings {
        adjoint_runs::parse([&["train-dcgan"], flags].concat()).unwrap()
    }

    /// By default, the program has the optimiser, the losses and the order of updates that are the
    /// defaults of the library.
    #[test]
    fn the_optimiser_is_that_of_the_library() {
        let (of_flags, of_library) =
            (settings(&[]).game.settings(1).unwrap(), adjoint_adversarial::Settings::default());
        let optimiser = |s: adjoint_adversarial::Settings| (s.descent, s.lr, s.beta1, s.beta2);
        assert_eq!(optimiser(of_flags), optimiser(of_library));
        assert_eq!((of_flags.loss, of_flags.update), (of_library.loss, of_library.update));
    }
}
