//! The parts of a training run that do not depend on the model: flags and configuration, the run
//! directory, the training loop, checkpoints, metrics, sample grids, curves, progress and signals.
//! This crate handles named tensors, but defines no network.
//!
//! A trainer consists of a [`Config`] (its flags), a [`Trainable`] (its model) and a `main`
//! function:
//!
//! ```no_run
//! # use adjoint_runs::{BoxError, Config, Summary, Trainable, run_main, start, train};
//! # use std::process::ExitCode;
//! # fn trainer<C: Config, T: Trainable>(
//! #     summary: fn(&C) -> Result<Summary, BoxError>,
//! #     build: fn(&mut C) -> Result<T, BoxError>,
//! # ) -> ExitCode {
//! run_main(|| {
//!     let config: C = start(std::env::args_os())?;
//!     train(config, summary, build)
//! })
//! # }
//! ```
//!
//! `examples/walk.rs` is a complete trainer. If such a program is killed at any time, each file in
//! its [`RunDir`] is either complete or absent. A run that was killed and resumed ends with the
//! same files as an uninterrupted run.
#![forbid(unsafe_code)]

mod animation;
mod args;
mod changes;
mod checkpoint;
mod config;
mod container;
mod disk;
mod error;
mod grid;
mod image;
mod imported;
mod invocation;
mod launch;
mod loading;
mod log;
mod new_directory;
mod output;
pub mod paths;
mod pictures;
pub mod plot;
mod preset;
mod progress;
pub mod protobuf;
mod report;
mod run;
mod session;
mod signals;
mod summary;
mod tensorboard;
mod trainer;
pub mod values;
pub mod weights;

pub use adjoint_nn::NamedTensors;
pub use args::{COMMON, CommonArgs};
pub use checkpoint::{Checkpoints, Loaded, Snapshot, join_parts, take_part};
pub use config::{Config, Data, UnusedFlag, command, model_of_run, parse, settings_of_run, unused_if};
pub use disk::{is_standard_output, write_file};
pub use error::{BoxError, Error};
pub use grid::Grid;
pub use image::Image;
pub use imported::{create_imported, is_imported};
pub use invocation::{command_line, examples};
pub use launch::{Outcome, set_threads, start, train};
pub use loading::{Loading, Unit};
pub use log::Figures;
pub use new_directory::NewDirectory;
pub use plot::{Curve, Panel};
pub use preset::{Preset, either, preset};
pub use report::{note, run_main, say, warn};
pub use run::RunDir;
pub use summary::{Summary, grouped};
pub use trainer::{Stop, Trainable};
