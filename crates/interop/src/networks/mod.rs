//! The graphs of the networks of each model. A test compares each of them with the network that it
//! describes.

mod cgan;
mod dcgan;
mod gan;
mod vae;

pub use cgan::{cgan_discriminator, cgan_generator};
pub use dcgan::{DCGAN_EXAMPLE, dcgan_discriminator, dcgan_generator};
pub use gan::{gan_discriminator, gan_generator};
pub use vae::{VAE_EXAMPLE, vae_decoder, vae_encoder};

use adjoint_nn::pyramid::Level;

use crate::Content;
use crate::builder::{Builder, Wire};
use crate::graph::Op;

/// Spacing of the layers of a pyramid: stride and padding.
const STRIDED: [usize; 2] = [2, 1];
/// Spacing of a kernel of the size of the image.
const WHOLE: [usize; 2] = [1, 0];

/// The sizes of the levels of a generator, from small to large.
fn sizes(image_size: usize) -> Vec<usize> {
    let image = Level { size: image_size, channels: 1 };
    let below = image.below(1).into_iter().map(|level| level.size);
    below.rev().chain([image_size]).collect()
}

/// A perceptron with leaky relu, named `net`.
fn perceptron(b: &mut Builder, x: &Wire, image: Option<[usize; 3]>) -> Wire {
    let mut h = x.clone();
    for i in 0..b.count("net.hidden") {
        let layer = |name: &str| format!("net.hidden.{i}.{name}");
        h = b.linear(&h, &layer("linear"), &layer("spectral"), None);
        h = b.batch_norm(&h, &layer("norm"));
        h = b.apply(Op::LeakyRelu, &h);
    }
    b.linear(&h, "net.out", "net.spectral", image)
}

/// A layer that halves an image.
fn down(b: &mut Builder, x: &Wire, path: &str) -> Wire {
    let h = b.conv(x, &format!("{path}.conv"), &format!("{path}.spectral"), STRIDED);
    let h = b.batch_norm(&h, &format!("{path}.norm"));
    b.apply(Op::LeakyRelu, &h)
}

/// A layer that enlarges an image to `size` pixels. An image of one pixel is projected.
fn up(b: &mut Builder, x: &Wire, path: &str, size: usize) -> Wire {
    let spacing = if x.dims[1] == 1 { WHOLE } else { STRIDED };
    let h = b.conv_transpose(x, &format!("{path}.conv"), spacing, size);
    let h = b.batch_norm(&h, &format!("{path}.norm"));
    b.apply(Op::Relu, &h)
}

/// The last layers of a discriminator, from its smallest image to one logit.
fn logit(b: &mut Builder, x: &Wire) {
    let h = b.conv(x, "logit", "spectral", WHOLE);
    one_logit(b, &h);
}

/// Ends a discriminator with its only value.
fn one_logit(b: &mut Builder, x: &Wire) {
    let logit = b.reshape(x, &[]);
    b.output(&logit, "logit", Content::Logit);
}
