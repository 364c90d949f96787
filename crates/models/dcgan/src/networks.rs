//! The generator and the discriminator.

use adjoint_adversarial::{self as adversarial, Game, Settings};
use adjoint_nn::cost::LayerCost;
use adjoint_nn::layers::{Conv2d, ConvTranspose2d, Dropout, LEAKY_SLOPE, Norm, SpectralNorm};
use adjoint_nn::plan::NetworkPlan;
use adjoint_nn::pyramid::{self, Down, Level, Up};
use adjoint_nn::{Element, Mode, Scheme, Stream, Tensor, Var, module, no_grad};

/// Sizes of the two networks. G mirrors D.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Architecture {
    /// Height and width of an image in pixels.
    pub image_size: usize,
    /// Channels of an image: 1 for grayscale, 3 for colour.
    pub channels: usize,
    /// Number of channels after the first halving of the image, 128 in the paper's figure of G. It
    /// doubles at every further halving.
    pub width: usize,
    /// Length of z.
    pub latent: usize,
    /// Normalisation of D's layers, batch norm in the paper. Batch norm is not applied to the first
    /// layer ([`pyramid::to_logit`]).
    pub d_norm: Norm,
    /// Dropout after each hidden layer of D. The paper uses none.
    pub d_dropout: Dropout,
}

impl Default for Architecture {
    /// Returns the paper's sizes, for images of 64x64 pixels.
    fn default() -> Self {
        let (d_norm, d_dropout) = (Norm::Batch, Dropout::default());
        Architecture { image_size: 64, channels: 3, width: 128, latent: 100, d_norm, d_dropout }
    }
}

impl Architecture {
    /// Returns the level of the image and the smaller levels of both networks.
    #[track_caller]
    fn levels(&self) -> (Level, Vec<Level>) {
        let image = Level { size: self.image_size, channels: self.channels };
        (image, image.below(self.width))
    }

    #[track_caller]
    fn generator(&self) -> NetworkPlan {
        let (image, levels) = self.levels();
        pyramid::up(self.latent, 0, &levels, image, ", tanh")
    }

    #[track_caller]
    fn discriminator(&self) -> NetworkPlan {
        let (image, levels) = self.levels();
        pyramid::to_logit(image, &levels, 0, self.d_norm)
    }

    /// Returns the costs of G's layers, from z to the image.
    ///
    /// # Panics
    /// If the images are too small for a pyramid ([`pyramid::MIN_SIZE`]).
    #[track_caller]
    pub fn generator_costs(&self) -> Vec<LayerCost> {
        self.generator().costs()
    }

    /// Returns the costs of D's layers, from the image to its logit.
    ///
    /// # Panics
    /// If the images are too small for a pyramid ([`pyramid::MIN_SIZE`]).
    #[track_caller]
    pub fn discriminator_costs(&self) -> Vec<LayerCost> {
        self.discriminator().costs()
    }
}

/// The DCGAN: the game between a generator and a discriminator.
pub type Dcgan<E> = Game<E, Generator<E>, Discriminator<E>>;

/// Creates a DCGAN with initial weights drawn from streams of `seed`. [`Settings::default`] returns
/// the paper's settings (section 4).
///
/// # Panics
/// If the images are too small for a pyramid.
#[track_caller]
pub fn dcgan<E: Element>(architecture: &Architecture, settings: Settings, seed: u64) -> Dcgan<E> {
    let (mut generator, mut discriminator) = (Generator::new(architecture), Discriminator::new(architecture));
    Scheme::dcgan().apply(&mut generator, "generator", seed);
    Scheme::dcgan().apply(&mut discriminator, "discriminator", seed);
    Game::new(generator, discriminator, settings, seed)
}

/// G, which maps z to an image.
pub struct Generator<E: Element> {
    /// The projection of z, then one layer per doubling except the last.
    blocks: Vec<Up<E>>,
    /// The last doubling, to the image's channels.
    image: ConvTranspose2d<E>,
}
module!(Generator { blocks, image });

impl<E: Element> Generator<E> {
    /// Creates a generator with uninitialised weights.
    ///
    /// # Panics
    /// If the images are too small for a pyramid ([`pyramid::MIN_SIZE`]).
    #[track_caller]
    pub fn new(a: &Architecture) -> Self {
        let NetworkPlan { blocks, last } = a.generator();
        Generator { blocks: blocks.iter().map(Up::new).collect(), image: last.conv_transpose() }
    }

    /// Maps z (N, latent) to images (N, H, W, C) in \[-1, 1\].
    ///
    /// # Panics
    /// If z is not a matrix with `latent` columns.
    #[track_caller]
    pub fn forward(&mut self, z: &Var<E>, mode: Mode) -> Var<E> {
        let [n, latent] = z.shape().matrix();
        let mut h = z.reshape([n, 1, 1, latent]);
        for block in &mut self.blocks {
            h = block.forward(&h, mode);
        }
        self.image.forward(&h).tanh()
    }
}

impl<E: Element> adversarial::Generator<E> for Generator<E> {
    fn generate(&mut self, z: &Var<E>, _condition: Option<&Var<E>>, mode: Mode) -> Var<E> {
        self.forward(z, mode)
    }
}

/// D, which maps an image to the logit of "real".
pub struct Discriminator<E: Element> {
    /// One layer per halving.
    blocks: Vec<Down<E>>,
    /// The last layer, which maps all remaining pixels to one logit.
    logit: Conv2d<E>,
    spectral: Option<SpectralNorm<E>>,
    dropout: Dropout,
}
module!(Discriminator { blocks, logit, spectral });

impl<E: Element> Discriminator<E> {
    /// Creates a discriminator with uninitialised weights.
    ///
    /// # Panics
    /// If the images are too small for a pyramid ([`pyramid::MIN_SIZE`]).
    #[track_caller]
    pub fn new(a: &Architecture) -> Self {
        let NetworkPlan { blocks, last } = a.discriminator();
        let (blocks, logit) = (blocks.iter().map(Down::new).collect(), last.conv());
        Discriminator { blocks, spectral: last.spectral(&logit), logit, dropout: a.d_dropout }
    }

    /// Maps images (N, H, W, C) to one logit per image, `[N]`. D(x) is the sigmoid of the logit.
    /// Dropout draws its masks from `masks`.
    ///
    /// # Panics
    /// If the images do not have the size and channels of this discriminator.
    #[track_caller]
    pub fn forward(&mut self, x: &Var<E>, mode: Mode, masks: &mut Stream) -> Var<E> {
        let mut h = x.clone();
        for block in &mut self.blocks {
            h = self.dropout.forward(&block.forward(&h, mode), mode, masks);
        }
        let weight = SpectralNorm::apply(&mut self.spectral, &self.logit.weight, mode);
        self.logit.forward_with(&h, &weight).reshape([x.dims()[0]])
    }

    /// Returns the number of layers that halve the image.
    pub fn depth(&self) -> usize {
        self.blocks.len()
    }

    /// Returns the output of the layer with the number `layer`, counted from 1, for the images x:
    /// (N, h, w, channels). D runs in evaluation mode. Batch norm then uses its running statistics,
    /// so the features of an image do not depend on the other images in the batch.
    ///
    /// # Panics
    /// If D has fewer than `layer` layers that halve the image, or if the images do not match the
    /// network.
    #[track_caller]
    pub fn features(&mut self, x: &Var<E>, layer: usize) -> Var<E> {
        let blocks = self.blocks[..layer].iter_mut();
        no_grad(|| blocks.fold(x.clone(), |h, block| block.forward(&h, Mode::Eval)))
    }

    /// Computes, by guided backpropagation, which pixels of the images x increase the features of a
    /// layer (Springenberg et al. 2015, section 3.4). `seed` has a weight for each feature, and the
    /// result is about the sum of the weighted features. The result differs from the gradient of
    /// this sum at the activations. There the backward pass keeps an element of the gradient only
    /// if the element and the input of the activation are both positive. Otherwise it sets the
    /// element to 0.
    ///
    /// # Panics
    /// If D has fewer than `layer` layers that halve the image, or if a shape does not match.
    #[track_caller]
    pub fn guided_backpropagation(&mut self, x: &Tensor<E>, layer: usize, seed: &Tensor<E>) -> Tensor<E> {
        let blocks = &mut self.blocks[..layer];
        // Each block gets its own leaf as input, so that the backward pass can be modified between
        // blocks.
        let mut passes: Vec<[Var<E>; 2]> = vec![];
        let mut h = x.clone();
        for block in blocks {
            let input = Var::leaf(h);
            let before = block.before_activation(&input, Mode::Eval);
            h = no_grad(|| before.leaky_relu(LEAKY_SLOPE)).into_value();
            passes.push([input, before]);
        }
        let mut g = seed.clone();
        while let Some([input, before]) = passes.pop() {
            let guided = g.zip(before.value(), |g, b| if g > E::ZERO && b > E::ZERO { g } else { E::ZERO });
            g = (before * Var::constant(guided)).sum().gradients(&[&input]).remove(0);
        }
        g
    }
}

impl<E: Element> adversarial::Discriminator<E> for Discriminator<E> {
    fn judge(&mut self, x: &Var<E>, _condition: Option<&Var<E>>, mode: Mode, masks: &mut Stream) -> Var<E> {
        self.forward(x, mode, masks)
    }
}

#[cfg(test)]
mod tests;
