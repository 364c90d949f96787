//! The networks of the DCGAN.

use adjoint_dcgan::Architecture;
use adjoint_nn::{NamedTensors, Tensor};

use super::{STRIDED, SYMMETRIC, down, logit, sizes, up};
use crate::builder::Builder;
use crate::examples::{Example, Foreign, StateDict, find, renamed};
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

/// The networks of PyTorch's example. G is an `nn.Sequential` with the name `main`: transposed
/// convolutions, batch norm and ReLU, then a last transposed convolution and tanh. D is one of
/// convolutions, of which the first and the last have no batch norm.
pub const DCGAN_EXAMPLE: Example = Example::new(
    "dcgan",
    &[
        StateDict { name: "generator", is_optional: false },
        StateDict { name: "discriminator", is_optional: true },
    ],
    of_example,
);

/// Converts G, and D if it is given, of a DCGAN. Weights have the layouts of the engine.
///
/// # Errors
/// A description of what is missing, if G has no transposed convolutions of a DCGAN.
fn of_example(files: Vec<Option<NamedTensors>>) -> Result<Foreign, String> {
    let [generator, discriminator] = <[_; 2]>::try_from(files).expect("the files of the example");
    let generator = generator.expect("it is required");
    let layers = (0..).take_while(|i| find(&generator, &format!("main.{}.weight", 3 * i)).is_some()).count();
    let first = find(&generator, "main.0.weight").map(Tensor::dims);
    // A transposed convolution has the axes (kh, kw, outputs, inputs) in the engine.
    let (3..=30, Some(&[4, 4, outputs, latent])) = (layers, first) else {
        return Err(
            "it has no main.0.weight (latent, channels, 4, 4), main.3.weight and main.6.weight".into()
        );
    };
    let (width, image_size) = (outputs >> (layers - 2), 4_usize << (layers - 1));
    let last = layers - 1;
    let of_generator = |layer: usize| match (layer / 3, layer % 3) {
        (block, 0) if block == last => Some("image".to_owned()),
        (block, 0) => Some(format!("blocks.{block}.conv")),
        (block, 1) => Some(format!("blocks.{block}.norm")),
        _ => None,
    };
    let of_discriminator = |layer: usize| match ((layer + 1) / 3, (layer + 1) % 3) {
        (0, 1) => Some("blocks.0.conv".to_owned()),
        (block, 0) if block == last => Some("logit".to_owned()),
        (block, 0) => Some(format!("blocks.{block}.conv")),
        (block, 1) => Some(format!("blocks.{block}.norm")),
        _ => None,
    };
    let mut networks = vec![("generator", renamed(generator, of_generator))];
    networks.extend(discriminator.map(|d| ("discriminator", renamed(d, of_discriminator))));
    let flags = [
        ("--image-size", image_size.to_string()),
        ("--width", width.to_string()),
        ("--latent", latent.to_string()),
        ("--noise", "gaussian".to_owned()),
        ("--d-norm", "batch".to_owned()),
        ("--ema", "0".to_owned()),
    ];
    Ok(Foreign { flags: flags.to_vec(), networks })
}
