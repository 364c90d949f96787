//! The list of all recipes. To add a model, write its networks and its recipe, and add the recipe
//! to [`ALL`].

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use adjoint_runs::{BoxError, Error, Outcome, model_of_run, run_main};
use clap::Command;

use crate::game::filters::FiltersAndCosts;
use crate::model::{Exported, Import, Model, Open};

/// Every recipe.
#[rustfmt::skip] // one recipe per line
pub const ALL: &[Recipe] = &[
    crate::vae::RECIPE,
    crate::gan::RECIPE,
    crate::dcgan::RECIPE,
    crate::cgan::RECIPE,
];

/// A model as a program: its command line, its trainer and the loader of its runs.
#[derive(Clone, Copy, Debug)]
pub struct Recipe {
    /// The kind of model, such as "dcgan". It is part of the names of its runs and of its program,
    /// `train-dcgan`.
    pub model: &'static str,
    /// Returns the command line of the program.
    pub command: fn() -> Command,
    /// Parses a command line and trains. The first argument is the name of the program.
    ///
    /// # Errors
    /// If the command line is wrong, the data can't be loaded, or training fails.
    pub train: fn(&[OsString]) -> Result<Outcome, BoxError>,
    /// Can a run of this model have a moving average of its weights?
    pub has_average: bool,
    /// Returns the networks of a run of this model, for other programs.
    ///
    /// # Errors
    /// If its weights are missing or don't fit its settings.
    pub export: fn(&Open) -> Result<Exported, BoxError>,
    /// Makes a run of networks of another program. The arguments are those of the trainer, which
    /// make networks of these shapes. Returns the run's directory.
    ///
    /// # Errors
    /// If the networks are not those of the arguments, the data can't be loaded, or the run can't
    /// be written.
    pub import: fn(&[OsString], Import<'_>) -> Result<PathBuf, BoxError>,
    pub(crate) open: fn(&Open) -> Result<Model, BoxError>,
    pub(crate) filters: fn(&Path) -> Result<Option<FiltersAndCosts>, BoxError>,
}

impl Recipe {
    /// Returns the recipe of this kind of model, or `None` if there is no such recipe.
    pub fn of(model: &str) -> Option<Self> {
        ALL.iter().copied().find(|recipe| recipe.model == model)
    }

    /// Returns the recipe of the model of a run.
    ///
    /// # Errors
    /// If there is no run, or its model is unknown.
    pub fn of_run(run: &Path) -> Result<Self, Error> {
        let kind = model_of_run(run)?;
        let known = || ALL.iter().map(|recipe| recipe.model).collect::<Vec<_>>().join(", ");
        Self::of(&kind).ok_or_else(|| {
            let problem = format!("a run of the unknown model `{kind}`; known models are {}", known());
            Error::file(run, problem)
        })
    }

    /// The `main` of a program that trains by this recipe.
    pub fn main(&self) -> ExitCode {
        run_main(|| (self.train)(&env::args_os().collect::<Vec<_>>()))
    }
}
