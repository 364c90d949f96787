//! The perceptrons of the original GAN.

use adjoint_gan::Architecture;
use adjoint_nn::NamedTensors;

use super::{SYMMETRIC, one_logit, perceptron};
use crate::builder::Builder;
use crate::graph::{Graph, Op};

/// What the numbers of a point mean.
const POINT: &str = "point of the plane";

/// The shape of a sample, and what its numbers mean.
fn sample(a: &Architecture) -> (Vec<usize>, &'static str) {
    match *a.sample {
        [height, width, channels] => (vec![channels, height, width], SYMMETRIC),
        _ => (a.sample.clone(), POINT),
    }
}

/// Returns the generator of a GAN with this state. `noise` says how z is distributed.
pub fn gan_generator(a: &Architecture, state: &NamedTensors, noise: &str) -> Graph {
    let mut b = Builder::new("generator", state);
    let z = b.input("z", &[a.latent], noise);
    let (dims, about) = sample(a);
    let mut x = perceptron(&mut b, &z, dims.try_into().ok());
    if a.bounded {
        x = b.apply(Op::Tanh, &x);
    }
    b.output(&x, "x", about);
    b.finish()
}

/// Returns the discriminator of a GAN with this state.
pub fn gan_discriminator(a: &Architecture, state: &NamedTensors) -> Graph {
    let mut b = Builder::new("discriminator", state);
    let (dims, about) = sample(a);
    let x = b.input("x", &dims, about);
    let row = b.flatten(&x);
    let h = perceptron(&mut b, &row, None);
    one_logit(&mut b, &h);
    b.finish()
}
