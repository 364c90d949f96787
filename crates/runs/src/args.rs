//! The flags that all trainers share. Each trainer flattens them into its own settings.
//!
//! There are three kinds of flags. Settings that affect the result are recorded in config.toml.
//! Flags that concern only this process (where to write, how much to print) are not recorded. The
//! remaining flags choose where settings come from.

use std::path::PathBuf;

use adjoint_tensor::isa::Isa;
use clap::builder::ArgPredicate;
use serde::{Serialize, Serializer};

use crate::preset::{Preset, preset};
use crate::values::{count, threads};

/// The defaults of [`CommonArgs`].
pub const COMMON: &[Preset] = &[
    preset("batch_size", "128"),
    preset("epochs", "10"),
    preset("seed", "1"),
    preset("out", "runs"),
    preset("log_every", "10"),
];

/// The settings of a training run that concern neither the model nor its data.
///
/// [`COMMON`] has their defaults. [`Config::presets`](crate::Config::presets) can override them.
#[derive(Clone, Debug, clap::Args, Serialize)]
pub struct CommonArgs {
    /// Images per batch
    #[arg(long, value_name = "N", help_heading = "Training", value_parser = count::<usize>)]
    pub batch_size: usize,

    /// Passes through the training set, counted from the start of the run
    #[arg(long, value_name = "N", conflicts_with = "steps", help_heading = "Training")]
    // The flag --steps also disables the default of --epochs.
    #[arg(default_value_if("steps", ArgPredicate::IsPresent, None))]
    #[arg(value_parser = count::<u64>)]
    pub epochs: Option<u64>,

    /// Total steps of the run, instead of --epochs
    #[arg(long, value_name = "N", conflicts_with = "epochs", help_heading = "Training")]
    #[arg(value_parser = count::<u64>)]
    pub steps: Option<u64>,

    /// Seed of all random numbers
    #[arg(long, value_name = "N", help_heading = "Training")]
    #[arg(value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub seed: u64,

    /// Number of threads; does not affect results [default: RAYON_NUM_THREADS or one per processor]
    #[arg(long, value_name = "N", help_heading = "Training", value_parser = threads)]
    #[serde(skip)]
    pub threads: Option<usize>,

    /// Instruction set: portable, avx2 or avx512 [default: best supported, or the resumed run's]
    #[arg(long, value_name = "NAME", help_heading = "Training")]
    #[serde(serialize_with = "in_use")]
    pub isa: Option<Isa>,

    /// Parent directory of the run
    #[arg(long, value_name = "DIR", help_heading = "Run")]
    #[serde(skip)]
    pub out: PathBuf,

    /// Name of the run [default: the model, the dataset and a number]
    #[arg(long, value_name = "NAME", help_heading = "Run")]
    #[serde(skip)]
    pub name: Option<String>,

    /// Resume the run in DIR with its saved settings
    #[arg(long, value_name = "DIR", conflicts_with_all = ["out", "name", "config"], help_heading = "Run")]
    #[serde(skip)]
    pub resume: Option<PathBuf>,

    /// TOML file of settings, such as `batch_size = 64`; flags override it
    #[arg(long, value_name = "FILE", help_heading = "Run")]
    #[serde(skip)]
    pub config: Option<PathBuf>,

    /// Save a checkpoint every N steps [default: after each epoch, or after several short ones]
    #[arg(long, value_name = "N", help_heading = "Run", value_parser = count::<u64>)]
    pub checkpoint_every: Option<u64>,

    /// Draw a sample grid every N steps [default: after each epoch, or after several short ones]
    #[arg(long, value_name = "N", help_heading = "Run", value_parser = count::<u64>)]
    pub sample_every: Option<u64>,

    /// Log losses and other figures every N steps
    #[arg(long, value_name = "N", help_heading = "Run", value_parser = count::<u64>)]
    pub log_every: u64,

    /// Also write figures, pictures and histograms of weights and gradients for TensorBoard
    #[arg(long, help_heading = "Run")]
    pub tensorboard: bool,

    /// Print warnings and errors only
    #[arg(long, help_heading = "Run")]
    #[serde(skip)]
    pub quiet: bool,

    /// Print the layers, and the operations and memory per step, then exit
    #[arg(long, help_heading = "Run")]
    #[serde(skip)]
    pub dry_run: bool,
}

impl CommonArgs {
    /// Returns the number of steps of the whole run: `steps`, or `epochs` times `steps_per_epoch`.
    ///
    /// # Panics
    /// If neither `steps` nor `epochs` is set. A parsed command line always sets one of them.
    pub fn total_steps(&self, steps_per_epoch: u64) -> u64 {
        let of_epochs = |epochs: u64| epochs.saturating_mul(steps_per_epoch);
        self.steps.or(self.epochs.map(of_epochs)).expect("a parsed command line sets steps or epochs")
    }
}

/// Records the requested instruction set. If the flag was not given, records the one in use.
fn in_use<S: Serializer>(requested: &Option<Isa>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&requested.unwrap_or_else(Isa::active))
}

/// Flags that a configuration file can't contain. They choose the file, or an action other than
/// training.
pub(crate) const NOT_IN_FILES: [&str; 5] = ["config", "resume", "dry_run", "help", "version"];

/// Settings that may change when a run is resumed. They change its end or its outputs. The results
/// of each step stay the same, with two exceptions. Another instruction set changes the last bits
/// of results. A learning rate that falls to 0 at the end of the run depends on the number of
/// steps. [`Data::free_on_resume`](crate::Data::free_on_resume) adds settings of the data.
pub(crate) const FREE_ON_RESUME: [&str; 7] =
    ["steps", "epochs", "log_every", "sample_every", "checkpoint_every", "tensorboard", "isa"];
