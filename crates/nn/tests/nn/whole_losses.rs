//! Compares the gradients of all training losses, with respect to all parameters of whole networks,
//! with central differences in `f64`.

use adjoint_nn::gradcheck::assert_model;
use adjoint_nn::layers::{
    BatchNorm1d, BatchNorm2d, Conv2d, ConvTranspose2d, Embedding, LayerNorm, Linear, Spec,
};
use adjoint_nn::layers::{Dropout, Flatten};
use adjoint_nn::objective::{
    AdversarialLoss, bce, bernoulli_log_likelihood, gradient_penalty, kl_standard_normal, r1, reparameterise,
};
use adjoint_nn::{Element, Mode, Module, Named, Scheme, Stream, Var, module};

fn check<M: Module<f64>>(name: &str, model: &mut M, loss: impl FnMut(&mut M) -> Var<f64>) {
    assert_model(name, model, |m| m, loss);
}

fn normal(purpose: &str, shape: &[usize]) -> Var<f64> {
    Var::constant(Stream::new(1, purpose, 0).normal_tensor(adjoint_nn::Shape::new(shape), 0.0, 1.0))
}

struct Generator<E: Element> {
    project: ConvTranspose2d<E>,
    norm: BatchNorm2d<E>,
    out: ConvTranspose2d<E>,
}
module!(Generator { project, norm, out });

impl<E: Element> Generator<E> {
    fn new() -> Self {
        let mut g = Generator {
            project: ConvTranspose2d::new(3, 4, [2, 2], Spec::new(1, 0)).without_bias(),
            norm: BatchNorm2d::new(4),
            out: ConvTranspose2d::new(4, 2, [4, 4], Spec::new(2, 1)),
        };
        Scheme::pytorch().apply(&mut g, "generator", 1);
        g
    }

    fn forward(&mut self, z: &Var<E>) -> Var<E> {
        self.out.forward(&self.norm.forward(&self.project.forward(z), Mode::Train).relu()).tanh()
    }
}

struct Discriminator<E: Element> {
    conv: Conv2d<E>,
    norm: BatchNorm2d<E>,
    out: Conv2d<E>,
}
module!(Discriminator { conv, norm, out });

impl<E: Element> Discriminator<E> {
    fn new() -> Self {
        let mut d = Discriminator {
            conv: Conv2d::new(2, 4, [3, 3], Spec::new(1, 1)).without_bias(),
            norm: BatchNorm2d::new(4),
            out: Conv2d::new(4, 1, [4, 4], Spec::new(2, 0)),
        };
        Scheme::pytorch().apply(&mut d, "discriminator", 1);
        d
    }

    fn forward(&mut self, x: &Var<E>) -> Var<E> {
        self.out.forward(&self.norm.forward(&self.conv.forward(x), Mode::Train).leaky_relu(0.2))
    }
}

const IMAGES: [usize; 4] = [5, 4, 4, 2];

#[test]
fn every_game_for_both_players() {
    let (x, z) = (normal("x", &IMAGES), normal("z", &[5, 1, 1, 3]));
    for &game in AdversarialLoss::ALL {
        let smoothing = if game.has_labels() { 0.1 } else { 0.0 };
        let (mut g, mut d) = (Generator::new(), Discriminator::new());
        let fake = g.forward(&z);
        check(&format!("{game}, D"), &mut d, |d| {
            game.discriminator(&d.forward(&x), &d.forward(&fake), smoothing)
        });
        check(&format!("{game}, G"), &mut g, |g| game.generator(&d.forward(&g.forward(&z))));
    }
}

/// Checks the second derivatives of convolution, of batch norm as defined, and of leaky relu.
#[test]
fn penalties_by_the_critics_weights() {
    let (real, fake) = (normal("real", &IMAGES).into_value(), normal("fake", &IMAGES).into_value());
    let eps = Stream::new(1, "eps", 0).uniform_tensor([5], 0.0, 1.0);
    // A loss of the logits is added, because the gradient with respect to x does not depend on the
    // last bias, and `check` needs a gradient for every parameter.
    let logit = |d: &mut Discriminator<f64>| bce(&d.forward(&Var::constant(real.clone())), 1.0);
    check("gradient penalty", &mut Discriminator::new(), |d| {
        logit(d) + gradient_penalty(|x| d.forward(x), &real, &fake, &eps, 10.0)
    });
    check("r1", &mut Discriminator::new(), |d| logit(d) + r1(|x| d.forward(x), &real, 10.0));
}

struct Vae<E: Element> {
    encoder: Linear<E>,
    norm: BatchNorm1d<E>,
    mu: Linear<E>,
    log_var: Linear<E>,
    class: Embedding<E>,
    layer_norm: LayerNorm<E>,
    decoder: Linear<E>,
}
module!(Vae { encoder, norm, mu, log_var, class, layer_norm, decoder });

#[test]
fn the_negative_elbo_of_a_conditional_vae() {
    let mut vae = Vae {
        encoder: Linear::new(12, 7),
        norm: BatchNorm1d::new(7),
        mu: Linear::new(7, 3),
        log_var: Linear::new(7, 3),
        class: Embedding::new(4, 2),
        layer_norm: LayerNorm::new(5),
        decoder: Linear::new(5, 12),
    };
    Scheme::pytorch().apply(&mut vae, "vae", 2);
    let x = normal("x", &[6, 3, 2, 2]).sigmoid();
    let eps = normal("eps", &[6, 3]).into_value();
    check("negative elbo", &mut vae, |vae| {
        let h = vae.norm.forward(&vae.encoder.forward(&Flatten.forward(&x)), Mode::Train).tanh();
        let h = Dropout::new(0.2).forward(&h, Mode::Train, &mut Stream::new(1, "dropout", 0));
        let (mu, log_var) = (vae.mu.forward(&h), vae.log_var.forward(&h));
        let z = reparameterise(&mu, &log_var, &eps);
        let z = Var::concat(&[&z, &vae.class.forward(&[0, 1, 2, 3, 0, 0])], 1);
        let logits = vae.decoder.forward(&vae.layer_norm.forward(&z)).reshape([6, 3, 2, 2]);
        (kl_standard_normal(&mu, &log_var) - bernoulli_log_likelihood(&x, &logits)).mean()
    });
}
