//! The memory of a process that trains, logs, draws and saves stays flat. The test runs alone, because
//! it measures the whole process.

use adjoint_testing::alone;
use std::path::Path;

use adjoint_tensor::{Stream, Tensor};
use adjoint_train::{
    BoxError, CommonArgs, Config, Curve, Figures, Grid, Image, Launch, NamedTensors, Outcome, Panel, Range,
    Summary, Trainable,
};
use clap::Parser;
use serde::Serialize;

#[derive(Parser, Serialize)]
struct Settings {
    #[command(flatten)]
    #[serde(flatten)]
    common: CommonArgs,
}

impl Config for Settings {
    const MODEL: &'static str = "noise";

    fn common(&self) -> &CommonArgs {
        &self.common
    }

    fn summary(&self) -> Result<Summary, BoxError> {
        unreachable!("nobody asks")
    }
}

/// Resident pages of this process, in bytes.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux has /proc");
    let pages: usize = statm.split(' ').nth(1).and_then(|n| n.parse().ok()).expect("the second number");
    pages * 4096
}

/// A model of noise that notes the resident memory before each step.
struct Noise<'a> {
    images: Tensor<f32>,
    resident: &'a mut Vec<usize>,
}

impl Trainable for Noise<'_> {
    fn steps_per_epoch(&self) -> u64 {
        100
    }

    fn images_per_step(&self) -> u64 {
        4
    }

    fn step(&mut self, step: u64) -> Result<Figures, BoxError> {
        self.resident.push(resident());
        self.images = Stream::new(1, "images", step).uniform_tensor(self.images.shape(), -1.0, 1.0);
        Ok([("norm", self.images.sum_of_squares())].into())
    }

    fn pictures(&mut self) -> Vec<(&'static str, Image)> {
        vec![("samples", Grid::square(4, 64).draw(&self.images, Range::Signed))]
    }

    fn state(&self) -> NamedTensors {
        vec![("images".into(), self.images.clone())]
    }

    fn load_state(&mut self, _state: NamedTensors) -> Result<(), BoxError> {
        unreachable!("nothing is resumed")
    }

    fn networks(&self) -> Vec<(&'static str, NamedTensors)> {
        vec![("generator", self.state())]
    }

    fn panels(&self) -> &'static [Panel] {
        &[Panel {
            title: "Norm",
            curves: &[Curve { key: "norm", label: "norm" }],
            range: None,
            reference: None,
        }]
    }
}

fn train(out: &Path, resident: &mut Vec<usize>) {
    let out = out.to_str().expect("a plain path");
    let flags = [
        "--steps=2000",
        "--log-every=10",
        "--sample-every=25",
        "--checkpoint-every=25",
        "--quiet",
        "--out",
        out,
    ];
    let launch = Launch::<Settings>::parse(["train-noise"].iter().chain(&flags)).unwrap();
    let noise = Noise { images: Tensor::zeros([4, 64, 64, 1]), resident };
    assert_eq!(launch.train(|_| Ok(noise)).unwrap(), Outcome::Finished);
}

#[test]
fn two_thousand_steps_leave_the_resident_memory_as_it_is() {
    alone(|| {
        let dir = tempfile::tempdir().unwrap();
        let mut resident = Vec::with_capacity(2000);
        train(dir.path(), &mut resident);
        assert_eq!(resident.len(), 2000);
        assert!(dir.path().join("noise-glyphs-001/checkpoint.safetensors").exists());
        // One batch leaked a step would be 118 MB, the state with each checkpoint 4.7 MB.
        let grown = resident[1999].saturating_sub(resident[200]);
        assert!(grown < 1 << 20, "{grown} bytes more after 1800 steps");
    });
}
