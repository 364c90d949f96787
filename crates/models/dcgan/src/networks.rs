//! The generator and the discriminator.

use adjoint_nn::layers::{BatchNorm2d, Conv2d, ConvTranspose2d, Spec};
use adjoint_nn::{Activation, Element, Mode, Var, module};

/// 4x4 windows two pixels apart: each transposed convolution doubles an image, each convolution halves it.
const KERNEL: [usize; 2] = [4; 2];
const HALVE: Spec = Spec::new(2, 1);
/// One window as large as the image: a projection in G, the last layer in D.
const WHOLE: Spec = Spec::new(1, 0);
/// Activation of D (DCGAN, section 4).
const LEAKY: Activation = Activation::LeakyRelu(0.2);

/// Sizes of the two networks, which mirror each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Architecture {
    /// Height and width of an image in pixels.
    pub image_size: usize,
    /// 1 for grey, 3 for colour.
    pub channels: usize,
    /// Channels next to the image (128 for G and 64 for D in the paper's figure); they double at every halving.
    pub width: usize,
    /// Numbers in z.
    pub latent: usize,
}

impl Architecture {
    /// The smallest image inside the networks and the number of halvings down to it: 64 = 4 x 2^4, 32 = 4 x 2^3,
    /// 28 = 7 x 2^2. `None` if the size is not 4 to 7 pixels doubled at least twice.
    pub fn pyramid(&self) -> Option<(usize, usize)> {
        let halvings = (2..16).find(|n| self.image_size >> n <= 7)?;
        let smallest = self.image_size >> halvings;
        (smallest >= 4 && smallest << halvings == self.image_size).then_some((smallest, halvings))
    }

    /// Channels after each of D's halvings: width, 2 width, 4 width, ...
    fn channels(&self, halvings: usize) -> Vec<usize> {
        (0..halvings).map(|i| self.width << i).collect()
    }

    #[track_caller]
    pub(crate) fn levels(&self) -> (usize, Vec<usize>) {
        let Some((smallest, halvings)) = self.pyramid() else {
            panic!(
                "a DCGAN of {} pixels: the size must be 4 to 7 pixels doubled at least twice",
                self.image_size
            )
        };
        (smallest, self.channels(halvings))
    }
}

/// A layer of G: x -> relu(norm(conv^T x)).
pub struct Up<E: Element> {
    conv: ConvTranspose2d<E>,
    norm: BatchNorm2d<E>,
}
module!(Up { conv, norm });

impl<E: Element> Up<E> {
    fn new(from: usize, to: usize, kernel: [usize; 2], spec: Spec) -> Self {
        Up { conv: ConvTranspose2d::new(from, to, kernel, spec).without_bias(), norm: BatchNorm2d::new(to) }
    }

    fn forward(&mut self, x: &Var<E>, mode: Mode) -> Var<E> {
        self.norm.forward_activated(&self.conv.forward(x), mode, Activation::RELU)
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
    /// If [`Architecture::pyramid`] has no answer.
    #[track_caller]
    pub fn new(a: &Architecture) -> Self {
        let (smallest, channels) = a.levels();
        // From the deepest level up to the one next to the image.
        let project = Up::new(a.latent, channels[channels.len() - 1], [smallest; 2], WHOLE);
        let doublings = channels.windows(2).rev().map(|pair| Up::new(pair[1], pair[0], KERNEL, HALVE));
        Generator {
            blocks: std::iter::once(project).chain(doublings).collect(),
            image: ConvTranspose2d::new(a.width, a.channels, KERNEL, HALVE).without_bias(),
        }
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

/// A layer of D: x -> leaky_relu(norm(conv x)).
pub struct Down<E: Element> {
    conv: Conv2d<E>,
    /// Not on the layer that sees the image (DCGAN, section 3: batch norm there makes training oscillate).
    norm: Option<BatchNorm2d<E>>,
}
module!(Down { conv, norm });

impl<E: Element> Down<E> {
    fn forward(&mut self, x: &Var<E>, mode: Mode) -> Var<E> {
        let h = self.conv.forward(x);
        match &mut self.norm {
            Some(norm) => norm.forward_activated(&h, mode, LEAKY),
            None => h.activated(LEAKY),
        }
    }
}

/// D: image -> logit of "real".
pub struct Discriminator<E: Element> {
    /// One layer per halving.
    blocks: Vec<Down<E>>,
    /// All that is left, to one number.
    logit: Conv2d<E>,
}
module!(Discriminator { blocks, logit });

impl<E: Element> Discriminator<E> {
    /// A discriminator without weights.
    ///
    /// # Panics
    /// If [`Architecture::pyramid`] has no answer.
    #[track_caller]
    pub fn new(a: &Architecture) -> Self {
        let (smallest, channels) = a.levels();
        let mut from = a.channels;
        let mut blocks = vec![];
        for &to in &channels {
            let norm = (!blocks.is_empty()).then(|| BatchNorm2d::new(to));
            blocks.push(Down { conv: Conv2d::new(from, to, KERNEL, HALVE).without_bias(), norm });
            from = to;
        }
        Discriminator { blocks, logit: Conv2d::new(from, 1, [smallest; 2], WHOLE).without_bias() }
    }

    /// One logit an image, shape (N), from images (N, H, W, C). D(x) is its sigmoid.
    ///
    /// # Panics
    /// If the images do not have this discriminator's size or channels.
    #[track_caller]
    pub fn forward(&mut self, x: &Var<E>, mode: Mode) -> Var<E> {
        let mut h = x.clone();
        for block in &mut self.blocks {
            h = block.forward(&h, mode);
        }
        let logits = self.logit.forward(&h);
        logits.reshape([x.dims()[0]])
    }
}
