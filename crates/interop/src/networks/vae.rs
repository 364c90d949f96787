//! The networks of the VAE.

use adjoint_nn::{NamedTensors, Tensor};
use adjoint_vae::{Activation, Architecture, Body};

use super::{CLASS, STRIDED, down, sizes, up};
use crate::builder::{Builder, Wire};
use crate::examples::{Example, Foreign, StateDict, find};
use crate::graph::{Graph, Op};

/// What the numbers of an image mean.
const UNIT: &str = "image: 0 is black, 1 is white; means of normal pixels can be outside";

/// The class, if the VAE is conditional.
fn label(b: &mut Builder, a: &Architecture) -> Option<Wire> {
    (a.classes > 0).then(|| b.input("y", &[a.classes], CLASS))
}

/// Hidden layers of a perceptron.
fn hidden(b: &mut Builder, x: Wire, activation: Activation) -> Wire {
    let mut h = x;
    for i in 0..b.count("hidden") {
        h = b.linear(&h, &format!("hidden.{i}"), "", None);
        let op = match activation {
            Activation::Tanh => Op::Tanh,
            Activation::Relu => Op::Relu,
        };
        h = b.apply(op, &h);
    }
    h
}

/// Returns the encoder of a VAE with this state: the mean and the log variance of q(z|x).
pub fn vae_encoder(a: &Architecture, state: &NamedTensors) -> Graph {
    let mut b = Builder::new("encoder", state);
    let x = b.input("x", &[a.channels, a.image_size, a.image_size], UNIT);
    let y = label(&mut b, a);
    let h = match a.body {
        Body::Mlp { activation, .. } => {
            let row = b.flatten(&x);
            let row = y.map_or_else(|| row.clone(), |y| b.concat(&[&row, &y]));
            hidden(&mut b, row, activation)
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
        Body::Mlp { activation, .. } => {
            let h = hidden(&mut b, row, activation);
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

/// The network of PyTorch's example: one hidden layer in the encoder and one in the decoder.
pub const VAE_EXAMPLE: Example =
    Example::new("vae", &[StateDict { name: "weights", is_optional: false }], of_example);

/// Converts a VAE of square images with one channel.
///
/// # Errors
/// A description of what is missing or does not fit.
fn of_example(mut files: Vec<Option<NamedTensors>>) -> Result<Foreign, String> {
    let weights = files.pop().flatten().expect("it is required");
    let matrix = |layer: &str| match find(&weights, &format!("{layer}.weight")).map(Tensor::dims) {
        Some(&[outputs, inputs]) => Ok([outputs, inputs]),
        Some(other) => Err(format!("its {layer}.weight is {other:?}, not a matrix")),
        None => Err(format!("it has no {layer}.weight")),
    };
    let ([hidden, pixels], [latent, _]) = (matrix("fc1")?, matrix("fc21")?);
    let size = pixels.isqrt();
    if size * size != pixels {
        return Err(format!("its fc1 has {pixels} inputs, which are no square image with one channel"));
    }
    let (mut encoder, mut decoder) = (vec![], vec![]);
    for (name, weight) in &weights {
        let (network, name) = match name.split_once('.') {
            Some(("fc1", part)) => (&mut encoder, format!("hidden.0.{part}")),
            Some(("fc3", part)) => (&mut decoder, format!("hidden.0.{part}")),
            Some(("fc4", part)) => (&mut decoder, format!("flat.{part}")),
            Some(("fc21" | "fc22", "weight" | "bias")) => continue,
            _ => (&mut decoder, name.clone()),
        };
        network.push((name, weight.clone()));
    }
    for (part, dims) in [("weight", &[latent, hidden][..]), ("bias", &[latent])] {
        // The engine has one layer for both heads.
        let head = |name: &str| match find(&weights, &format!("{name}.{part}")) {
            Some(head) if head.dims() == dims => Ok(head),
            Some(head) => Err(format!("its {name}.{part} is {} where {dims:?} is expected", head.shape())),
            None => Err(format!("it has no {name}.{part}")),
        };
        let posterior = Tensor::concat(&[head("fc21")?, head("fc22")?], 0);
        encoder.push((format!("posterior.{part}"), posterior));
    }
    let flags = [
        ("--image-size", size.to_string()),
        ("--hidden", hidden.to_string()),
        ("--latent", latent.to_string()),
        ("--arch", "mlp".to_owned()),
        ("--activation", "relu".to_owned()),
        ("--likelihood", "bernoulli".to_owned()),
    ];
    Ok(Foreign { flags: flags.to_vec(), networks: vec![("encoder", encoder), ("decoder", decoder)] })
}
