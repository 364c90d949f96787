//! The generator and the discriminator.

use crate::architecture::{Architecture, Body};
use adjoint_adversarial::{self as adversarial, Game, Settings};
use adjoint_nn::layers::{Conv2d, ConvTranspose2d, Dropout, Embedding, Flatten, LEAKY_SLOPE, SpectralNorm};
use adjoint_nn::perceptron::Perceptron;
use adjoint_nn::pyramid::{Down, Up, with_planes};
use adjoint_nn::{Element, Init, Mode, Scheme, Stream, Var, init, module};

/// The conditional GAN: the game between a generator and a discriminator.
pub type Cgan<E> = Game<E, Generator<E>, Discriminator<E>>;

/// Creates a conditional GAN with initial weights drawn from streams of `seed`. Weights of
/// convolutions are drawn as in the DCGAN. The variance of the weights of perceptrons is chosen so
/// that the outputs of a layer have about the variance of its inputs (He et al. 2015).
///
/// # Panics
/// If the images are too small for a pyramid, or if the condition of perceptrons is an image.
#[track_caller]
pub fn cgan<E: Element>(architecture: &Architecture, settings: Settings, seed: u64) -> Cgan<E> {
    let (mut generator, mut discriminator) = (Generator::new(architecture), Discriminator::new(architecture));
    let scheme = match architecture.body {
        Body::Mlp { .. } => {
            Scheme::with_weights(Init::KaimingNormal { gain: init::leaky_relu_gain(LEAKY_SLOPE) })
        }
        Body::Conv { .. } => Scheme::dcgan(),
    };
    scheme.apply(&mut generator, "generator", seed);
    scheme.apply(&mut discriminator, "discriminator", seed);
    Game::new(generator, discriminator, settings, seed)
}

/// G, which maps z and y to an image.
pub enum Generator<E: Element> {
    /// A perceptron, for classes.
    Mlp {
        /// The learned vectors of classes.
        embedding: Option<Embedding<E>>,
        /// The layers.
        net: Perceptron<E>,
        /// Height, width and channels of an image.
        shape: [usize; 3],
    },
    /// Transposed convolutions that double the image, for classes.
    Classes {
        /// The learned vectors of classes.
        embedding: Option<Embedding<E>>,
        /// The projection of z and y, then one layer per doubling except the last.
        up: Vec<Up<E>>,
        /// The last doubling, to the image's channels.
        image: ConvTranspose2d<E>,
    },
    /// Convolutions that halve the condition image, and transposed convolutions that double it
    /// again.
    Images {
        /// One layer per halving of the condition image.
        down: Vec<Down<E>>,
        /// One layer per doubling except the last.
        up: Vec<Up<E>>,
        /// The last doubling, to the image's channels.
        image: ConvTranspose2d<E>,
    },
}
module!(enum Generator { Mlp { embedding, net }, Classes { embedding, up, image }, Images { down, up, image } });

impl<E: Element> Generator<E> {
    /// Creates a generator with uninitialised weights.
    ///
    /// # Panics
    /// Under the conditions of [`cgan`].
    #[track_caller]
    pub fn new(a: &Architecture) -> Self {
        let (plan, embedding) = (a.generator(), a.embedding());
        let image = || plan.last.conv_transpose();
        let (up, down): (Vec<_>, Vec<_>) = plan.blocks.iter().partition(|layer| layer.enlarges());
        let ups = || up.into_iter().map(Up::new).collect();
        match (&a.body, a.condition.is_image()) {
            (Body::Mlp { .. }, _) => {
                let shape = [a.image_size, a.image_size, a.channels];
                Generator::Mlp { embedding, net: Perceptron::new(&plan, Dropout::default()), shape }
            }
            (Body::Conv { .. }, true) => {
                let down = down.into_iter().map(Down::new).collect();
                Generator::Images { down, up: ups(), image: image() }
            }
            (Body::Conv { .. }, false) => Generator::Classes { embedding, up: ups(), image: image() },
        }
    }

    /// Maps z (N, latent) and the condition y to images (N, H, W, C) in \[-1, 1\]. y has one-hot
    /// rows (N, classes) or images (N, H, W, C).
    ///
    /// # Panics
    /// If a shape does not match the architecture.
    #[track_caller]
    pub fn forward(&mut self, z: &Var<E>, y: &Var<E>, mode: Mode) -> Var<E> {
        let n = z.dims()[0];
        match self {
            Generator::Mlp { embedding, net, shape: [height, width, channels] } => {
                let h = Var::concat(&[z, &embedded(embedding.as_ref(), y)], 1);
                let h = net.forward(&h, mode, &mut Stream::new(0, "G drops nothing", 0));
                h.reshape([n, *height, *width, *channels]).tanh()
            }
            Generator::Classes { embedding, up, image } => {
                let y = embedded(embedding.as_ref(), y);
                let mut h = Var::concat(&[z, &y], 1);
                h = h.reshape([n, 1, 1, h.dims()[1]]);
                for (i, layer) in up.iter_mut().enumerate() {
                    // The input of the first layer already includes the condition.
                    h = layer.forward(&if i == 0 { h } else { with_planes(&h, &y) }, mode);
                }
                image.forward(&with_planes(&h, &y)).tanh()
            }
            Generator::Images { down, up, image } => {
                let mut levels = vec![y.clone()];
                for layer in down {
                    levels.push(layer.forward(&levels[levels.len() - 1], mode));
                }
                let mut h = with_planes(&levels[levels.len() - 1], z);
                for (layer, level) in up.iter_mut().zip(levels.iter().rev().skip(1)) {
                    h = Var::concat(&[&layer.forward(&h, mode), level], 3);
                }
                image.forward(&h).tanh()
            }
        }
    }
}

impl<E: Element> adversarial::Generator<E> for Generator<E> {
    fn generate(&mut self, z: &Var<E>, condition: Option<&Var<E>>, mode: Mode) -> Var<E> {
        self.forward(z, condition.expect("a conditional model needs a condition"), mode)
    }
}

/// D, which maps an image and y to the logit of "real, and matching y".
pub enum Discriminator<E: Element> {
    /// A perceptron, for classes.
    Mlp {
        /// The learned vectors of classes.
        embedding: Option<Embedding<E>>,
        /// The layers.
        net: Perceptron<E>,
    },
    /// Convolutions that halve the image.
    Conv {
        /// The learned vectors of classes.
        embedding: Option<Embedding<E>>,
        /// One layer per halving.
        down: Vec<Down<E>>,
        /// The last layer, from the last level to the logit.
        logit: Conv2d<E>,
        /// The spectral norm of the weight of `logit`.
        spectral: Option<SpectralNorm<E>>,
        /// Dropout after each halving.
        dropout: Dropout,
    },
}
module!(enum Discriminator { Mlp { embedding, net }, Conv { embedding, down, logit, spectral } });

impl<E: Element> Discriminator<E> {
    /// Creates a discriminator with uninitialised weights.
    ///
    /// # Panics
    /// Under the conditions of [`cgan`].
    #[track_caller]
    pub fn new(a: &Architecture) -> Self {
        let (plan, embedding, dropout) = (a.discriminator(), a.embedding(), a.d_dropout);
        match a.body {
            Body::Mlp { .. } => Discriminator::Mlp { embedding, net: Perceptron::new(&plan, dropout) },
            Body::Conv { .. } => {
                let (down, logit) = (plan.blocks.iter().map(Down::new).collect(), plan.last.conv());
                Discriminator::Conv { embedding, down, spectral: plan.last.spectral(&logit), logit, dropout }
            }
        }
    }

    /// Maps images (N, H, W, C) and the condition y, as for G, to one logit per image, `[N]`.
    /// D(x|y) is the sigmoid of the logit. Dropout draws its masks from `masks`.
    ///
    /// # Panics
    /// If a shape does not match the architecture.
    #[track_caller]
    pub fn forward(&mut self, x: &Var<E>, y: &Var<E>, mode: Mode, masks: &mut Stream) -> Var<E> {
        let n = x.dims()[0];
        match self {
            Discriminator::Mlp { embedding, net } => {
                let y = embedded(embedding.as_ref(), y);
                net.forward(&Var::concat(&[&Flatten.forward(x), &y], 1), mode, masks).reshape([n])
            }
            Discriminator::Conv { embedding, down, logit, spectral, dropout } => {
                let y = embedded(embedding.as_ref(), y);
                let is_image = y.shape().rank() == 4;
                let with_class = |h: &Var<E>| if is_image { h.clone() } else { with_planes(h, &y) };
                let mut h = if is_image { Var::concat(&[x, &y], 3) } else { x.clone() };
                for layer in down {
                    h = dropout.forward(&layer.forward(&with_class(&h), mode), mode, masks);
                }
                let weight = SpectralNorm::apply(spectral, &logit.weight, mode);
                logit.forward_with(&with_class(&h), &weight).reshape([n])
            }
        }
    }
}

impl<E: Element> adversarial::Discriminator<E> for Discriminator<E> {
    fn judge(&mut self, x: &Var<E>, condition: Option<&Var<E>>, mode: Mode, masks: &mut Stream) -> Var<E> {
        self.forward(x, condition.expect("a conditional model needs a condition"), mode, masks)
    }
}

/// Returns the learned vectors of one-hot rows, or y if there is no embedding.
fn embedded<E: Element>(embedding: Option<&Embedding<E>>, y: &Var<E>) -> Var<E> {
    embedding.map_or_else(|| y.clone(), |embedding| embedding.mix(y))
}

#[cfg(test)]
mod tests;
