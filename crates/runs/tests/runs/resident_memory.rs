//! Tests that the memory of a process stays constant while it trains, logs, draws and saves, and
//! that loading needs little more memory than the loaded tensors. These tests run alone, because
//! they measure the whole process.

use adjoint_testing::alone;
use std::path::Path;

use adjoint_runs::{
    BoxError, Checkpoints, CommonArgs, Config, Curve, Data, Figures, Grid, Image, NamedTensors, Outcome,
    Panel, Snapshot, Trainable, parse, weights,
};
use adjoint_tensor::{PixelRange, Stream, Tensor};
use clap::Parser;
use serde::Serialize;

#[derive(Parser, Serialize)]
struct Settings {
    #[command(flatten)]
    #[serde(flatten)]
    common: CommonArgs,
}

impl Data for Settings {
    fn name(&self) -> String {
        "plane".to_owned()
    }
}

impl Config for Settings {
    type Data = Self;
    const MODEL: &'static str = "noise";

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

/// Resident pages of this process, in bytes.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux has /proc");
    let pages: usize = statm.split(' ').nth(1).and_then(|n| n.parse().ok()).expect("the second number");
    pages * 4096
}

/// A model of noise that records the resident memory before each step.
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

    fn pictures(&mut self) -> Result<Vec<(&'static str, Image)>, BoxError> {
        Ok(vec![("samples", Grid::square(4, 64).draw(&self.images, PixelRange::Symmetric))])
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
    let config: Settings = parse(["train-noise"].iter().chain(&flags)).unwrap();
    let noise = Noise { images: Tensor::zeros([4, 64, 64, 1]), resident };
    assert_eq!(
        adjoint_runs::train(config, |_| unreachable!("this is not a dry run"), |_| Ok(noise)).unwrap(),
        Outcome::Finished
    );
}

#[test]
fn two_thousand_steps_leave_the_resident_memory_as_it_is() {
    alone(|| {
        let dir = tempfile::tempdir().unwrap();
        let mut resident = Vec::with_capacity(2000);
        train(dir.path(), &mut resident);
        assert_eq!(resident.len(), 2000);
        assert!(dir.path().join("noise-plane-001/checkpoint.safetensors").exists());
        // A leak of one batch per step would be 118 MB. A leak of the state per checkpoint would be
        // 4.7 MB.
        let grown = resident[1999].saturating_sub(resident[200]);
        assert!(grown < 1 << 20, "{grown} bytes more after 1800 steps");
    });
}

/// Runs `work`. Returns its result, and the peak increase of the resident memory of this process in
/// bytes.
fn peak<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let high_water = || -> usize {
        let status = std::fs::read_to_string("/proc/self/status").expect("Linux has /proc");
        let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix(" kB"));
        1024 * kilobytes.and_then(|n| n.trim().parse::<usize>().ok()).expect("a number")
    };
    // Resets the high-water mark to the current resident memory.
    std::fs::write("/proc/self/clear_refs", "5").expect("a process may reset its own high-water mark");
    let before = high_water();
    let result = work();
    (result, high_water() - before)
}

/// The tensors are weights of convolutions, which are permuted when they are imported. All have
/// different sizes, so no buffer is reused.
#[test]
fn loading_takes_at_most_the_file_and_its_tensors() {
    alone(|| {
        let dir = tempfile::tempdir().unwrap();
        let tensors: NamedTensors =
            (1..=16).map(|i| (format!("{i:02}.weight"), Tensor::full([4, 4, 64, 64 * i], 0.5))).collect();
        let bytes = tensors.iter().map(|(_, tensor)| 4 * tensor.len()).sum::<usize>();
        let slack = bytes / 8 + (2 << 20); // size classes of the pool
        let path = dir.path().join("generator.safetensors");
        weights::export(&path, None, &tensors).unwrap();
        let snapshot = Snapshot { model: "noise".into(), step: 1, config: String::new(), tensors };
        Checkpoints::in_directory(dir.path()).save(&snapshot).unwrap();
        adjoint_tensor::memory::release();

        let (loaded, rise) = peak(|| Checkpoints::in_directory(dir.path()).load().unwrap().unwrap());
        assert_eq!(loaded.snapshot.tensors.len(), 16);
        assert!(rise <= bytes + slack, "loading a checkpoint of {bytes} bytes took {rise}");
        let (imported, rise) = peak(|| weights::import(&path, &snapshot.tensors).unwrap());
        assert!(rise <= 2 * bytes + slack, "importing weights of {bytes} bytes took {rise}");
        drop((loaded, imported));
    });
}
