//! Image pyramids: strided convolutions that halve the size of an image, and transposed
//! convolutions that double it, with batch norm between them (Radford, Metz & Chintala 2016,
//! section 3). A discriminator or an encoder goes from large images to small ones. A generator or a
//! decoder goes through the same sizes in reverse. One list of [`Level`]s describes both kinds of
//! networks.

use crate::layers::{BatchNorm2d, Conv2d, ConvTranspose2d, LEAKY_SLOPE, Norm, SpectralNorm};
use crate::plan::{LayerPlan, NetworkPlan};
use crate::{Activation, Element, Mode, Var, module};

/// Activation of layers that halve the size (DCGAN, section 4).
const LEAKY: Activation = Activation::LeakyRelu(LEAKY_SLOPE);

/// The smallest height and width, in pixels, of an image that [`Level::below`] accepts. Halving
/// this size twice gives 4.
pub const MIN_SIZE: usize = 16;

/// The shape of the images between two layers of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// Height and width in pixels.
    pub size: usize,
    /// Channels per pixel.
    pub channels: usize,
}

/// A layer that increases the size of images: x -> relu(norm(conv^T x)).
pub struct Up<E: Element> {
    conv: ConvTranspose2d<E>,
    norm: BatchNorm2d<E>,
}
module!(Up { conv, norm });

impl Level {
    /// The number of pixels. This and all other size computations of levels saturate. No tensor can
    /// have a saturated size.
    pub fn pixels(self) -> usize {
        self.size.saturating_mul(self.size)
    }

    /// The number of elements of an image.
    pub fn numbers(self) -> usize {
        self.pixels().saturating_mul(self.channels)
    }

    /// Returns the smaller levels of the pyramid of an image, from large to small. For example, a
    /// size of 64 gives 32, 16, 8 and 4, and 28 gives 14, 7 and 3. The first level has `width`
    /// channels. The number of channels doubles whenever the size halves.
    ///
    /// # Panics
    /// If the size of the image is less than [`MIN_SIZE`].
    #[track_caller]
    pub fn below(self, width: usize) -> Vec<Level> {
        assert!(self.size >= MIN_SIZE, "a pyramid below {} pixels, need at least {MIN_SIZE}", self.size);
        let sizes = std::iter::successors(Some(self.size), |&size| (size > 4).then_some(size / 2)).skip(1);
        (0..).zip(sizes).map(|(i, size)| Level { size, channels: width.saturating_mul(1 << i) }).collect()
    }

    /// Returns the level with `channels` additional channels.
    #[must_use]
    pub fn and(self, channels: usize) -> Self {
        Level { channels: self.channels.saturating_add(channels), ..self }
    }
}

impl<E: Element> Up<E> {
    /// Creates the layer of a plan; its weights are not initialised.
    pub fn new(plan: &LayerPlan) -> Self {
        Up { conv: plan.conv_transpose(), norm: BatchNorm2d::new(plan.outputs()) }
    }

    /// Applies the layer to x, `[N, h, w, c]`. The result has the size and the channels of the
    /// plan's second level.
    ///
    /// # Panics
    /// If the number of channels of x is not that of the plan.
    #[track_caller]
    pub fn forward(&mut self, x: &Var<E>, mode: Mode) -> Var<E> {
        self.norm.forward_activated(&self.conv.forward(x), mode, Activation::RELU)
    }
}

/// A layer that decreases the size of images: x -> leaky_relu(norm(conv x)).
pub struct Down<E: Element> {
    conv: Conv2d<E>,
    spectral: Option<SpectralNorm<E>>,
    norm: Option<BatchNorm2d<E>>,
}
module!(Down { conv, spectral, norm });

impl<E: Element> Down<E> {
    /// Creates the layer of a plan; its weights are not initialised.
    pub fn new(plan: &LayerPlan) -> Self {
        let conv = plan.conv();
        Down { spectral: plan.spectral(&conv), norm: plan.batch_norm().map(BatchNorm2d::new), conv }
    }

    /// Applies the layer to x, `[N, h, w, c]`. The result has the size and the channels of the
    /// plan's second level.
    ///
    /// # Panics
    /// If the number of channels of x is not that of the plan.
    #[track_caller]
    pub fn forward(&mut self, x: &Var<E>, mode: Mode) -> Var<E> {
        self.activated(x, mode, LEAKY)
    }

    /// Returns the input of this layer's activation, norm(conv x).
    ///
    /// # Panics
    /// Under the conditions of [`forward`](Self::forward).
    #[track_caller]
    pub fn before_activation(&mut self, x: &Var<E>, mode: Mode) -> Var<E> {
        self.activated(x, mode, Activation::Identity)
    }

    #[track_caller]
    fn activated(&mut self, x: &Var<E>, mode: Mode, f: Activation) -> Var<E> {
        let weight = SpectralNorm::apply(&mut self.spectral, &self.conv.weight, mode);
        let h = self.conv.forward_with(x, &weight);
        match &mut self.norm {
            Some(norm) => norm.forward_activated(&h, mode, f),
            None => h.activated(f),
        }
    }
}

/// Plans the layers from an image down through `levels`. Each layer has `planes` additional input
/// channels. The first layer, whose input is the image, has the norm `norms[0]`; the other layers
/// have `norms[1]`.
pub fn down(image: Level, levels: &[Level], planes: usize, norms: [Norm; 2]) -> Vec<LayerPlan> {
    let inputs = [image].into_iter().chain(levels.iter().copied());
    let norms = [norms[0]].into_iter().chain(std::iter::repeat(norms[1]));
    let pairs = inputs.zip(levels).zip(norms);
    pairs.map(|((from, &to), norm)| LayerPlan::halve(from.and(planes), to, norm)).collect()
}

/// Plans a discriminator: from an image down through `levels`, and then to one logit. Each layer
/// has `planes` additional input channels. The first layer, whose input is the image, has no batch
/// norm, because it would make training oscillate (DCGAN, section 3).
///
/// # Panics
/// If there are no levels.
#[track_caller]
pub fn to_logit(image: Level, levels: &[Level], planes: usize, norm: Norm) -> NetworkPlan {
    let blocks = down(image, levels, planes, [norm.without_batch(), norm]);
    NetworkPlan { blocks, last: LayerPlan::logit(levels[levels.len() - 1].and(planes), norm) }
}

/// Plans a generator or a decoder: from one pixel with `channels` channels up through `levels` to
/// the image. Each layer except the first has `planes` additional input channels. `end` is appended
/// to the name of the last layer.
///
/// # Panics
/// If there are no levels.
#[track_caller]
pub fn up(channels: usize, planes: usize, levels: &[Level], image: Level, end: &str) -> NetworkPlan {
    let project = LayerPlan::project(channels, levels[levels.len() - 1]);
    let doublings = levels.windows(2).rev().map(|pair| LayerPlan::double(pair[1].and(planes), pair[0]));
    let blocks = [project].into_iter().chain(doublings).collect();
    NetworkPlan { blocks, last: LayerPlan::image(levels[0].and(planes), image, end) }
}

/// Appends k channels to `x`, `[N, h, w, c]` to `[N, h, w, c + k]`. Every pixel of a sample gets
/// the k values of the sample's row in `labels`, `[N, k]`.
///
/// # Panics
/// If the number of rows of `labels` is not the number of images.
#[track_caller]
pub fn with_planes<E: Element>(x: &Var<E>, labels: &Var<E>) -> Var<E> {
    let [n, h, w, _] = x.shape().nhwc();
    let [rows, k] = labels.shape().matrix();
    assert_eq!(n, rows, "{rows} rows of labels for {n} images");
    let planes = labels.reshape([n, 1, 1, k]).expand([n, h, w, k]);
    Var::concat(&[x, &planes], 3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Scheme, Tensor};

    #[test]
    fn sizes_halve_and_channels_double() {
        let below = |size| Level { size, channels: 1 }.below(3);
        let sizes = |size| below(size).iter().map(|l| l.size).collect::<Vec<_>>();
        assert_eq!([28, 45, 16].map(sizes), [vec![14, 7, 3], vec![22, 11, 5, 2], vec![8, 4]]);
        assert_eq!(sizes(64), [32, 16, 8, 4]);
        let channels: Vec<_> = below(64).iter().map(|l| l.channels).collect();
        assert_eq!(channels, [3, 6, 12, 24]);
    }

    #[test]
    #[should_panic(expected = "a pyramid below 15 pixels")]
    fn small_images_have_no_pyramid() {
        Level { size: 15, channels: 1 }.below(3);
    }

    #[test]
    fn the_way_up_ends_where_the_way_down_began() {
        for size in [16, 28, 29, 45, 64] {
            let image = Level { size, channels: 3 };
            let levels = image.below(2);
            let x = Var::constant(Tensor::<f32>::full([2, size, size, 3], 0.5));
            let (mut h, mut from) = (x.clone(), image);
            for &to in &levels {
                let mut down = Down::new(&LayerPlan::halve(from, to, Norm::Batch));
                Scheme::dcgan().apply(&mut down, "down", 1);
                h = down.forward(&h, Mode::Train);
                from = to;
            }
            for &to in levels.iter().rev().skip(1).chain([&image]) {
                let mut up = Up::new(&LayerPlan::double(from, to));
                Scheme::dcgan().apply(&mut up, "up", 1);
                h = up.forward(&h, Mode::Train);
                from = to;
            }
            assert_eq!(h.dims(), x.dims());
        }
    }

    /// Images of size 28 have the levels 14, 7 and 3. Each layer has two additional input channels,
    /// except the first layer of the generator.
    #[test]
    fn a_path_has_a_layer_for_each_level_and_a_last_one() {
        let image = Level { size: 28, channels: 1 };
        let levels = image.below(8);
        let outputs = |path: &NetworkPlan| path.costs().iter().map(|c| c.output.clone()).collect::<Vec<_>>();
        let weights = |path: &NetworkPlan| path.costs().iter().map(|c| c.parameters).collect::<Vec<_>>();
        let d = to_logit(image, &levels, 2, Norm::Batch);
        assert_eq!(outputs(&d), [vec![14, 14, 8], vec![7, 7, 16], vec![3, 3, 32], vec![1, 1, 1]]);
        assert_eq!(weights(&d), [16 * 3 * 8, 16 * 10 * 16 + 32, 16 * 18 * 32 + 64, 9 * 34]);
        let g = up(5, 2, &levels, image, ", tanh");
        assert_eq!(outputs(&g), [vec![3, 3, 32], vec![7, 7, 16], vec![14, 14, 8], vec![28, 28, 1]]);
        assert_eq!(weights(&g), [9 * 5 * 32 + 64, 16 * 34 * 16 + 32, 16 * 18 * 8 + 16, 16 * 10]);
    }

    #[test]
    fn planes_are_labels_in_every_pixel() {
        let x = Var::constant(Tensor::from_slice([2, 1, 2, 1], &[1.0, 2.0, 3.0, 4.0]));
        let labels = Var::constant(Tensor::from_slice([2, 2], &[0.0, 1.0, 5.0, 6.0]));
        let want = [1.0, 0.0, 1.0, 2.0, 0.0, 1.0, 3.0, 5.0, 6.0, 4.0, 5.0, 6.0];
        assert_eq!(with_planes(&x, &labels).value().data(), want);
    }
}
