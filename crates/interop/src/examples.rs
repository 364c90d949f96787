//! State dicts of the example programs of PyTorch, which many other programs resemble.
//!
//! | example | layers |
//! | --- | --- |
//! | `dcgan` | two `nn.Sequential`, named `main`: convolutions of 4 x 4 with batch norm |
//! | `vae` | `fc1`, then the heads `fc21` (mean) and `fc22` (log variance); `fc3`, then `fc4`; ReLU |

use adjoint_nn::{NamedTensors, Tensor};

pub use crate::networks::{DCGAN_EXAMPLE, VAE_EXAMPLE};

/// Every example.
pub const ALL: [Example; 2] = [DCGAN_EXAMPLE, VAE_EXAMPLE];

/// An example program, whose networks can become a run.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    /// The kind of model, which is also the name of the example.
    pub model: &'static str,
    /// The files of its weights.
    pub files: &'static [StateDict],
    /// Converts the files, in their order. Weights have the layouts of the engine.
    convert: fn(Vec<Option<NamedTensors>>) -> Result<Foreign, String>,
}

/// A file of weights.
#[derive(Clone, Copy, Debug)]
pub struct StateDict {
    /// Its name, such as "generator".
    pub name: &'static str,
    /// Can the example do without it?
    pub is_optional: bool,
}

/// Networks of another program, with the flags of the trainer that make networks of this shape.
#[derive(Clone, Debug)]
pub struct Foreign {
    /// Flags and their values.
    pub flags: Vec<(&'static str, String)>,
    /// The number of channels of the images.
    pub channels: usize,
    /// The networks.
    pub networks: Vec<ForeignNetwork>,
}

/// A network of another program.
#[derive(Clone, Debug)]
pub struct ForeignNetwork {
    /// Its name in a run, such as "generator".
    pub name: &'static str,
    /// Its weights, with the names of the engine. A weight without a counterpart has its old name.
    pub weights: NamedTensors,
    /// Its layers: each name in the other program, and the name in the engine.
    layers: Vec<(String, String)>,
}

impl ForeignNetwork {
    /// Gives the weights of these layers the names of the engine.
    pub(crate) fn new(name: &'static str, weights: NamedTensors, layers: Vec<(String, String)>) -> Self {
        let new = |name: &str| {
            let (layer, part) = name.rsplit_once('.')?;
            let (_, own) = layers.iter().find(|(other, _)| other == layer)?;
            Some(format!("{own}.{part}"))
        };
        let weights = weights.into_iter().map(|(name, w)| (new(&name).unwrap_or(name), w)).collect();
        Self { name, weights, layers }
    }

    /// Returns the name in the other program of a weight of the engine.
    pub fn foreign_name(&self, name: &str) -> String {
        let old = name.rsplit_once('.').and_then(|(layer, part)| {
            let (other, _) = self.layers.iter().find(|(_, own)| own == layer)?;
            Some(format!("{other}.{part}"))
        });
        old.unwrap_or_else(|| name.to_owned())
    }
}

impl Example {
    /// Describes an example.
    pub(crate) const fn new(
        model: &'static str,
        files: &'static [StateDict],
        convert: fn(Vec<Option<NamedTensors>>) -> Result<Foreign, String>,
    ) -> Self {
        Self { model, files, convert }
    }

    /// Converts the weights in the files of the example, in the order of the files. `None` stands
    /// for an optional file that is not there.
    ///
    /// # Errors
    /// A description of what is missing or does not fit.
    pub fn convert(&self, files: Vec<Option<NamedTensors>>) -> Result<Foreign, String> {
        (self.convert)(files.into_iter().map(|file| file.map(plain)).collect())
    }
}

/// The prefix that PyTorch gives to the weights of a network that was trained on several devices.
const PARALLEL: &str = "module.";

pub(crate) fn find<'a>(weights: &'a NamedTensors, name: &str) -> Option<&'a Tensor<f32>> {
    weights.iter().find(|(own, _)| own == name).map(|(_, weight)| weight)
}

/// Removes [`PARALLEL`].
fn plain(weights: NamedTensors) -> NamedTensors {
    let strip = |name: String| name.strip_prefix(PARALLEL).map(str::to_owned).unwrap_or(name);
    weights.into_iter().map(|(name, weight)| (strip(name), weight)).collect()
}
