//! The networks of the VAE.

use adjoint_nn::NamedTensors;
use adjoint_vae::{Architecture, Body};

use super::{CLASS, STRIDED, down, sizes, up};
use crate::builder::{Builder, Wire};
use crate::graph::{Graph, Op};

/// What the numbers of an image mean.
const UNIT: &str = "image, from 0 (black) to 1 (white)";

/// The class, if the VAE is conditional.
fn label(b: &mut Builder, a: &Architecture) -> Option<Wire> {
    (a.classes > 0).then(|| b.input("y", &[a.classes], CLASS))
}

/// Hidden layers with tanh.
fn hidden(b: &mut Builder, x: Wire) -> Wire {
    let mut h = x;
    for i in 0..b.count("hidden") {
        h = b.linear(&h, &format!("hidden.{i}"), "", None);
        h = b.apply(Op::Tanh, &h);
    }
    h
}

/// Returns the encoder of a VAE with this state: the mean and the log variance of q(z|x).
pub fn vae_encoder(a: &Architecture, state: &NamedTensors) -> Graph {
    let mut b = Builder::new("encoder", state);
    let x = b.input("x", &[a.channels, a.image_size, a.image_size], UNIT);
    let y = label(&mut b, a);
    let h = match a.body {
        Body::Mlp { .. } => {
            let row = b.flatten(&x);
            let row = y.map_or_else(|| row.clone(), |y| b.concat(&[&row, &y]));
            hidden(&mut b, row)
        }
        Body::Conv { .. } => {
            let mut h = y.map_or_else(|| x.clone(), |y| b.with_planes(&x, &y));
            for i in 0..b.count("down") {
                h = down(&mut b, &h, &format!("down.{i}"));
            }
            b.flatten(&h)
        }
    };
    let out = b.linear(&h, "posterior", "", None);
    let mean = b.narrow(&out, 0, a.latent);
    let log_var = b.narrow(&out, a.latent, a.latent);
    b.output(&mean, "mean", "mean of z given x");
    b.output(&log_var, "log_var", "logarithm of the variance of z given x");
    b.finish()
}

/// Returns the decoder of a VAE with this state: the mean of p(x|z), which is a logistic function
/// if pixels are Bernoulli variables (`is_bernoulli`).
pub fn vae_decoder(a: &Architecture, state: &NamedTensors, is_bernoulli: bool) -> Graph {
    let mut b = Builder::new("decoder", state);
    let z = b.input("z", &[a.latent], "independent standard normal numbers");
    let y = label(&mut b, a);
    let row = y.map_or_else(|| z.clone(), |y| b.concat(&[&z, &y]));
    let h = match a.body {
        Body::Mlp { .. } => {
            let h = hidden(&mut b, row);
            b.linear(&h, "flat", "", Some([a.channels, a.image_size, a.image_size]))
        }
        Body::Conv { .. } => {
            let mut h = b.reshape(&row, &[row.dims[0], 1, 1]);
            let sizes = sizes(a.image_size);
            for (i, &size) in sizes[..sizes.len() - 1].iter().enumerate() {
                h = up(&mut b, &h, &format!("up.{i}"), size);
            }
            b.conv_transpose(&h, "image", STRIDED, a.image_size)
        }
    };
    let x = if is_bernoulli { b.apply(Op::Sigmoid, &h) } else { h };
    b.output(&x, "x", UNIT);
    b.finish()
}
