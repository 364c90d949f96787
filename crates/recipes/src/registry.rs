//! All recipes. A new model is its networks, its recipe and a line here.

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use adjoint_runs::{BoxError, Outcome, run_main};
use clap::Command;

use crate::model::{Model, Open};

/// Every recipe, in the order of the papers.
#[rustfmt::skip] // a line each
pub const ALL: &[Recipe] = &[
    crate::vae::RECIPE,
    crate::gan::RECIPE,
    crate::dcgan::RECIPE,
    crate::cgan::RECIPE,
];

/// A model as a program: what its settings are, trained and opened again, whatever is inside.
#[derive(Clone, Copy, Debug)]
pub struct Recipe {
    /// The kind of model: "dcgan". Names its runs, and its program after `train-`.
    pub model: &'static str,
    pub(crate) command: fn() -> Command,
    pub(crate) train: fn(&[OsString]) -> Result<Outcome, BoxError>,
    pub(crate) open: fn(&Open) -> Result<Model, BoxError>,
}

impl Recipe {
    /// The recipe of a kind of model.
    pub fn of(model: &str) -> Option<Self> {
        ALL.iter().copied().find(|recipe| recipe.model == model)
    }

    /// Its command line.
    pub fn command(&self) -> Command {
        (self.command)()
    }

    /// Trains as a command line says. The first argument is the name of the program.
    ///
    /// # Errors
    /// If the command line is wrong, the data can't be loaded, or training fails.
    pub fn train(&self, arguments: &[OsString]) -> Result<Outcome, BoxError> {
        (self.train)(arguments)
    }

    /// The `main` of a program that trains by this recipe.
    pub fn main(&self) -> ExitCode {
        run_main(|| self.train(&env::args_os().collect::<Vec<_>>()))
    }
}
