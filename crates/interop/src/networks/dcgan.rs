//! The networks of the DCGAN.

use adjoint_dcgan::Architecture;
use adjoint_nn::NamedTensors;

use super::{STRIDED, SYMMETRIC, down, logit, sizes, up};
use crate::builder::Builder;
use crate::graph::{Graph, Op};

/// Returns the generator of a DCGAN with this state. `noise` says how z is distributed.
pub fn dcgan_generator(a: &Architecture, state: &NamedTensors, noise: &str) -> Graph {
    let mut b = Builder::new("generator", state);
    let z = b.input("z", &[a.latent], noise);
    let mut h = b.reshape(&z, &[a.latent, 1, 1]);
    let sizes = sizes(a.image_size);
    for (i, &size) in sizes[..sizes.len() - 1].iter().enumerate() {
        h = up(&mut b, &h, &format!("blocks.{i}"), size);
    }
    let h = b.conv_transpose(&h, "image", STRIDED, a.image_size);
    let x = b.apply(Op::Tanh, &h);
    b.output(&x, "x", SYMMETRIC);
    b.finish()
}

/// Returns the discriminator of a DCGAN with this state.
pub fn dcgan_discriminator(a: &Architecture, state: &NamedTensors) -> Graph {
    let mut b = Builder::new("discriminator", state);
    let mut h = b.input("x", &[a.channels, a.image_size, a.image_size], SYMMETRIC);
    for i in 0..b.count("blocks") {
        h = down(&mut b, &h, &format!("blocks.{i}"));
    }
    logit(&mut b, &h);
    b.finish()
}
