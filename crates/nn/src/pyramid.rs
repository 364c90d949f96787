//! Image pyramids: strided convolutions that halve an image, transposed ones that double it, with
//! batch norm between them (Radford, Metz & Chintala 2016, section 3). A discriminator or an
//! encoder goes down what a generator or a decoder comes up, so sizes and channels of both stand in
//! one list of [`Level`]s.

use crate::cost::LayerCost;
use crate::layers::{BatchNorm2d, Conv2d, ConvTranspose2d, LEAKY_SLOPE, Norm, Spec, SpectralNorm};
use crate::{Activation, Element, Mode, Var, module};

/// 4x4 windows two pixels apart: each transposed convolution doubles an image, each convolution
/// halves it.
const KERNEL: [usize; 2] = [4; 2];
const HALVE: Spec = Spec::new(2, 1);
/// One window as large as the image.
const WHOLE: Spec = Spec::new(1, 0);
/// Activation on the way down (DCGAN, section 4).
const LEAKY: Activation = Activation::LeakyRelu(LEAKY_SLOPE);

/// Pixels of the smallest images that have a pyramid: two halvings down to four.
pub const MIN_SIZE: usize = 16;

/// Images between two layers of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// Height and width in pixels.
    pub size: usize,
    /// Channels of a pixel.
    pub channels: usize,
}

/// A layer up: x -> relu(norm(conv^T x)).
pub struct Up<E: Element> {
    conv: ConvTranspose2d<E>,
    norm: BatchNorm2d<E>,
}
module!(Up { conv, norm });

impl Level {
    /// Pixels of an image. This and all other sizes of levels saturate, and what saturates is no
    /// size of a tensor.
    pub fn pixels(self) -> usize {
        self.size.saturating_mul(self.size)
    }

    /// Numbers to an image.
    pub fn numbers(self) -> usize {
        self.pixels().saturating_mul(self.channels)
    }

    /// The levels below an image, from the one next to it down: 64 pixels give 32, 16, 8, 4; 28
    /// give 14, 7, 3. The first has `width` channels, and channels double as sizes halve.
    ///
    /// # Panics
    /// If the image has fewer than [`MIN_SIZE`] pixels a side.
    #[track_caller]
    pub fn below(self, width: usize) -> Vec<Level> {
        assert!(self.size >= MIN_SIZE, "a pyramid below {} pixels; {MIN_SIZE} are needed", self.size);
        let sizes = std::iter::successors(Some(self.size), |&size| (size > 4).then_some(size / 2)).skip(1);
        (0..).zip(sizes).map(|(i, size)| Level { size, channels: width.saturating_mul(1 << i) }).collect()
    }

    /// The same level with more channels, behind its own.
    #[must_use]
    pub fn and(self, channels: usize) -> Self {
        Level { channels: self.channels.saturating_add(channels), ..self }
    }
}

impl<E: Element> Up<E> {
    /// From one pixel with so many channels to all of a level.
    pub fn project(channels: usize, to: Level) -> Self {
        let conv = ConvTranspose2d::new(channels, to.channels, [to.size; 2], WHOLE).without_bias();
        Up { conv, norm: BatchNorm2d::new(to.channels) }
    }

    /// From a level to the next one up.
    pub fn double(from: Level, to: Level) -> Self {
        Up { conv: double(from, to).without_bias(), norm: BatchNorm2d::new(to.channels) }
    }

    /// `[N, h, w, c]` to the next level.
    ///
    /// # Panics
    /// If x is no level that this layer starts from.
    #[track_caller]
    pub fn forward(&mut self, x: &Var<E>, mode: Mode) -> Var<E> {
        self.norm.forward_activated(&self.conv.forward(x), mode, Activation::RELU)
    }
}

/// The transposed convolution with a bias from a level up to the next, which halves to the first.
/// It gives an odd size its last pixel by output padding.
pub fn double<E: Element>(from: Level, to: Level) -> ConvTranspose2d<E> {
    ConvTranspose2d::new(from.channels, to.channels, KERNEL, HALVE).with_output_padding([to.size % 2; 2])
}

/// A layer down: x -> leaky_relu(norm(conv x)).
pub struct Down<E: Element> {
    conv: Conv2d<E>,
    spectral: Option<SpectralNorm<E>>,
    norm: Option<BatchNorm2d<E>>,
}
module!(Down { conv, spectral, norm });

impl<E: Element> Down<E> {
    /// From a level to the next one down.
    pub fn halve(from: Level, to: Level, norm: Norm) -> Self {
        let conv = Conv2d::new(from.channels, to.channels, KERNEL, HALVE).without_bias();
        Down {
            spectral: (norm == Norm::Spectral).then(|| SpectralNorm::of_kernel(&conv.weight, conv.spec())),
            norm: (norm == Norm::Batch).then(|| BatchNorm2d::new(to.channels)),
            conv,
        }
    }

    /// `[N, h, w, c]` to the next level.
    ///
    /// # Panics
    /// If x has another number of channels.
    #[track_caller]
    pub fn forward(&mut self, x: &Var<E>, mode: Mode) -> Var<E> {
        let weight = SpectralNorm::apply(&mut self.spectral, &self.conv.weight, mode);
        let h = self.conv.forward_with(x, &weight);
        match &mut self.norm {
            Some(norm) => norm.forward_activated(&h, mode, LEAKY),
            None => h.activated(LEAKY),
        }
    }

    /// What the activation of this layer is applied to.
    ///
    /// # Panics
    /// As [`forward`](Self::forward).
    #[track_caller]
    pub fn before_activation(&mut self, x: &Var<E>, mode: Mode) -> Var<E> {
        let weight = SpectralNorm::apply(&mut self.spectral, &self.conv.weight, mode);
        let h = self.conv.forward_with(x, &weight);
        match &mut self.norm {
            Some(norm) => norm.forward(&h, mode),
            None => h,
        }
    }
}

/// The convolution with a bias from all of a level to one pixel.
pub fn whole<E: Element>(from: Level, channels: usize) -> Conv2d<E> {
    Conv2d::new(from.channels, channels, [from.size; 2], WHOLE)
}

/// The layer down from a level to the next one.
pub fn down_cost(from: Level, to: Level, norm: Norm) -> LayerCost {
    let cost = LayerCost::conv(format!("conv 4x4/2, {norm}leaky relu"), from.channels, to, 16, to.pixels());
    if norm == Norm::Batch { cost.with_norm() } else { cost }
}

/// The layer from one pixel with so many channels to all of a level.
pub fn project_cost(channels: usize, to: Level) -> LayerCost {
    let name = format!("project z: conv_transpose {0}x{0}, batch norm, relu", to.size);
    LayerCost::conv(name, channels, to, to.pixels(), 1).with_norm()
}

/// The layer up from a level to the next one.
pub fn double_cost(from: Level, to: Level) -> LayerCost {
    image_cost(from, to, ", batch norm, relu").with_norm()
}

/// The last layer up, to the image, without its bias; `end` is what follows it.
pub fn image_cost(from: Level, to: Level, end: &str) -> LayerCost {
    LayerCost::conv(format!("conv_transpose 4x4/2{end}"), from.channels, to, 16, from.pixels())
}

/// All layers up from one pixel with so many channels over the levels to the image.
pub fn up_costs(channels: usize, levels: &[Level], image: Level, end: &str) -> Vec<LayerCost> {
    let project = levels.last().map(|&to| project_cost(channels, to));
    let doublings = levels.windows(2).rev().map(|pair| double_cost(pair[1], pair[0]));
    let image = levels.first().map(|&from| image_cost(from, image, end));
    project.into_iter().chain(doublings).chain(image).collect()
}

/// The layer from all of a level to one logit, without a bias.
pub fn logit_cost(from: Level) -> LayerCost {
    let (name, taps) = (format!("conv {0}x{0}, logit", from.size), from.pixels());
    LayerCost::conv(name, from.channels, Level { size: 1, channels: 1 }, taps, 1)
}

/// `[N, h, w, c]` with planes of `labels` `[N, k]` behind its channels: each of the k numbers of a
/// sample in all of its pixels, `[N, h, w, c + k]`.
///
/// # Panics
/// If there are not as many rows of labels as images.
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
                let mut down = Down::halve(from, to, Norm::Batch);
                Scheme::dcgan().apply(&mut down, "down", 1);
                h = down.forward(&h, Mode::Train);
                from = to;
            }
            for &to in levels.iter().rev().skip(1).chain([&image]) {
                let mut up = Up::double(from, to);
                Scheme::dcgan().apply(&mut up, "up", 1);
                h = up.forward(&h, Mode::Train);
                from = to;
            }
            assert_eq!(h.dims(), x.dims());
        }
    }

    #[test]
    fn planes_are_labels_in_every_pixel() {
        let x = Var::constant(Tensor::from_slice([2, 1, 2, 1], &[1.0, 2.0, 3.0, 4.0]));
        let labels = Var::constant(Tensor::from_slice([2, 2], &[0.0, 1.0, 5.0, 6.0]));
        let want = [1.0, 0.0, 1.0, 2.0, 0.0, 1.0, 3.0, 5.0, 6.0, 4.0, 5.0, 6.0];
        assert_eq!(with_planes(&x, &labels).value().data(), want);
    }
}
