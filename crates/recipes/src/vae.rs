//! The VAE on the command line.

use crate::Recipe;
use crate::data::{self, DATA, DataArgs};
use crate::variational::flags::VARIATIONAL;
use crate::variational::{self, VariationalArgs, VariationalConfig};
use crate::{Arch, limits};
use adjoint_interop::{Graph, networks};
use adjoint_nn::cost::LayerCost;
use adjoint_nn::{Named, NamedTensors};
use adjoint_runs::{BoxError, COMMON, CommonArgs, Config, Preset, UnusedFlag, examples, preset, unused_if};
use adjoint_vae::{Activation, Architecture, Body, Decoder, Encoder, Vae, vae};
use adjoint_variational::Likelihood;
use serde::Serialize;

const EXAMPLES: &[(&str, &str)] = &[
    ("", "glyphs at 28x28"),
    ("--latent 2", "a latent plane of digits, for `sample manifold`"),
    (
        "--dataset mnist --download --binarize dynamic --hidden 200,200 --latent 50 --epochs 100",
        "the network of the importance weighted autoencoder's paper",
    ),
    ("--arch conv --dataset glyphs-rgb --image-size 32", "convolutions on coloured glyphs"),
];

/// The recipe.
pub const RECIPE: Recipe = variational::recipe::<Settings>();

/// Train a variational autoencoder (Kingma & Welling 2014).
#[derive(clap::Parser, Clone, Debug, Serialize)]
#[command(name = "train-vae", version, after_help = examples("train-vae", EXAMPLES))]
#[command(mut_arg("dataset", data::help))]
pub struct Settings {
    /// The flags of the data.
    #[command(flatten)]
    #[serde(flatten)]
    pub data: DataArgs,

    /// The flags of every trainer.
    #[command(flatten)]
    #[serde(flatten)]
    pub common: CommonArgs,

    /// Layers of encoder and decoder: fully connected, or the DCGAN's convolutions
    #[arg(long, value_name = "NAME", help_heading = "Model", value_parser = crate::one_of(Arch::ALL))]
    #[serde(serialize_with = "crate::by_name")]
    pub arch: Arch,

    /// Number of units of each hidden layer of --arch mlp, from the image to z
    #[arg(long, value_name = "N,N", value_delimiter = ',', help_heading = "Model")]
    #[arg(value_parser = limits::units, allow_negative_numbers = true)]
    pub hidden: Vec<usize>,

    /// Activation of the hidden layers of --arch mlp
    #[arg(long, value_name = "NAME", help_heading = "Model", value_parser = crate::one_of(Activation::ALL))]
    #[serde(serialize_with = "crate::by_name")]
    pub activation: Activation,

    /// Channels of the layer of --arch conv at half the image's resolution; each further halving
    /// doubles the channels
    #[arg(long, value_name = "N", help_heading = "Model", value_parser = limits::units, allow_negative_numbers = true)]
    pub width: usize,

    /// The flags of every model with latent variables.
    #[command(flatten)]
    #[serde(flatten)]
    pub variational: VariationalArgs,
}

impl Config for Settings {
    type Data = DataArgs;
    const MODEL: &'static str = "vae";

    fn presets() -> Vec<Preset> {
        [
            COMMON,
            DATA,
            VARIATIONAL,
            &[
                preset("epochs", "22"),
                preset("arch", "mlp"),
                preset("hidden", "400,400"),
                preset("activation", "tanh"),
                preset("width", "16"),
            ],
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
        let mlp = unused_if(self.arch == Arch::Conv, "--arch mlp", ["hidden", "activation"]);
        [conv, mlp, data::unused_flags(&self.data), self.variational.unused_flags()].concat()
    }
}

impl VariationalConfig for Settings {
    type Encoder = Encoder<f32>;
    type Decoder = Decoder<f32>;

    fn variational(&self) -> &VariationalArgs {
        &self.variational
    }

    fn costs(&self) -> Result<[Vec<LayerCost>; 2], BoxError> {
        let a = self.architecture()?;
        Ok([a.encoder_costs(), a.decoder_costs()])
    }

    fn build(&self, settings: adjoint_variational::Settings) -> Result<Vae<f32>, BoxError> {
        Ok(vae(&self.architecture()?, settings, self.common.seed))
    }

    fn graphs(&self, [encoder, decoder]: &[NamedTensors; 2]) -> Result<[Graph; 2], BoxError> {
        let (a, is_bernoulli) = (self.architecture()?, self.variational.likelihood == Likelihood::Bernoulli);
        Ok([networks::vae_encoder(&a, encoder), networks::vae_decoder(&a, decoder, is_bernoulli)])
    }
}

impl Settings {
    fn architecture(&self) -> Result<Architecture, BoxError> {
        let body = match self.arch {
            Arch::Mlp => Body::Mlp { hidden: self.hidden.clone(), activation: self.activation },
            Arch::Conv => Body::Conv { width: self.width },
        };
        let (image_size, channels) = (self.data.image_size, data::channels(&self.data)?);
        let classes = if self.variational.conditional { data::classes(&self.data)? } else { 0 };
        Ok(Architecture { image_size, channels, latent: self.variational.latent, classes, body })
    }
}
