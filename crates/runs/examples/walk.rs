//! The smallest complete trainer: a point on a random walk. `cargo run -p adjoint-runs --example
//! walk -- --help`
//!
//! The crate's tests kill, interrupt, resume and break this program.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::{self, ExitCode};
use std::thread;
use std::time::Duration;

use adjoint_files::faults;
use adjoint_nn::cost::LayerCost;
use adjoint_runs::{
    BoxError, COMMON, CommonArgs, Config, Curve, Data, Figures, Grid, Image, NamedTensors, Panel, Preset,
    Summary, Trainable, note, paths, preset, run_main, start, train,
};
use adjoint_tensor::{PixelRange, Stream, Tensor};
use clap::Parser;
use serde::Serialize;

/// Take a random walk.
#[derive(Clone, Parser, Serialize)]
#[command(name = "walk", version)]
struct Settings {
    #[command(flatten)]
    #[serde(flatten)]
    common: CommonArgs,

    /// Directory of nothing, which is recorded
    #[arg(long, default_value = "maps")]
    #[serde(serialize_with = "paths::serialize")]
    maps: PathBuf,

    /// Length of a step
    #[arg(long, default_value_t = 0.1)]
    stride: f64,

    /// Milliseconds to wait in each step
    #[arg(long, default_value_t = 0)]
    pause: u64,

    /// File that each step writes before it waits
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    sign: Option<PathBuf>,

    /// File that must be readable when a picture is drawn
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    frame: Option<PathBuf>,

    /// Milliseconds per measurement at the end of an epoch and of the run, not recorded
    #[arg(long, default_value_t = 0)]
    #[serde(skip)]
    measure: u64,

    /// Number of the call to the file system that fails, from 0
    #[arg(long)]
    #[serde(skip)]
    fail_at: Option<u64>,

    /// Number of the call to the file system before which the process is killed, from 0
    #[arg(long)]
    #[serde(skip)]
    kill_at: Option<u64>,

    /// Operation that the file system lacks: Lock or SyncDirectory
    #[arg(long, requires = "errno")]
    #[serde(skip)]
    without: Option<String>,

    /// Error number of the operation that the file system lacks
    #[arg(long, default_value_t = 0)]
    #[serde(skip)]
    errno: i32,

    /// Step in which a weight becomes infinite, unseen by the figures
    #[arg(long)]
    stumble: Option<u64>,
}

impl Settings {
    /// Makes file system calls fail as the flags request.
    fn inject_faults(&self) {
        let Self { fail_at, kill_at, without, errno, .. } = self;
        let (fail_at, kill_at, without, errno) = (*fail_at, *kill_at, without.clone(), *errno);
        let mut calls = 0..;
        faults::inject(move |call, path| {
            let number = calls.next();
            if without.as_ref().is_some_and(|name| *name == format!("{call:?}")) {
                return Err(io::Error::from_raw_os_error(errno));
            }
            if number != fail_at && number != kill_at {
                return Ok(());
            }
            note(format_args!("fault in call {number:?}: {call:?} of {}", path.display()));
            if number == kill_at { process::abort() } else { Err(io::ErrorKind::StorageFull.into()) }
        });
    }
}

impl Data for Settings {
    fn name(&self) -> String {
        "plane".to_owned()
    }

    fn free_on_resume(&self) -> Vec<&'static str> {
        vec!["maps"]
    }
}

impl Config for Settings {
    type Data = Self;
    const MODEL: &'static str = "walk";

    fn presets() -> Vec<Preset> {
        [COMMON, &[preset("epochs", "3")]].concat()
    }

    fn common(&self) -> &CommonArgs {
        &self.common
    }

    fn data(&self) -> &Self {
        self
    }

    fn data_mut(&mut self) -> &mut Self {
        self
    }
}

fn summary(_: &Settings) -> Result<Summary, BoxError> {
    let layer = LayerCost { name: "walk".into(), output: vec![64], parameters: 64, flops: 64, kept: 64 };
    Ok(Summary { networks: vec![("walker", vec![layer])], step_flops: 64, step_bytes: 512 })
}

struct Walk {
    settings: Settings,
    place: Tensor<f32>,
    filter: Tensor<f32>,
}

const PANELS: &[Panel] = &[Panel {
    title: "Distance from the origin",
    curves: &[Curve { key: "distance", label: "distance" }],
    range: None,
    reference: Some((1.0, "one")),
}];

impl Walk {
    /// Waits for the duration of a measurement. Returns false if `stop` returned true meanwhile.
    fn measured(&self, stop: &dyn Fn() -> bool) -> bool {
        (0..self.settings.measure / 10).all(|_| {
            thread::sleep(Duration::from_millis(10));
            !stop()
        })
    }
}

impl Trainable for Walk {
    fn steps_per_epoch(&self) -> u64 {
        10
    }

    fn images_per_step(&self) -> u64 {
        self.settings.common.batch_size as u64
    }

    fn step(&mut self, step: u64) -> Result<Figures, BoxError> {
        if let Some(sign) = &self.settings.sign {
            fs::write(sign, step.to_string())?;
        }
        thread::sleep(Duration::from_millis(self.settings.pause));
        let mut stream = Stream::new(self.settings.common.seed, "walk", step);
        let stride = stream.normal_tensor(self.place.shape(), 0.0, self.settings.stride);
        self.place.update(&stride, |place, stride| place + stride);
        if self.settings.stumble == Some(step) {
            self.filter.data_mut()[7] = f32::INFINITY;
        }
        Ok([("distance", self.place.sum_of_squares().sqrt())].into())
    }

    fn epoch_figures(&mut self, _epoch: u64, stop: &dyn Fn() -> bool) -> Result<Option<Figures>, BoxError> {
        Ok(self.measured(stop).then(|| [("epoch_distance", self.place.sum_of_squares())].into()))
    }

    fn final_figures(&mut self, stop: &dyn Fn() -> bool) -> Result<Option<Figures>, BoxError> {
        Ok(self.measured(stop).then(|| [("final_distance", self.place.sum_of_squares())].into()))
    }

    fn pictures(&mut self) -> Result<Vec<(&'static str, Image)>, BoxError> {
        if let Some(frame) = &self.settings.frame {
            fs::read(frame).map_err(|cause| format!("cannot read {}: {cause}", frame.display()))?;
        }
        let tiles = self.place.reshape([4, 4, 4, 1]);
        Ok(vec![("samples", Grid::square(4, 4).draw(&tiles, PixelRange::Symmetric))])
    }

    fn state(&self) -> NamedTensors {
        vec![("place".into(), self.place.clone()), ("filter".into(), self.filter.clone())]
    }

    fn load_state(&mut self, state: NamedTensors) -> Result<(), BoxError> {
        for (name, tensor) in state {
            *(if name == "place" { &mut self.place } else { &mut self.filter }) = tensor;
        }
        Ok(())
    }

    fn networks(&self) -> Vec<(&'static str, NamedTensors)> {
        vec![("generator", self.state())]
    }

    fn panels(&self) -> &'static [Panel] {
        PANELS
    }
}

fn main() -> ExitCode {
    run_main(|| {
        let config: Settings = start(std::env::args_os())?;
        config.inject_faults();
        train(config, summary, |settings| {
            let filter = Stream::new(1, "filter", 0).normal_tensor([2, 2, 3, 5], 0.0, 1.0);
            Ok(Walk { settings: settings.clone(), place: Tensor::zeros([64]), filter })
        })
    })
}
