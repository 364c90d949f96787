//! Plans: descriptions of layers that are not built yet. A plan contains the sizes of a layer. Both
//! the layer and its [`LayerCost`] are computed from the plan, so the cost of a network is known
//! before memory for the network is allocated.

use crate::Element;
use crate::cost::{LayerCost, product};
use crate::layers::{Conv2d, ConvTranspose2d, Linear, Norm, Spec, SpectralNorm};
use crate::pyramid::Level;

/// Kernel size 4 with stride 2 and padding 1. A convolution halves the size of an image, and a
/// transposed convolution doubles it.
const STRIDED: (usize, Spec) = (4, Spec::new(2, 1));
/// Stride 1 without padding, for a kernel of the same size as the image.
const WHOLE: Spec = Spec::new(1, 0);

/// The plan of a layer from one level to another. If the second level is larger, the layer is a
/// transposed convolution; otherwise it is a convolution. A fully connected layer has levels of one
/// pixel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerPlan {
    name: String,
    from: Level,
    to: Level,
    /// Height and width of the kernel.
    kernel: usize,
    spec: Spec,
    norm: Norm,
    has_bias: bool,
    is_linear: bool,
}

impl LayerPlan {
    /// Plans a layer that halves the size: x -> leaky_relu(norm(conv x)).
    pub fn halve(from: Level, to: Level, norm: Norm) -> Self {
        Self::new(format!("conv 4x4/2, {}leaky relu", norm.in_layer_name()), from, to, STRIDED, norm)
    }

    /// Plans a layer that doubles the size: x -> relu(batch_norm(conv^T x)).
    pub fn double(from: Level, to: Level) -> Self {
        Self::new("conv_transpose 4x4/2, batch norm, relu".into(), from, to, STRIDED, Norm::Batch)
    }

    /// Plans the last layer of a generator, which doubles the size to that of the image and has no
    /// norm. `end` is appended to the name of the layer.
    pub fn image(from: Level, to: Level, end: &str) -> Self {
        Self::new(format!("conv_transpose 4x4/2{end}"), from, to, STRIDED, Norm::None)
    }

    /// Plans the first layer of a generator, from one pixel with `channels` channels to the level
    /// `to`.
    pub fn project(channels: usize, to: Level) -> Self {
        let name = format!("project z: conv_transpose {0}x{0}, batch norm, relu", to.size);
        Self::new(name, Level { size: 1, channels }, to, (to.size, WHOLE), Norm::Batch)
    }

    /// Plans the last layer of a discriminator, from the level `from` to one logit. The layer never
    /// has batch norm.
    pub fn logit(from: Level, norm: Norm) -> Self {
        let name = format!("conv {0}x{0}, logit", from.size);
        Self::new(name, from, Level { size: 1, channels: 1 }, (from.size, WHOLE), norm.without_batch())
    }

    /// Plans a fully connected layer with a bias. `end` is appended to the name of the layer.
    pub fn dense(from: usize, to: usize, norm: Norm, end: &str) -> Self {
        let [from, to] = [from, to].map(|channels| Level { size: 1, channels });
        let layer = Self::new(format!("linear{end}"), from, to, (1, WHOLE), norm);
        LayerPlan { is_linear: true, has_bias: true, ..layer }
    }

    fn new(name: String, from: Level, to: Level, (kernel, spec): (usize, Spec), norm: Norm) -> Self {
        LayerPlan { name, from, to, kernel, spec, norm, has_bias: false, is_linear: false }
    }

    /// Returns the plan with a bias.
    #[must_use]
    pub fn with_bias(self) -> Self {
        LayerPlan { has_bias: true, ..self }
    }

    /// Does the layer increase the size?
    pub fn enlarges(&self) -> bool {
        self.to.size > self.from.size
    }

    /// The number of output channels.
    pub(crate) fn outputs(&self) -> usize {
        self.to.channels
    }

    /// The number of output channels if the layer has batch norm, otherwise `None`.
    pub(crate) fn batch_norm(&self) -> Option<usize> {
        (self.norm == Norm::Batch).then_some(self.to.channels)
    }

    /// Creates the convolution of a layer that decreases the size; its weights are not initialised.
    pub fn conv<E: Element>(&self) -> Conv2d<E> {
        let conv = Conv2d::new(self.from.channels, self.to.channels, [self.kernel; 2], self.spec);
        if self.has_bias { conv } else { conv.without_bias() }
    }

    /// Creates the spectral norm for the weight of `conv`, if the plan has one.
    pub fn spectral<E: Element>(&self, conv: &Conv2d<E>) -> Option<SpectralNorm<E>> {
        (self.norm == Norm::Spectral).then(|| SpectralNorm::of_kernel(&conv.weight, conv.spec()))
    }

    /// Creates the transposed convolution of a layer that increases the size; its weights are not
    /// initialised. If the output size is odd, output padding adds the last row and column.
    pub fn conv_transpose<E: Element>(&self) -> ConvTranspose2d<E> {
        let (inputs, outputs) = (self.from.channels, self.to.channels);
        let conv = ConvTranspose2d::new(inputs, outputs, [self.kernel; 2], self.spec);
        let padding = if self.spec == WHOLE { 0 } else { self.to.size % 2 };
        let conv = conv.with_output_padding([padding; 2]);
        if self.has_bias { conv } else { conv.without_bias() }
    }

    /// Creates the fully connected layer; its weights are not initialised.
    pub fn linear<E: Element>(&self) -> Linear<E> {
        Linear::new(self.from.channels, self.to.channels)
    }

    /// Creates the spectral norm for the weight of `linear`, if the plan has one.
    pub fn spectral_of_linear<E: Element>(&self, linear: &Linear<E>) -> Option<SpectralNorm<E>> {
        (self.norm == Norm::Spectral).then(|| SpectralNorm::of_matrix(&linear.weight))
    }

    /// Computes the cost of the layer. In both kinds of convolution, the kernel is applied once per
    /// pixel of the smaller level. Batch norm adds two parameters per channel. It also doubles the
    /// number of stored values: its input is stored in addition to the output of the layer.
    pub fn cost(&self) -> LayerCost {
        let Level { size, channels } = self.to;
        let output = if self.is_linear { vec![channels] } else { vec![size, size, channels] };
        let windows = self.from.pixels().min(self.to.pixels());
        let weights = [self.kernel, self.kernel, self.from.channels, channels];
        let vectors = 2 * usize::from(self.norm == Norm::Batch) + usize::from(self.has_bias);
        LayerCost {
            name: self.name.clone(),
            parameters: product(&weights).saturating_add(product(&[vectors, channels])),
            flops: product(&weights).saturating_mul(product(&[2, windows])),
            kept: product(&output).saturating_mul(if self.norm == Norm::Batch { 2 } else { 1 }),
            output,
        }
    }
}

/// The plan of a network: blocks, and a last layer of a different kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkPlan {
    /// The blocks, in order from the input.
    pub blocks: Vec<LayerPlan>,
    /// The last layer.
    pub last: LayerPlan,
}

impl NetworkPlan {
    /// Plans fully connected layers with `inputs` inputs, hidden layers of sizes `hidden` and
    /// `outputs` outputs. `norm` applies to the hidden layers; spectral normalisation applies to
    /// the last layer too. `ends[0]` is appended to the names of hidden layers and `ends[1]` to the
    /// name of the last layer.
    pub fn dense(inputs: usize, hidden: &[usize], outputs: usize, norm: Norm, ends: [&str; 2]) -> Self {
        let mut from = inputs;
        let block = |&to: &usize| LayerPlan::dense(std::mem::replace(&mut from, to), to, norm, ends[0]);
        let blocks = hidden.iter().map(block).collect();
        NetworkPlan { blocks, last: LayerPlan::dense(from, outputs, norm.without_batch(), ends[1]) }
    }

    /// Returns the costs of all layers, in order from the input.
    pub fn costs(&self) -> Vec<LayerCost> {
        self.blocks.iter().chain([&self.last]).map(LayerPlan::cost).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Module;
    use crate::pyramid::{Down, Up};

    /// The number of parameters of a cost equals that of the layer, for all kinds of layers and for
    /// even and odd sizes.
    #[test]
    fn a_layer_has_the_parameters_of_its_cost() {
        let [large, small] = [29, 14].map(|size| Level { size, channels: size - 10 });
        for norm in [Norm::None, Norm::Batch, Norm::Spectral] {
            let plan = LayerPlan::halve(large, small, norm);
            assert_eq!(plan.cost().parameters, Down::<f32>::new(&plan).num_parameters() as u64);
            let plan = LayerPlan::dense(5, 3, Norm::None, "");
            assert_eq!(plan.cost().parameters, plan.linear::<f32>().num_parameters() as u64);
            let plan = LayerPlan::logit(small, norm);
            assert_eq!(plan.cost().parameters, plan.conv::<f32>().num_parameters() as u64);
            assert_eq!(plan.spectral(&plan.conv::<f32>()).is_some(), norm == Norm::Spectral);
        }
        for plan in [LayerPlan::double(small, large), LayerPlan::project(7, small)] {
            assert_eq!(plan.cost().parameters, Up::<f32>::new(&plan).num_parameters() as u64);
        }
        let plan = LayerPlan::image(small, large, ", tanh");
        for plan in [plan.clone(), plan.with_bias()] {
            assert_eq!(plan.cost().parameters, plan.conv_transpose::<f32>().num_parameters() as u64);
        }
    }

    /// A 4x4 kernel is applied once per pixel of the smaller level, which has 14 x 14 pixels. This
    /// holds for the convolution to the smaller level and for the transposed convolution back.
    #[test]
    fn costs_are_two_operations_per_tap_channel_and_window() {
        let [large, small] = [(28, 3), (14, 8)].map(|(size, channels)| Level { size, channels });
        for cost in [LayerPlan::halve(large, small, Norm::None), LayerPlan::double(small, large)] {
            assert_eq!(cost.cost().flops, 2 * 16 * 3 * 8 * 14 * 14);
        }
        assert_eq!(LayerPlan::project(10, small).cost().flops, 2 * 14 * 14 * 10 * 8);
        assert_eq!(LayerPlan::logit(small, Norm::None).cost().flops, 2 * 14 * 14 * 8);
        let dense = NetworkPlan::dense(3, &[5, 4], 2, Norm::Batch, [", batch norm", ", logit"]).costs();
        assert_eq!(dense.iter().map(|cost| cost.flops).collect::<Vec<_>>(), [30, 40, 16]);
        assert_eq!(dense.iter().map(|cost| cost.parameters).collect::<Vec<_>>(), [30, 32, 10]);
        assert_eq!([&dense[1].name, &dense[2].name], ["linear, batch norm", "linear, logit"]);
        assert_eq!((dense[1].kept, dense[2].kept, &dense[2].output), (8, 2, &vec![2]));
    }

    #[test]
    fn counts_saturate() {
        let [from, to] = [1 << 32, 1 << 33].map(|size| Level { size, channels: 1 << 40 });
        let cost = LayerPlan::double(from, to).with_bias().cost();
        assert_eq!((cost.parameters, cost.flops), (u64::MAX, u64::MAX));
        assert_eq!((cost.kept, cost.outputs()), (u64::MAX, u64::MAX));
        let cost = LayerPlan::dense(1 << 32, 1 << 33, Norm::None, "").cost();
        assert_eq!((cost.parameters, cost.flops, cost.kept), (u64::MAX, u64::MAX, 1 << 33));
    }
}
