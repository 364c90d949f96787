//! Layers before they are built. A plan has the sizes of a layer; the layer and its [`LayerCost`]
//! are both made from it. So the cost of a network is known before any memory is allocated for it.

use crate::Element;
use crate::cost::{LayerCost, product};
use crate::layers::{Conv2d, ConvTranspose2d, Linear, Norm, Spec, SpectralNorm};
use crate::pyramid::Level;

/// 4x4 windows two pixels apart: each convolution halves an image, each transposed one doubles it.
const STRIDED: (usize, Spec) = (4, Spec::new(2, 1));
/// One window as large as the image.
const WHOLE: Spec = Spec::new(1, 0);

/// A layer from one level to another: a convolution, transposed if the second is larger, or a fully
/// connected layer, whose levels are of one pixel.
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
    /// A layer down from a level to the next: x -> leaky_relu(norm(conv x)).
    pub fn halve(from: Level, to: Level, norm: Norm) -> Self {
        Self::new(format!("conv 4x4/2, {}leaky relu", norm.in_layer_name()), from, to, STRIDED, norm)
    }

    /// A layer up from a level to the next: x -> relu(batch_norm(conv^T x)).
    pub fn double(from: Level, to: Level) -> Self {
        Self::new("conv_transpose 4x4/2, batch norm, relu".into(), from, to, STRIDED, Norm::Batch)
    }

    /// The last layer up, to the image, without a norm; `end` is what follows in its name.
    pub fn image(from: Level, to: Level, end: &str) -> Self {
        Self::new(format!("conv_transpose 4x4/2{end}"), from, to, STRIDED, Norm::None)
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

    /// A fully connected layer with a bias; `end` is what follows in its name.
    pub fn dense(from: usize, to: usize, norm: Norm, end: &str) -> Self {
        let [from, to] = [from, to].map(|channels| Level { size: 1, channels });
        let layer = Self::new(format!("linear{end}"), from, to, (1, WHOLE), norm);
        LayerPlan { is_linear: true, has_bias: true, ..layer }
    }

    fn new(name: String, from: Level, to: Level, (kernel, spec): (usize, Spec), norm: Norm) -> Self {
        LayerPlan { name, from, to, kernel, spec, norm, has_bias: false, is_linear: false }
    }

    /// The same with a bias.
    #[must_use]
    pub fn with_bias(self) -> Self {
        LayerPlan { has_bias: true, ..self }
    }

    /// Is this a layer up?
    pub fn enlarges(&self) -> bool {
        self.to.size > self.from.size
    }

    /// The channels of its output.
    pub(crate) fn outputs(&self) -> usize {
        self.to.channels
    }

    /// The channels of its output, if batch norm follows it.
    pub(crate) fn batch_norm(&self) -> Option<usize> {
        (self.norm == Norm::Batch).then_some(self.to.channels)
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

    /// The fully connected layer without weights.
    pub fn linear<E: Element>(&self) -> Linear<E> {
        Linear::new(self.from.channels, self.to.channels)
    }

    /// The spectral norm of the weight of this fully connected layer, if the plan has one.
    pub fn spectral_of_linear<E: Element>(&self, linear: &Linear<E>) -> Option<SpectralNorm<E>> {
        (self.norm == Norm::Spectral).then(|| SpectralNorm::of_matrix(&linear.weight))
    }

    /// The cost of the layer. Its kernel meets a window for each pixel of the smaller level. Batch
    /// norm has two parameters a channel, and keeps its input beside the activation that the next
    /// layer keeps.
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

/// The layers of a network: blocks, and a last layer of another kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkPlan {
    /// The blocks, from the input on.
    pub blocks: Vec<LayerPlan>,
    /// The last layer.
    pub last: LayerPlan,
}

impl NetworkPlan {
    /// Fully connected layers from `inputs` numbers over hidden layers of these sizes to `outputs`.
    /// The norm is that of hidden layers; if it is spectral, also of the last. `ends` are what
    /// follows the hidden layers and the last one in their names.
    pub fn dense(inputs: usize, hidden: &[usize], outputs: usize, norm: Norm, ends: [&str; 2]) -> Self {
        let mut from = inputs;
        let block = |&to: &usize| LayerPlan::dense(std::mem::replace(&mut from, to), to, norm, ends[0]);
        let blocks = hidden.iter().map(block).collect();
        NetworkPlan { blocks, last: LayerPlan::dense(from, outputs, norm.without_batch(), ends[1]) }
    }

    /// The costs of all layers, from the input on.
    pub fn costs(&self) -> Vec<LayerCost> {
        self.blocks.iter().chain([&self.last]).map(LayerPlan::cost).collect()
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

    /// A 4x4 kernel meets each of the 14 x 14 pixels of the smaller level once, in either
    /// direction.
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
