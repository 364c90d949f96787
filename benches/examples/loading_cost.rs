//! Measures what loading costs a step of the default DCGAN. Its images are tensors in memory, or in
//! the cache of a folder, from which [`Prefetch`] reads the next batch. The two kinds of steps
//! alternate in one process, because the speed of a machine drifts.
//!
//! `cargo run --release -p adjoint-benches --example loading_cost`

use std::time::{Duration, Instant};

use adjoint_adversarial::{Round, Settings};
use adjoint_benches::Folder;
use adjoint_data::Prefetch;
use adjoint_dcgan::{Architecture, dcgan};
use adjoint_kernels::threads;
use adjoint_nn::{Stream, Tensor};

const BATCH: usize = 128;
/// Number of steps of one kind in sequence. The first two are not counted. The first step's batch
/// has been ready since the previous turn, and the reader wakes up in this step.
const TURN: u64 = 12;
const TURNS: usize = 40;

fn main() {
    threads::set(0).expect("no kernel ran before");
    for (size, channels) in [(28, 1), (64, 3)] {
        let [memory, cache] = step_times(size, channels);
        println!(
            "{size}x{size}x{channels}: {memory:.3} ms from memory, {cache:.3} ms from the cache, \
             ratio {:.4}",
            cache / memory
        );
    }
}

/// Returns the median times of a step with images in memory and in a cache, in milliseconds.
fn step_times(size: usize, channels: usize) -> [f64; 2] {
    let folder = Folder::draw(size);
    let mut batches = folder.batches(channels, BATCH);
    let images = (0..batches.steps_per_epoch()).map(|step| batches.batch(step).expect("a batch").images);
    let in_memory: Vec<Tensor<f32>> = images.collect();
    let mut ahead = Prefetch::new(batches);
    let a = Architecture { image_size: size, channels, width: 16, latent: 100, ..Architecture::default() };
    let mut model = dcgan::<f32>(&a, Settings::default(), 1);
    let z = Stream::new(1, "noise", 0).uniform_tensor([BATCH, 100], -1.0, 1.0);

    let mut times = [Vec::new(), Vec::new()];
    let mut steps = 0..;
    for _ in 0..TURNS {
        for from_cache in [false, true] {
            for (place, step) in (0..TURN).zip(&mut steps) {
                let start = Instant::now();
                let images = if from_cache {
                    ahead.batch(step).expect("a batch").images
                } else {
                    in_memory[step as usize % in_memory.len()].clone()
                };
                let _ = model.step(step, [Round::new(images, z.clone())]);
                if place > 1 {
                    times[usize::from(from_cache)].push(start.elapsed());
                }
            }
        }
    }
    times.map(median)
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e3
}
