//! The generator and the discriminator.

use adjoint_adversarial as adversarial;
use adjoint_nn::cost::LayerCost;
use adjoint_nn::layers::{Conv2d, ConvTranspose2d, Dropout, LEAKY_SLOPE, Norm, SpectralNorm};
use adjoint_nn::plan::NetworkPlan;
use adjoint_nn::pyramid::{self, Down, Level, Up};
use adjoint_nn::{Element, Mode, Stream, Tensor, Var, module, no_grad};

/// Sizes of the two networks, which mirror each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Architecture {
    /// Height and width of an image in pixels.
    pub image_size: usize,
    /// 1 for grey, 3 for colour.
    pub channels: usize,
    /// Channels next to the image (128 in the paper's figure of G); they double at every halving.
    pub width: usize,
    /// Numbers in z.
    pub latent: usize,
    /// What keeps D's layers in bounds. Batch norm (the paper's) is left out of the layer that sees
    /// the image ([`pyramid::to_logit`]).
    pub d_norm: Norm,
    /// Dropout behind each hidden layer of D, none in the paper.
    pub d_dropout: Dropout,
}

impl Default for Architecture {
    /// The paper's, for 64 pixels.
    fn default() -> Self {
        let (d_norm, d_dropout) = (Norm::Batch, Dropout::default());
        Architecture { image_size: 64, channels: 3, width: 128, latent: 100, d_norm, d_dropout }
    }
}

impl Architecture {
    /// The image, and the levels of both networks from it down.
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

    /// The layers of G, from z to the image.
    ///
    /// # Panics
    /// If the images are too small for a pyramid ([`pyramid::MIN_SIZE`]).
    #[track_caller]
    pub fn generator_costs(&self) -> Vec<LayerCost> {
        self.generator().costs()
    }

    /// The layers of D, from the image to its logit.
    ///
    /// # Panics
    /// If the images are too small for a pyramid ([`pyramid::MIN_SIZE`]).
    #[track_caller]
    pub fn discriminator_costs(&self) -> Vec<LayerCost> {
        self.discriminator().costs()
    }
}

/// G: z -> image.
pub struct Generator<E: Element> {
    /// The projection of z, then one layer per doubling but the last.
    blocks: Vec<Up<E>>,
    /// The last doubling, to the image's channels.
    image: ConvTranspose2d<E>,
}
module!(Generator { blocks, image });

impl<E: Element> Generator<E> {
    /// A generator without weights.
    ///
    /// # Panics
    /// If the images are too small for a pyramid ([`pyramid::MIN_SIZE`]).
    #[track_caller]
    pub fn new(a: &Architecture) -> Self {
        let NetworkPlan { blocks, last } = a.generator();
        Generator { blocks: blocks.iter().map(Up::new).collect(), image: last.conv_transpose() }
    }

    /// Images (N, H, W, C) in \[-1, 1\] from z (N, latent).
    ///
    /// # Panics
    /// If z is no matrix of this generator's latent size.
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

/// D: image -> logit of "real".
pub struct Discriminator<E: Element> {
    /// One layer per halving.
    blocks: Vec<Down<E>>,
    /// All that is left, to one number.
    logit: Conv2d<E>,
    spectral: Option<SpectralNorm<E>>,
    dropout: Dropout,
}
module!(Discriminator { blocks, logit, spectral });

impl<E: Element> Discriminator<E> {
    /// A discriminator without weights.
    ///
    /// # Panics
    /// If the images are too small for a pyramid ([`pyramid::MIN_SIZE`]).
    #[track_caller]
    pub fn new(a: &Architecture) -> Self {
        let NetworkPlan { blocks, last } = a.discriminator();
        let (blocks, logit) = (blocks.iter().map(Down::new).collect(), last.conv());
        Discriminator { blocks, spectral: last.spectral(&logit), logit, dropout: a.d_dropout }
    }

    /// One logit an image, shape (N), from images (N, H, W, C). D(x) is its sigmoid. `masks` says
    /// what dropout drops.
    ///
    /// # Panics
    /// If the images do not have this discriminator's size or channels.
    #[track_caller]
    pub fn forward(&mut self, x: &Var<E>, mode: Mode, masks: &mut Stream) -> Var<E> {
        let mut h = x.clone();
        for block in &mut self.blocks {
            h = self.dropout.forward(&block.forward(&h, mode), mode, masks);
        }
        let weight = SpectralNorm::apply(&mut self.spectral, &self.logit.weight, mode);
        let logits = self.logit.forward_with(&h, &weight);
        logits.reshape([x.dims()[0]])
    }
}

impl<E: Element> Discriminator<E> {
    /// Number of halvings.
    pub fn depth(&self) -> usize {
        self.blocks.len()
    }

    /// What comes out of halving `layer`, counted from 1: (N, h, w, channels). D is taken as it is
    /// used, in evaluation mode: batch norm divides by its running statistics, so that an image's
    /// features do not depend on what else is in the batch.
    ///
    /// # Panics
    /// If there is no such layer, or the images do not fit.
    #[track_caller]
    pub fn features(&mut self, x: &Var<E>, layer: usize) -> Var<E> {
        let blocks = self.blocks[..layer].iter_mut();
        no_grad(|| blocks.fold(x.clone(), |h, block| block.forward(&h, Mode::Eval)))
    }

    /// What in the images x speaks for the features of a layer, weighted by `seed`: guided
    /// backpropagation (Springenberg et al. 2015, section 3.4). It is the gradient but for this: on
    /// its way back through an activation only what is above 0 passes, where the activation's input
    /// was above 0, too.
    ///
    /// # Panics
    /// If there is no such layer, or shapes do not fit.
    #[track_caller]
    pub fn guided_backpropagation(&mut self, x: &Tensor<E>, layer: usize, seed: &Tensor<E>) -> Tensor<E> {
        let blocks = &mut self.blocks[..layer];
        // The input of each block as a leaf of its own, so that the chain rule can be changed
        // between two.
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
