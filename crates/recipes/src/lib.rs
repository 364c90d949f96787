//! Recipes: each model as a program, with its flags, defaults, data and trainer. This crate also
//! opens the runs of these programs.
//!
//! * [`vae`], [`gan`], [`dcgan`], [`cgan`]: one recipe each. [`registry`] lists them. Code that
//!   several recipes share is in the other modules.
//! * [`game`]: shared code of recipes that train a generator against a discriminator.
//! * [`variational`]: shared code of recipes that train a latent variable model by a bound.
//! * [`Model`]: the trained model of a run of any recipe, to sample from, encode with or measure.
//! * [`data`]: loads the dataset that flags name, and shows downloads.
//! * [`limits`]: checks the values of flags against the memory and the data that are available.
//! * [`labels`]: classes as one-hot rows.
//! * [`pictures`]: pictures made of many images.
//! * [`Arch`]: a flag of several programs.
//!
//! Train a model by its recipe, and open the run to draw samples:
//!
//! ```
//! use adjoint_recipes::{Model, Open, Recipe};
//!
//! # let directory = tempfile::tempdir()?;
//! # let out = directory.path().to_str().expect("UTF-8");
//! let flags = ["train-vae", "--hidden", "8", "--steps", "1", "--quiet", "--name", "tiny", "--out", out];
//! let recipe = Recipe::of("vae").expect("it is in the registry");
//! (recipe.train)(&flags.map(Into::into))?;
//!
//! let run = directory.path().join("tiny");
//! let mut model = Model::open(&Open { run, seed: 1, raw: false, places: Default::default() })?;
//! let z = model.draw("samples", 4)?;
//! assert_eq!(model.decode(&z, None)?.dims(), [4, 28, 28, 1]);
//! # Ok::<(), adjoint_runs::BoxError>(())
//! ```
#![forbid(unsafe_code)]

use adjoint_nn::{Named, Tensor, named};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use serde::Serializer;

/// The condition of each row of a batch, if the model is conditional.
pub type Conditions<'a> = Option<&'a Tensor<f32>>;

/// Returns a parser of a flag that has one of these values. Each value is given by its name.
///
/// # Panics
/// Never: clap accepts only names of values.
pub fn one_of<T: Named>(values: &[T]) -> impl TypedValueParser<Value = T> + use<T> {
    let names = values.iter().map(|value| PossibleValue::new(value.name()).help(value.about()));
    PossibleValuesParser::new(names).map(|name| T::of_name(&name).expect("it is one of them"))
}

/// Serializes a setting as its name, for config.toml.
pub(crate) fn by_name<T: Named, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(value.name())
}

named! {
    /// The kind of layers, for models that can have fully connected or convolutional layers.
    pub enum Arch {
        /// Fully connected.
        Mlp = "mlp": "fully connected",
        /// Strided convolutions.
        Conv = "conv": "strided convolutions",
    }
}

pub mod cgan;
pub mod data;
pub mod dcgan;
pub mod game;
pub mod gan;
pub mod labels;
pub mod limits;
mod model;
pub mod pictures;
pub mod registry;
#[cfg(test)]
mod unreadable;
pub mod vae;
pub mod variational;

pub(crate) use model::load;
pub use model::{Exported, Import, Model, Networks, Open};
pub use registry::Recipe;
