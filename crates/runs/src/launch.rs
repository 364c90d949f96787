//! Starts a training run from a command line. The `main` of a trainer calls [`start`] and then
//! [`train`].

use std::ffi::OsString;
use std::process::{ExitCode, Termination};

use adjoint_tensor::{isa, threads};

use crate::changes;
use crate::config::{self, Config, Data};
use crate::output::Training;
use crate::report::say;
use crate::session::Session;
use crate::signals::stop_on_signals;
use crate::{BoxError, Error, RunDir, Summary, Trainable};

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All steps are done (or only the summary was requested).
    Finished,
    /// The run was stopped and can be resumed.
    Interrupted,
}

impl Termination for Outcome {
    /// Returns 0, or 130 for an interrupted run, as a shell expects after Ctrl-C.
    fn report(self) -> ExitCode {
        match self {
            Self::Finished => ExitCode::SUCCESS,
            Self::Interrupted => ExitCode::from(130),
        }
    }
}

/// Parses the settings on a command line, as [`parse`](crate::parse) does. Sets the instruction set
/// and the number of threads.
///
/// # Errors
/// If a flag, a configuration file or the run to resume can't be used. Also if help was requested,
/// which [`run_main`](crate::run_main) prints.
pub fn start<C: Config>(arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Result<C, Error> {
    let config: C = config::parse(arguments)?;
    if let Some(isa) = config.common().isa {
        isa::set(isa).map_err(|error| Error::Other(format!("--isa {isa}: {error}; choose another")))?;
    }
    set_threads(config.common().threads)?;
    Ok(config)
}

/// Builds the trainer and trains until the last step, an interrupt or an error. With `--dry-run`,
/// only prints the summary of the model, which needs no data. `build` may complete the settings
/// with what it finds, such as the digest of the data. They are then written to config.toml.
///
/// # Errors
/// If the summary or the trainer can't be built. If a file of the run can't be read or written, or
/// does not fit the model. If a value is not finite. The last valid checkpoint is kept.
pub fn train<C: Config, T: Trainable>(
    mut config: C,
    summary: impl FnOnce(&C) -> Result<Summary, BoxError>,
    build: impl FnOnce(&mut C) -> Result<T, BoxError>,
) -> Result<Outcome, BoxError> {
    if config.common().dry_run {
        say(format_args!("{}kernels      {}", summary(&config)?, kernels()));
        return Ok(Outcome::Finished);
    }
    let mut trainer = build(&mut config)?;
    let common = config.common();
    let run = match &common.resume {
        Some(directory) => RunDir::open(directory)?,
        None => {
            let stem = format!("{}-{}", C::MODEL, config.data().name());
            RunDir::create(&common.out, common.name.as_deref(), &stem)?
        }
    };
    let steps_per_epoch = trainer.steps_per_epoch().max(1);
    let training = Training {
        model: C::MODEL,
        title: format!("{} on {}", C::MODEL, config.data().name()),
        config: config::to_toml(&config),
        changed: &|path, text| Ok(changes::difference(&config::of_toml(path, text)?, &config)),
        common: common.clone(),
        total: common.total_steps(steps_per_epoch),
        steps_per_epoch,
        interval: trainer.interval().max(1),
        run,
        trainer: &mut trainer,
        done: 0,
        saved: None,
    };
    Ok(Session::open(training, &stop_on_signals()?)?.run()?)
}

/// Sets the number of kernel threads: the value of `--threads`, else RAYON_NUM_THREADS, else one
/// per processor. Must be called only once, by `main`.
///
/// # Errors
/// If RAYON_NUM_THREADS is not a valid number of threads, or if the system can't start the threads.
pub fn set_threads(requested: Option<usize>) -> Result<(), Error> {
    let flag = requested.map(|count| format!("--threads {count}: ")).unwrap_or_default();
    threads::set(requested.unwrap_or(0)).map_err(|error| Error::Other(format!("{flag}{error}")))
}

/// Describes the threads and the instruction set, such as "2 threads with avx512".
pub(crate) fn kernels() -> String {
    let count = threads::count();
    format!("{count} thread{} with {}", if count == 1 { "" } else { "s" }, isa::Isa::active())
}
