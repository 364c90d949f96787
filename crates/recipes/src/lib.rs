//! Recipes: a model as a program (its flags, defaults, data and trainer), and its runs opened
//! again.
//!
//! * [`vae`], [`gan`], [`dcgan`], [`cgan`]: a recipe each, and nothing that belongs to several.
//!   [`registry`] lists them.
//! * [`game`]: what all recipes have in common that play a generator against a discriminator.
//! * [`variational`]: what all have in common that learn a model with latent variables by a bound.
//! * [`Model`]: a run of any recipe, opened to be sampled, encoded or measured.
//! * [`data`]: the dataset that flags name, with downloads shown.
//! * [`limits`]: what flags ask for against what there is.
//! * [`labels`]: classes as one-hot rows.
//! * [`pictures`]: pictures of many images.
//! * [`LrSchedule`]: how step sizes change over a run.
//! * [`choice!`]: flags that are one of a few names; [`Arch`] is one of several programs.
//!
//! Train a model by its recipe, and open the run to draw samples:
//!
//! ```
//! use adjoint_recipes::{Model, Open, Recipe};
//!
//! # let directory = tempfile::tempdir()?;
//! # let out = directory.path().to_str().expect("UTF-8");
//! let flags = ["train-vae", "--hidden", "8", "--steps", "1", "--quiet", "--name", "tiny", "--out", out];
//! Recipe::of("vae").expect("it is in the registry").train(&flags.map(Into::into))?;
//!
//! let run = directory.path().join("tiny");
//! let mut model = Model::open(&Open { run, seed: 1, raw: false, data_dir: None })?;
//! let z = model.draw("samples", 4)?;
//! assert_eq!(model.decode(&z, None)?.dims(), [4, 28, 28, 1]);
//! # Ok::<(), adjoint_runs::BoxError>(())
//! ```
#![forbid(unsafe_code)]

use adjoint_nn::Named;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use serde::Serializer;

/// A choice among names, as it stands on a command line and in config.toml.
#[macro_export]
macro_rules! choice {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident),+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, ::clap::ValueEnum, ::serde::Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }
    };
}

/// Takes one of the names of a setting, as the value of a flag.
pub(crate) fn one_of<T: Named>(values: &[T]) -> impl TypedValueParser<Value = T> + use<T> {
    let names = values.iter().map(|value| PossibleValue::new(value.name()).help(value.about()));
    PossibleValuesParser::new(names).map(|name| T::of_name(&name).expect("it is one of them"))
}

/// Writes a setting to config.toml by its name.
pub(crate) fn by_name<T: Named, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(value.name())
}

choice!(
    /// The layers of models that come in both kinds.
    Arch {
        /// Fully connected
        Mlp,
        /// Strided convolutions
        Conv
    }
);

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
mod schedule;
pub mod vae;
pub mod variational;

pub use model::{Model, Networks, Open, load};
pub use registry::Recipe;
pub use schedule::LrSchedule;
