//! The networks of the DCGAN.

use adjoint_dcgan::Architecture;
use adjoint_nn::{NamedTensors, Tensor};

use super::{STRIDED, down, logit, sizes, up};
use crate::Content;
use crate::builder::Builder;
use crate::examples::{Example, Foreign, ForeignNetwork, StateDict, find};
use crate::graph::{Graph, Op};

/// Returns the generator of a DCGAN with this state. `noise` is the content of z.
///
/// # Panics
/// If the state is not one of this architecture.
pub fn dcgan_generator(a: &Architecture, state: &NamedTensors, noise: Content) -> Graph {
    let mut b = Builder::new("generator", state);
    let z = b.input("z", &[a.latent], noise);
    let mut h = b.reshape(&z, &[a.latent, 1, 1]);
    let sizes = sizes(a.image_size);
    for (i, &size) in sizes[..sizes.len() - 1].iter().enumerate() {
        h = up(&mut b, &h, &format!("blocks.{i}"), size);
    }
    let h = b.conv_transpose(&h, "image", STRIDED, a.image_size);
    let x = b.apply(Op::Tanh, &h);
    b.output(&x, "x", Content::SymmetricImage);
    b.finish()
}

/// Returns the discriminator of a DCGAN with this state.
///
/// # Panics
/// If the state is not one of this architecture.
pub fn dcgan_discriminator(a: &Architecture, state: &NamedTensors) -> Graph {
    let mut b = Builder::new("discriminator", state);
    let mut h = b.input("x", &[a.channels, a.image_size, a.image_size], Content::SymmetricImage);
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
    // Where `main` has a convolution, it has batch norm at the next place, if at all. The first
    // convolution of D has none.
    let layers = |end: &str, place: fn(usize) -> usize| {
        let block = |i: usize| {
            let layer = |name: &str, at: usize| (format!("main.{at}"), format!("blocks.{i}.{name}"));
            [layer("conv", place(i)), layer("norm", place(i) + 1)]
        };
        let end = (format!("main.{}", place(last)), end.to_owned());
        (0..last).flat_map(block).chain([end]).collect()
    };
    let channels = find(&generator, &format!("main.{}.weight", 3 * last)).map_or(1, channels_of);
    let mut networks = vec![ForeignNetwork::new("generator", generator, layers("image", |i| 3 * i))];
    let of_discriminator = layers("logit", |i| if i == 0 { 0 } else { 3 * i - 1 });
    networks.extend(discriminator.map(|d| ForeignNetwork::new("discriminator", d, of_discriminator)));
    let flags = [
        ("--image-size", image_size.to_string()),
        ("--width", width.to_string()),
        ("--latent", latent.to_string()),
        ("--noise", "gaussian".to_owned()),
        ("--d-norm", "batch".to_owned()),
        ("--ema", "0".to_owned()),
    ];
    Ok(Foreign { flags: flags.to_vec(), channels, networks })
}

/// The number of output channels of a transposed convolution.
fn channels_of(weight: &Tensor<f32>) -> usize {
    weight.dims().get(2).copied().unwrap_or(1)
}
