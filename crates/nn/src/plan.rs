//! Layers before they are built. A plan has the sizes of a layer; the layer and its [`LayerCost`]
//! are both made from it. So the cost of a network is known before any memory is allocated for it.

use crate::Element;
use crate::cost::LayerCost;
use crate::layers::{Conv2d, ConvTranspose2d, Linear, Norm, Spec, SpectralNorm};
use crate::pyramid::Level;

/// 4x4 windows two pixels apart: each convolution halves an image, each transposed one doubles it.
const STRIDED: (usize, Spec) = (4, Spec::new(2, 1));
/// One window as large as the image.
const WHOLE: Spec = Spec::new(1, 0);

/// A convolution from one level to another, transposed if the second is larger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConvPlan {
    name: String,
    from: Level,
    to: Level,
    /// Height and width of the kernel.
    kernel: usize,
    spec: Spec,
    norm: Norm,
    has_bias: bool,
}

impl ConvPlan {
    /// A layer down from a level to the next: x -> leaky_relu(norm(conv x)).
    pub fn halve(from: Level, to: Level, norm: Norm) -> Self {
        Self::strided("conv", from, to, norm, &format!(", {norm}leaky relu"))
    }

    /// A layer up from a level to the next: x -> relu(batch_norm(conv^T x)).
    pub fn double(from: Level, to: Level) -> Self {
        Self::strided("conv_transpose", from, to, Norm::Batch, ", batch norm, relu")
    }

    /// The last layer up, to the image, without a norm; `end` is what follows in its name.
    pub fn image(from: Level, to: Level, end: &str) -> Self {
        Self::strided("conv_transpose", from, to, Norm::None, end)
    }

    /// The first layer up, from one pixel with this number of channels to a whole level.
    pub fn project(channels: usize, to: Level) -> Self {
        let name = format!("project z: conv_transpose {0}x{0}, batch norm, relu", to.size);
        Self::new(name, Level { size: 1, channels }, to, (to.size, WHOLE), Norm::Batch)
    }

    /// The last layer down, from a whole level to one logit. Its only norm is a spectral one.
    pub fn logit(from: Level, norm: Norm) -> Self {
        let name = format!("conv {0}x{0}, logit", from.size);
        Self::new(name, from, Level { size: 1, channels: 1 }, (from.size, WHOLE), norm.without_batch())
    }

    fn strided(kind: &str, from: Level, to: Level, norm: Norm, end: &str) -> Self {
        Self::new(format!("{kind} 4x4/2{end}"), from, to, STRIDED, norm)
    }

    fn new(name: String, from: Level, to: Level, (kernel, spec): (usize, Spec), norm: Norm) -> Self {
        ConvPlan { name, from, to, kernel, spec, norm, has_bias: false }
    }

    /// The same with a bias.
    #[must_use]
    pub fn with_bias(self) -> Self {
        ConvPlan { has_bias: true, ..self }
    }

    /// The channels of its output.
    pub(crate) fn outputs(&self) -> usize {
        self.to.channels
    }

    /// The norm of its output or of its weight.
    pub(crate) fn norm(&self) -> Norm {
        self.norm
    }

    /// The convolution without weights, for a layer down.
    pub fn conv<E: Element>(&self) -> Conv2d<E> {
        let conv = Conv2d::new(self.from.channels, self.to.channels, [self.kernel; 2], self.spec);
        if self.has_bias { conv } else { conv.without_bias() }
    }

    /// The spectral norm of the weight of this convolution, if the plan has one.
    pub fn spectral<E: Element>(&self, conv: &Conv2d<E>) -> Option<SpectralNorm<E>> {
        (self.norm == Norm::Spectral).then(|| SpectralNorm::of_kernel(&conv.weight, conv.spec()))
    }

    /// The transposed convolution without weights, for a layer up. An odd size gets its last pixel
    /// by output padding.
    pub fn conv_transpose<E: Element>(&self) -> ConvTranspose2d<E> {
        let (inputs, outputs) = (self.from.channels, self.to.channels);
        let conv = ConvTranspose2d::new(inputs, outputs, [self.kernel; 2], self.spec);
        let padding = if self.spec == WHOLE { 0 } else { self.to.size % 2 };
        let conv = conv.with_output_padding([padding; 2]);
        if self.has_bias { conv } else { conv.without_bias() }
    }

    /// The cost of the layer. A kernel meets a window for each pixel of the smaller level.
    pub fn cost(&self) -> LayerCost {
        let windows = self.from.pixels().min(self.to.pixels());
        let taps = self.kernel.saturating_mul(self.kernel);
        let cost = LayerCost::conv(self.name.clone(), self.from.channels, self.to, taps, windows);
        let cost = if self.norm == Norm::Batch { cost.with_norm() } else { cost };
        if self.has_bias { cost.with_bias() } else { cost }
    }
}

/// The layers of a convolutional network: blocks of one kind, and a last layer of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPlan {
    /// The blocks, from the input on.
    pub blocks: Vec<ConvPlan>,
    /// The last layer.
    pub last: ConvPlan,
}

impl PathPlan {
    /// The costs of all layers, from the input on.
    pub fn costs(&self) -> Vec<LayerCost> {
        self.blocks.iter().chain([&self.last]).map(ConvPlan::cost).collect()
    }
}

/// A fully connected layer with a bias.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinearPlan {
    name: String,
    from: usize,
    to: usize,
    norm: Norm,
}

impl LinearPlan {
    /// A layer from `from` to `to` numbers; `end` is what follows in its name.
    pub fn new(from: usize, to: usize, norm: Norm, end: &str) -> Self {
        LinearPlan { name: format!("linear{end}"), from, to, norm }
    }

    /// Layers from `from` numbers over layers of these sizes, one after another.
    pub fn chain(from: usize, sizes: impl IntoIterator<Item = usize>, norm: Norm, end: &str) -> Vec<Self> {
        let mut from = from;
        let layer = |to| Self::new(std::mem::replace(&mut from, to), to, norm, end);
        sizes.into_iter().map(layer).collect()
    }

    /// The size of its output.
    pub(crate) fn outputs(&self) -> usize {
        self.to
    }

    /// The norm of its output or of its weight.
    pub(crate) fn norm(&self) -> Norm {
        self.norm
    }

    /// The layer without weights.
    pub fn linear<E: Element>(&self) -> Linear<E> {
        Linear::new(self.from, self.to)
    }

    /// The spectral norm of the weight of this layer, if the plan has one.
    pub fn spectral<E: Element>(&self, linear: &Linear<E>) -> Option<SpectralNorm<E>> {
        (self.norm == Norm::Spectral).then(|| SpectralNorm::of_matrix(&linear.weight))
    }

    /// The cost of the layer.
    pub fn cost(&self) -> LayerCost {
        let cost = LayerCost::linear(self.name.clone(), self.from, self.to);
        if self.norm == Norm::Batch { cost.with_norm() } else { cost }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Module;
    use crate::pyramid::{Down, Up};

    /// Cost and layer have the same parameters, up and down, at even and odd sizes.
    #[test]
    fn a_layer_has_the_parameters_of_its_cost() {
        let [large, small] = [29, 14].map(|size| Level { size, channels: size - 10 });
        for norm in [Norm::None, Norm::Batch, Norm::Spectral] {
            let plan = ConvPlan::halve(large, small, norm);
            assert_eq!(plan.cost().parameters, Down::<f32>::new(&plan).num_parameters() as u64);
            let plan = LinearPlan::new(5, 3, Norm::None, "");
            assert_eq!(plan.cost().parameters, plan.linear::<f32>().num_parameters() as u64);
            let plan = ConvPlan::logit(small, norm);
            assert_eq!(plan.cost().parameters, plan.conv::<f32>().num_parameters() as u64);
            assert_eq!(plan.spectral(&plan.conv::<f32>()).is_some(), norm == Norm::Spectral);
        }
        for plan in [ConvPlan::double(small, large), ConvPlan::project(7, small)] {
            assert_eq!(plan.cost().parameters, Up::<f32>::new(&plan).num_parameters() as u64);
        }
        let plan = ConvPlan::image(small, large, ", tanh");
        for plan in [plan.clone(), plan.with_bias()] {
            assert_eq!(plan.cost().parameters, plan.conv_transpose::<f32>().num_parameters() as u64);
        }
    }

    /// A 4x4 kernel meets each of the 14 x 14 pixels of the smaller level once, in either direction.
    #[test]
    fn costs_are_two_operations_per_tap_channel_and_window() {
        let [large, small] = [(28, 3), (14, 8)].map(|(size, channels)| Level { size, channels });
        for cost in [ConvPlan::halve(large, small, Norm::None), ConvPlan::double(small, large)] {
            assert_eq!(cost.cost().flops, 2 * 16 * 3 * 8 * 14 * 14);
        }
        assert_eq!(ConvPlan::project(10, small).cost().flops, 2 * 14 * 14 * 10 * 8);
        assert_eq!(ConvPlan::logit(small, Norm::None).cost().flops, 2 * 14 * 14 * 8);
        let chain = LinearPlan::chain(3, [5, 2], Norm::Batch, ", batch norm");
        assert_eq!(chain.iter().map(|l| l.cost().flops).collect::<Vec<_>>(), [30, 20]);
        assert_eq!(chain[1].cost().name, "linear, batch norm");
    }
}
