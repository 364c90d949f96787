//! Every graph computes what the network of the engine computes.

mod evaluate;

use crate::{Content, Graph, networks};
use adjoint_adversarial::{Condition, Label};
use adjoint_nn::layers::{Dropout, Mode, Norm};
use adjoint_nn::{Module, Scheme, SlotMut, Stream, Tensor, Var};
use adjoint_variational::{Decoder as _, Encoder as _};
use evaluate::{evaluate, to_nchw};

/// Number of rows of the inputs.
const ROWS: usize = 64;

/// Gives a network random weights, and batch norm statistics that are not those of its start. The
/// weights are so large that the outputs vary.
fn randomise(network: &mut dyn Module<f32>) {
    Scheme::pytorch().apply(network, "network", 3);
    network.visit_mut("", &mut |name, slot: SlotMut<'_, f32>| {
        let value = slot.into_value();
        if name.contains("norm") || name.ends_with("bias") {
            let noise = Stream::new(5, name, 0).uniform_tensor(value.shape(), 0.5, 1.5);
            *value = value.zip(&noise, |x, noise| x + noise);
        } else if name.ends_with("weight") {
            *value = value.map(|x| 2.0 * x);
        }
    });
}

/// Checks that the outputs of a graph are those of the engine, up to the order of additions.
#[track_caller]
fn assert_equal(what: &str, graph: &Graph, inputs: &[&Tensor<f32>], want: &[Tensor<f32>]) {
    let inputs: Vec<_> = inputs.iter().map(|x| to_nchw(x)).collect();
    let found = evaluate(graph, &inputs);
    assert_eq!(found.len(), want.len(), "{what}");
    for (found, want) in found.iter().zip(want) {
        let want = to_nchw(want);
        assert_eq!(found.dims(), want.dims(), "{what}, {}", graph.name);
        let rms = (want.sum_of_squares() / want.len() as f64).sqrt();
        let pairs = found.data().iter().zip(want.data());
        let most = pairs.fold(0.0f32, |most, (a, b)| most.max((a - b).abs()));
        assert!(f64::from(most) <= 1e-5 * rms && rms > 1e-3, "{what}, {}: {most} of {rms}", graph.name);
    }
}

fn normal(purpose: &str, shape: &[usize]) -> Tensor<f32> {
    Stream::new(1, purpose, 0).normal_tensor(adjoint_nn::Shape::new(shape), 0.0, 1.0)
}

fn one_hot(classes: usize) -> Tensor<f32> {
    Tensor::build([ROWS, classes], |y| {
        y.fill(0.0);
        (0..ROWS).for_each(|row| y[row * classes + row % classes] = 1.0);
    })
}

fn constant(x: &Tensor<f32>) -> Var<f32> {
    Var::constant(x.clone())
}

/// Trains nothing, but finds the singular vectors of spectral norms.
fn masks() -> Stream {
    Stream::new(1, "masks", 0)
}

#[test]
fn dcgans() {
    for (image_size, channels, d_norm) in
        [(16, 1, Norm::Batch), (28, 3, Norm::None), (32, 1, Norm::Spectral), (45, 3, Norm::Batch)]
    {
        let a = adjoint_dcgan::Architecture {
            image_size,
            channels,
            width: 4,
            latent: 7,
            d_norm,
            d_dropout: Dropout::new(0.3),
        };
        let (mut g, mut d) = (adjoint_dcgan::Generator::new(&a), adjoint_dcgan::Discriminator::new(&a));
        randomise(&mut g);
        randomise(&mut d);
        let what = format!("{image_size} {channels} {d_norm:?}");
        let z = normal("z", &[ROWS, 7]);
        let x = g.forward(&constant(&z), Mode::Eval).into_value();
        let graph = networks::dcgan_generator(&a, &g.state(), Content::Uniform);
        assert_equal(&what, &graph, &[&z], std::slice::from_ref(&x));
        d.forward(&constant(&x), Mode::Train, &mut masks());
        let logits = d.forward(&constant(&x), Mode::Eval, &mut masks()).into_value();
        assert_equal(&what, &networks::dcgan_discriminator(&a, &d.state()), &[&x], &[logits]);
    }
}

#[test]
fn perceptrons() {
    for (sample, bounded, g_norm, d_norm) in [
        (vec![16, 16, 3], true, Norm::Batch, Norm::Spectral),
        (vec![28, 28, 1], true, Norm::None, Norm::Batch),
        (vec![2], false, Norm::None, Norm::None),
    ] {
        let a = adjoint_gan::Architecture {
            sample: sample.clone(),
            bounded,
            latent: 5,
            g_hidden: vec![9, 12],
            d_hidden: vec![11],
            g_norm,
            d_norm,
            d_dropout: Dropout::default(),
        };
        let (mut g, mut d) = (adjoint_gan::Generator::new(&a), adjoint_gan::Discriminator::new(&a));
        randomise(&mut g);
        randomise(&mut d);
        let what = format!("{sample:?} {g_norm:?} {d_norm:?}");
        let z = normal("z", &[ROWS, 5]);
        let x = g.forward(&constant(&z), Mode::Eval).into_value();
        assert_equal(
            &what,
            &networks::gan_generator(&a, &g.state(), Content::Uniform),
            &[&z],
            std::slice::from_ref(&x),
        );
        d.forward(&constant(&x), Mode::Train, &mut masks());
        let logits = d.forward(&constant(&x), Mode::Eval, &mut masks()).into_value();
        assert_equal(&what, &networks::gan_discriminator(&a, &d.state()), &[&x], &[logits]);
    }
}

#[test]
fn conditional_gans() {
    use adjoint_cgan::Body;
    let mlp = Body::Mlp { g_hidden: vec![9], d_hidden: vec![11, 6] };
    let conv = Body::Conv { width: 4 };
    for (body, condition, label, d_norm) in [
        (mlp.clone(), Condition::Class, Label::OneHot, Norm::None),
        (mlp, Condition::Class, Label::Embedding, Norm::Spectral),
        (conv.clone(), Condition::Class, Label::OneHot, Norm::Batch),
        (conv.clone(), Condition::Class, Label::Embedding, Norm::Spectral),
        (conv, Condition::Inpaint, Label::OneHot, Norm::Batch),
    ] {
        let (image_size, channels, latent) = (28, 3, 6);
        let classes = if condition.is_image() { 0 } else { 5 };
        let what = format!("{body:?} {condition:?} {label:?} {d_norm:?}");
        let d_dropout = Dropout::default();
        let a = adjoint_cgan::Architecture {
            image_size,
            channels,
            latent,
            condition,
            label,
            classes,
            body,
            d_norm,
            d_dropout,
        };
        let (mut g, mut d) = (adjoint_cgan::Generator::new(&a), adjoint_cgan::Discriminator::new(&a));
        randomise(&mut g);
        randomise(&mut d);
        let z = normal("z", &[ROWS, latent]);
        let images = [ROWS, image_size, image_size, channels];
        let y = if condition.is_image() { normal("y", &images) } else { one_hot(classes) };
        let x = g.forward(&constant(&z), &constant(&y), Mode::Eval).into_value();
        let graph = networks::cgan_generator(&a, &g.state(), Content::Uniform);
        assert_equal(&what, &graph, &[&z, &y], std::slice::from_ref(&x));
        d.forward(&constant(&x), &constant(&y), Mode::Train, &mut masks());
        let logits = d.forward(&constant(&x), &constant(&y), Mode::Eval, &mut masks()).into_value();
        assert_equal(&what, &networks::cgan_discriminator(&a, &d.state()), &[&x, &y], &[logits]);
    }
}

#[test]
fn autoencoders() {
    use adjoint_vae::{Activation, Body};
    let mlp = |activation| Body::Mlp { hidden: vec![12, 9], activation };
    let conv = Body::Conv { width: 4 };
    for (body, channels, classes, is_bernoulli) in [
        (mlp(Activation::Tanh), 1, 0, true),
        (mlp(Activation::Relu), 3, 4, false),
        (conv.clone(), 3, 0, true),
        (conv, 1, 4, false),
    ] {
        let (image_size, latent) = (28, 6);
        let what = format!("{body:?} {channels} {classes}");
        let a = adjoint_vae::Architecture { image_size, channels, latent, classes, body };
        let (mut q, mut p) =
            (adjoint_vae::Encoder::<f32>::new(&a), adjoint_vae::Decoder::new(&a, !is_bernoulli));
        randomise(&mut q);
        randomise(&mut p);
        let y = one_hot(classes.max(1));
        let label = (classes > 0).then(|| constant(&y));
        let with_label = |x: Tensor<f32>| if classes > 0 { vec![x, y.clone()] } else { vec![x] };
        let x = Stream::new(1, "x", 0).uniform_tensor([ROWS, image_size, image_size, channels], 0.0, 1.0);
        let (mean, log_var) = q.posterior(&constant(&x), label.as_ref(), Mode::Eval);
        let want = [mean.into_value(), log_var.into_value()];
        let inputs = with_label(x);
        let inputs: Vec<_> = inputs.iter().collect();
        assert_equal(&what, &networks::vae_encoder(&a, &q.state()), &inputs, &want);
        let z = normal("z", &[ROWS, latent]);
        let out = p.decode(&constant(&z), label.as_ref(), Mode::Eval).into_value();
        let want = if is_bernoulli { out.map(|x| 1.0 / (1.0 + (-x).exp())) } else { out };
        let inputs = with_label(z);
        let inputs: Vec<_> = inputs.iter().collect();
        assert_equal(&what, &networks::vae_decoder(&a, &p.state(), is_bernoulli), &inputs, &[want]);
    }
}
