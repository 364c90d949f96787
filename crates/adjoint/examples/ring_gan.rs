//! A GAN on a ring of eight clusters: `cargo run -p adjoint --example ring_gan`. It compares two
//! losses by the number of clusters that their generators cover.

use adjoint::adversarial::{Penalty, Round, Settings};
use adjoint::models::gan::{Architecture, Generator, gan};
use adjoint::nn::objective::AdversarialLoss;
use adjoint::prelude::*;
use std::f64::consts::TAU;

const MODES: usize = 8;
const SIGMA: f64 = 0.05;
const STEPS: u64 = 1200;

/// The centre of a cluster, on a circle of radius 2.
fn centre(mode: usize) -> [f64; 2] {
    let (sin, cos) = (TAU * mode as f64 / MODES as f64).sin_cos();
    [2.0 * cos, 2.0 * sin]
}

/// Returns `n` points (n, 2) of the data.
fn ring(n: usize, stream: &mut Stream) -> Tensor<f32> {
    Tensor::build([n, 2], |out| {
        for point in out.chunks_exact_mut(2) {
            let centre = centre(stream.below(MODES));
            point.iter_mut().zip(centre).for_each(|(x, c)| *x = (c + SIGMA * stream.normal()) as f32);
        }
    })
}

/// Returns the number of covered clusters, and the fraction of samples near a cluster.
fn coverage(generator: &mut Generator<f32>) -> (usize, f64) {
    let z = Var::constant(Stream::new(1, "evaluation", 0).normal_tensor([2000, 2], 0.0, 1.0));
    let samples = no_grad(|| generator.forward(&z, Mode::Eval));
    let mut counts = [0; MODES];
    for point in samples.value().data().chunks_exact(2) {
        let [x, y] = [f64::from(point[0]), f64::from(point[1])];
        let near = |&mode: &usize| (x - centre(mode)[0]).hypot(y - centre(mode)[1]) < 3.0 * SIGMA;
        (0..MODES).find(near).into_iter().for_each(|mode| counts[mode] += 1);
    }
    // A cluster counts as covered if it gets a twentieth of an equal share of the samples.
    let covered = counts.iter().filter(|&&count| count * MODES * 20 >= 2000).count();
    (covered, counts.iter().sum::<usize>() as f64 / 2000.0)
}

/// Trains with `loss`: five steps of the discriminator for each step of the generator.
fn train(loss: AdversarialLoss, penalty: Penalty) -> (usize, f64) {
    let architecture = Architecture {
        sample: vec![2],
        bounded: false, // no tanh after the last layer
        latent: 2,
        g_hidden: vec![64, 64],
        d_hidden: vec![64, 64],
        g_norm: Norm::None,
        d_norm: Norm::None,
        d_dropout: Dropout::default(),
    };
    let mut model = gan(&architecture, Settings { loss, penalty, lr: 2e-3, ..Settings::default() }, 1);
    // The generator's weights oscillate during training. Their average does not.
    let mut average = Ema::new(&model.generator, 0.99);
    println!("{loss}, {penalty:?}:");
    for step in 0..=STEPS {
        let (mut data, mut noise) = (Stream::new(1, "data", step), Stream::new(1, "noise", step));
        let mut round = || Round::new(ring(128, &mut data), noise.normal_tensor([128, 2], 0.0, 1.0));
        model.step(step, (0..5).map(|_| round()));
        average.update(&model.generator);
        if step % 300 == 0 {
            let (covered, near) = average.with(&mut model.generator, coverage);
            println!("  step {step}: {covered} of {MODES} clusters covered, {near:.2} of samples near one");
        }
    }
    average.with(&mut model.generator, coverage)
}

fn main() {
    // With the minimax loss, a confident discriminator leaves the generator almost no gradient.
    let minimax = train(AdversarialLoss::Minimax, Penalty::None);
    let wasserstein = train(AdversarialLoss::Wasserstein, Penalty::Gp);
    assert!(minimax.0 < MODES, "the minimax loss covers all clusters");
    assert!(wasserstein.0 == MODES && wasserstein.1 > 0.4, "the Wasserstein loss covers too little");
}
