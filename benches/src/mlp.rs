//! Perceptrons for the benches of a GAN's and a VAE's step, of the classic sizes on 28 x 28 images.

use adjoint_nn::layers::Linear;
use adjoint_nn::objective::{AdversarialLoss, bernoulli_log_likelihood, kl_standard_normal, reparameterise};
use adjoint_nn::optim::{Adam, Optimizer};
use adjoint_nn::{Activation, Element, Scheme, Stream, Var, module};

/// Linear layers with an activation between them.
struct Perceptron<E: Element> {
    layers: Vec<Linear<E>>,
    activation: Activation,
}
module!(Perceptron { layers });

impl Perceptron<f32> {
    fn new(name: &str, sizes: &[usize], activation: Activation) -> Self {
        let layers = sizes.windows(2).map(|pair| Linear::new(pair[0], pair[1])).collect();
        let mut perceptron = Perceptron { layers, activation };
        Scheme::pytorch().apply(&mut perceptron, name, 1);
        perceptron
    }

    fn forward(&self, x: &Var<f32>) -> Var<f32> {
        let (first, rest) = self.layers.split_first().expect("a layer");
        rest.iter().fold(first.forward(x), |h, layer| layer.forward(&h.activated(self.activation)))
    }

    fn adam(&self) -> Optimizer<f32> {
        Optimizer::new(self, 2e-4, Adam { beta1: 0.5, ..Adam::default() })
    }
}

const PIXELS: usize = 784;
const LEAKY: Activation = Activation::LeakyRelu(0.2);

/// The GAN of Goodfellow et al. 2014 with the layers in use today: G 100-256-512-1024-784, D
/// 784-512-256-1. Returns a step of D and one of G on a batch.
pub fn gan_step(batch: usize) -> impl FnMut() -> (f64, f64) {
    let mut g = Perceptron::new("g", &[100, 256, 512, 1024, PIXELS], LEAKY);
    let mut d = Perceptron::new("d", &[PIXELS, 512, 256, 1], LEAKY);
    let (mut adam_g, mut adam_d) = (g.adam(), d.adam());
    let x = Var::constant(Stream::new(1, "data", 0).uniform_tensor([batch, PIXELS], -1.0, 1.0));
    let z = Var::constant(Stream::new(1, "noise", 0).uniform_tensor([batch, 100], -1.0, 1.0));
    let loss = AdversarialLoss::NonSaturating;
    move || {
        let fake = g.forward(&z).tanh();
        let loss_d = loss.discriminator(&d.forward(&x), &d.forward(&fake), 0.0);
        let loss_d = adam_d.descend(loss_d, &mut d);
        let loss_g = loss.generator(&d.forward(&fake));
        drop(fake);
        (loss_d, adam_g.descend(loss_g, &mut g))
    }
}

/// The VAE of Kingma & Welling 2014 with two hidden layers of 400 and 20 latent numbers. Returns a
/// step on a batch.
pub fn vae_step(batch: usize) -> impl FnMut() -> f64 {
    const LATENT: usize = 20;
    let mut vae = Vae {
        encoder: Perceptron::new("encoder", &[PIXELS, 400, 400, 2 * LATENT], Activation::RELU),
        decoder: Perceptron::new("decoder", &[LATENT, 400, 400, PIXELS], Activation::RELU),
    };
    let mut adam = Optimizer::new(&vae, 2e-4, Adam::default());
    let x = Var::constant(Stream::new(1, "data", 0).uniform_tensor([batch, PIXELS], 0.0, 1.0));
    let mut step = 0;
    move || {
        step += 1;
        let eps = Stream::new(1, "eps", step).normal_tensor([batch, LATENT], 0.0, 1.0);
        let h = vae.encoder.forward(&x);
        let (mu, log_var) = (h.narrow(1, 0, LATENT), h.narrow(1, LATENT, LATENT));
        let logits = vae.decoder.forward(&reparameterise(&mu, &log_var, &eps));
        let elbo = bernoulli_log_likelihood(&x, &logits) - kl_standard_normal(&mu, &log_var);
        let loss = -elbo.mean();
        drop((h, mu, log_var, logits, elbo));
        adam.descend(loss, &mut vae)
    }
}

struct Vae<E: Element> {
    encoder: Perceptron<E>,
    decoder: Perceptron<E>,
}
module!(Vae { encoder, decoder });
