//! The perceptrons of the original GAN.

use adjoint_gan::Architecture;
use adjoint_nn::NamedTensors;

use super::{one_logit, perceptron};
use crate::Content;
use crate::builder::Builder;
use crate::graph::{Graph, Op};

/// The shape of a sample, and its content.
fn sample(a: &Architecture) -> (Vec<usize>, Content) {
    match *a.sample {
        [height, width, channels] => (vec![channels, height, width], Content::SymmetricImage),
        _ => (a.sample.clone(), Content::Point),
    }
}

/// Returns the generator of a GAN with this state. `noise` is the content of z.
///
/// # Panics
/// If the state is not one of this architecture.
pub fn gan_generator(a: &Architecture, state: &NamedTensors, noise: Content) -> Graph {
    let mut b = Builder::new("generator", state);
    let z = b.input("z", &[a.latent], noise);
    let (dims, content) = sample(a);
    let mut x = perceptron(&mut b, &z, dims.try_into().ok());
    if a.bounded {
        x = b.apply(Op::Tanh, &x);
    }
    b.output(&x, "x", content);
    b.finish()
}

/// Returns the discriminator of a GAN with this state.
///
/// # Panics
/// If the state is not one of this architecture.
pub fn gan_discriminator(a: &Architecture, state: &NamedTensors) -> Graph {
    let mut b = Builder::new("discriminator", state);
    let (dims, content) = sample(a);
    let x = b.input("x", &dims, content);
    let row = b.flatten(&x);
    let h = perceptron(&mut b, &row, None);
    one_logit(&mut b, &h);
    b.finish()
}
