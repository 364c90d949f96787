//! The networks of the VAE.

use adjoint_nn::{NamedTensors, Tensor};
use adjoint_vae::{Activation, Architecture, Body};

use super::{STRIDED, down, sizes, up};
use crate::Content;
use crate::builder::{Builder, Wire};
use crate::examples::{Example, Foreign, ForeignNetwork, StateDict, find};
use crate::graph::{Graph, Op};

/// The class, if the VAE is conditional.
fn label(b: &mut Builder, a: &Architecture) -> Option<Wire> {
    (a.classes > 0).then(|| b.input("y", &[a.classes], Content::Class))
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
///
/// # Panics
/// If the state is not one of this architecture.
pub fn vae_encoder(a: &Architecture, state: &NamedTensors) -> Graph {
    let mut b = Builder::new("encoder", state);
    let x = b.input("x", &[a.channels, a.image_size, a.image_size], Content::UnitImage);
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
    b.output(&mean, "mean", Content::Mean);
    b.output(&log_var, "log_var", Content::LogVariance);
    b.finish()
}

/// Returns the decoder of a VAE with this state: the mean of p(x|z), which is a logistic function
/// if pixels are Bernoulli variables (`is_bernoulli`).
///
/// # Panics
/// If the state is not one of this architecture.
pub fn vae_decoder(a: &Architecture, state: &NamedTensors, is_bernoulli: bool) -> Graph {
    let mut b = Builder::new("decoder", state);
    let z = b.input("z", &[a.latent], Content::Normal);
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
    b.output(&x, "x", Content::UnitImage);
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
    let is_head = |name: &str| {
        let heads = ["fc21", "fc22"].iter().filter_map(|head| name.strip_prefix(head));
        heads.into_iter().any(|end| matches!(end, ".weight" | ".bias"))
    };
    let others = weights.iter().filter(|(name, _)| !is_head(name)).cloned();
    // Weights without a counterpart are in the decoder.
    let (mut encoder, decoder): (NamedTensors, _) = others.partition(|(name, _)| name.starts_with("fc1."));
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
    let layers = |pairs: [[&str; 2]; 2]| pairs.map(|pair| pair.map(str::to_owned).into()).to_vec();
    let networks = vec![
        ForeignNetwork::new("encoder", encoder, layers([["fc1", "hidden.0"], ["fc21", "posterior"]])),
        ForeignNetwork::new("decoder", decoder, layers([["fc3", "hidden.0"], ["fc4", "flat"]])),
    ];
    Ok(Foreign { flags: flags.to_vec(), channels: 1, networks })
}
