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
    /// Channels next to the image (128 in the paper's figure of G); they double at every halving.
    pub width: usize,
    /// Numbers in z.
    pub latent: usize,
}

impl Architecture {
    /// The levels of both networks, from the image down: 64 pixels give 32, 16, 8, 4; 28 give 14, 7, 3. Channels double as
    /// sizes halve. `None` for fewer than [`MIN_SIZE`](Self::MIN_SIZE) pixels.
    pub fn levels(&self) -> Option<Vec<Level>> {
        let sizes =
            std::iter::successors(Some(self.image_size), |&size| (size > 4).then_some(size / 2)).skip(1);
        let levels = (0..).zip(sizes).map(|(i, size)| Level { size, channels: self.width << i });
        (self.image_size >= Self::MIN_SIZE).then(|| levels.collect())
    }

    /// Pixels of the smallest images, as of the datasets: two halvings down to four.
    pub const MIN_SIZE: usize = 16;

    /// The image as a level.
    pub(crate) fn image(&self) -> Level {
        Level { size: self.image_size, channels: self.channels }
    }

    #[track_caller]
    pub(crate) fn expect_levels(&self) -> Vec<Level> {
        self.levels().unwrap_or_else(|| {
            panic!("a DCGAN of {} pixels: at least {} are needed", self.image_size, Self::MIN_SIZE)
        })
    }
}

/// What stands between two layers of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// Height and width in pixels.
    pub size: usize,
    /// Channels of a pixel.
    pub channels: usize,
}

/// A layer of G: x -> relu(norm(conv^T x)).
pub struct Up<E: Element> {
    conv: ConvTranspose2d<E>,
    norm: BatchNorm2d<E>,
}
module!(Up { conv, norm });

impl<E: Element> Up<E> {
    fn new(conv: ConvTranspose2d<E>, to: usize) -> Self {
        Up { conv, norm: BatchNorm2d::new(to) }
    }

    fn forward(&mut self, x: &Var<E>, mode: Mode) -> Var<E> {
        self.norm.forward_activated(&self.conv.forward(x), mode, Activation::RELU)
    }
}

/// The transposed convolution from one level up to the next, which halves to the first. It gives an odd size its last
/// pixel by output padding.
fn double<E: Element>(from: Level, to: Level) -> ConvTranspose2d<E> {
    ConvTranspose2d::new(from.channels, to.channels, KERNEL, HALVE)
        .with_output_padding([to.size % 2; 2])
        .without_bias()
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
    /// If [`Architecture::levels`] has no answer.
    #[track_caller]
    pub fn new(a: &Architecture) -> Self {
        let levels = a.expect_levels();
        let deepest = levels[levels.len() - 1];
        let project =
            ConvTranspose2d::new(a.latent, deepest.channels, [deepest.size; 2], WHOLE).without_bias();
        let mut blocks = vec![Up::new(project, deepest.channels)];
        blocks
            .extend(levels.windows(2).rev().map(|pair| Up::new(double(pair[1], pair[0]), pair[0].channels)));
        Generator { blocks, image: double(levels[0], a.image()) }
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
    /// If [`Architecture::levels`] has no answer.
    #[track_caller]
    pub fn new(a: &Architecture) -> Self {
        let mut from = a.image();
        let mut blocks = vec![];
        for to in a.expect_levels() {
            let conv = Conv2d::new(from.channels, to.channels, KERNEL, HALVE).without_bias();
            blocks.push(Down { conv, norm: (!blocks.is_empty()).then(|| BatchNorm2d::new(to.channels)) });
            from = to;
        }
        Discriminator { blocks, logit: Conv2d::new(from.channels, 1, [from.size; 2], WHOLE).without_bias() }
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
