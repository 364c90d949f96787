//! The networks of the conditional GAN.

use adjoint_cgan::{Architecture, Body};
use adjoint_nn::NamedTensors;

use super::{STRIDED, down, logit, one_logit, perceptron, sizes, up};
use crate::Content;
use crate::builder::{Builder, Wire};
use crate::graph::{Graph, Op};

/// The shape of an image.
fn image(a: &Architecture) -> [usize; 3] {
    [a.channels, a.image_size, a.image_size]
}

fn condition(b: &mut Builder, a: &Architecture) -> Wire {
    if a.condition.is_image() {
        b.input("y", &image(a), Content::Condition)
    } else {
        b.input("y", &[a.classes], Content::Class)
    }
}

/// Returns the generator of a conditional GAN with this state. `noise` is the content of z.
///
/// # Panics
/// If the state is not one of this architecture.
pub fn cgan_generator(a: &Architecture, state: &NamedTensors, noise: Content) -> Graph {
    let mut b = Builder::new("generator", state);
    let z = b.input("z", &[a.latent], noise);
    let y = condition(&mut b, a);
    let h = match (&a.body, a.condition.is_image()) {
        (Body::Mlp { .. }, _) => {
            let y = b.embedded(&y, "embedding");
            let h = b.concat(&[&z, &y]);
            perceptron(&mut b, &h, Some(image(a)))
        }
        (Body::Conv { .. }, false) => of_classes(&mut b, a, [&z, &y]),
        (Body::Conv { .. }, true) => of_images(&mut b, a, [&z, &y]),
    };
    let x = b.apply(Op::Tanh, &h);
    b.output(&x, "x", Content::SymmetricImage);
    b.finish()
}

/// Transposed convolutions. The class is appended to the input of each.
fn of_classes(b: &mut Builder, a: &Architecture, [z, y]: [&Wire; 2]) -> Wire {
    let y = b.embedded(y, "embedding");
    let h = b.concat(&[z, &y]);
    let mut h = b.reshape(&h, &[h.dims[0], 1, 1]);
    let sizes = sizes(a.image_size);
    for (i, &size) in sizes[..sizes.len() - 1].iter().enumerate() {
        // The input of the first layer has the class.
        let x = if i == 0 { h } else { b.with_planes(&h, &y) };
        h = up(b, &x, &format!("up.{i}"), size);
    }
    let h = b.with_planes(&h, &y);
    b.conv_transpose(&h, "image", STRIDED, a.image_size)
}

/// Convolutions of the condition image, then transposed convolutions. Each of these gets the
/// convolution of the same size.
fn of_images(b: &mut Builder, a: &Architecture, [z, y]: [&Wire; 2]) -> Wire {
    let mut levels = vec![y.clone()];
    for i in 0..b.count("down") {
        levels.push(down(b, &levels[i], &format!("down.{i}")));
    }
    let mut h = b.with_planes(&levels[levels.len() - 1], z);
    for (i, level) in levels[1..levels.len() - 1].iter().rev().enumerate() {
        let larger = up(b, &h, &format!("up.{i}"), level.dims[1]);
        h = b.concat(&[&larger, level]);
    }
    b.conv_transpose(&h, "image", STRIDED, a.image_size)
}

/// Returns the discriminator of a conditional GAN with this state.
///
/// # Panics
/// If the state is not one of this architecture.
pub fn cgan_discriminator(a: &Architecture, state: &NamedTensors) -> Graph {
    let mut b = Builder::new("discriminator", state);
    let x = b.input("x", &image(a), Content::SymmetricImage);
    let y = condition(&mut b, a);
    if let Body::Mlp { .. } = a.body {
        let y = b.embedded(&y, "embedding");
        let row = b.flatten(&x);
        let row = b.concat(&[&row, &y]);
        let h = perceptron(&mut b, &row, None);
        one_logit(&mut b, &h);
        return b.finish();
    }
    let is_image = a.condition.is_image();
    let y = if is_image { y } else { b.embedded(&y, "embedding") };
    let mut h = if is_image { b.concat(&[&x, &y]) } else { x };
    for i in 0..b.count("down") {
        let input = if is_image { h } else { b.with_planes(&h, &y) };
        h = down(&mut b, &input, &format!("down.{i}"));
    }
    let h = if is_image { h } else { b.with_planes(&h, &y) };
    logit(&mut b, &h);
    b.finish()
}
