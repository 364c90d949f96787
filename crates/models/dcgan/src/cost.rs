//! What the networks and a training step cost: counted from the architecture, without building anything.

use crate::Architecture;
use crate::networks::Level;

/// One layer with what follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerCost {
    /// What it is: "conv 4x4/2, batch norm, leaky relu".
    pub name: String,
    /// Height, width and channels of its output.
    pub output: [usize; 3],
    /// Trainable numbers.
    pub parameters: u64,
    /// Floating-point operations of its convolution for one image, two per multiply-add (the rest is below 1 %).
    pub flops: u64,
    /// Does batch norm follow?
    norm: bool,
}

impl Architecture {
    /// The layers of G, from z to the image.
    pub fn generator_costs(&self) -> Vec<LayerCost> {
        let levels = self.expect_levels();
        let to = levels[levels.len() - 1];
        let project = format!("project z: conv_transpose {0}x{0}, batch norm, relu", to.size);
        let mut costs = vec![layer(project, self.latent, to, to.size * to.size, 1, true)];
        for pair in levels.windows(2).rev() {
            let name = "conv_transpose 4x4/2, batch norm, relu".to_owned();
            costs.push(layer(name, pair[1].channels, pair[0], 16, pair[1].size * pair[1].size, true));
        }
        let (from, name) = (levels[0], "conv_transpose 4x4/2, tanh".to_owned());
        costs.push(layer(name, from.channels, self.image(), 16, from.size * from.size, false));
        costs
    }

    /// The layers of D, from the image to its logit.
    pub fn discriminator_costs(&self) -> Vec<LayerCost> {
        let mut from = self.image();
        let mut costs = vec![];
        for to in self.expect_levels() {
            let norm = !costs.is_empty();
            let name = format!("conv 4x4/2, {}leaky relu", if norm { "batch norm, " } else { "" });
            costs.push(layer(name, from.channels, to, 16, to.size * to.size, norm));
            from = to;
        }
        let name = format!("conv {0}x{0}, logit", from.size);
        let to = Level { size: 1, channels: 1 };
        costs.push(layer(name, from.channels, to, from.size * from.size, 1, false));
        costs
    }

    /// Floating-point operations of the convolutions in one training step: `d_steps` steps of D and one of G, each on
    /// `batch` images.
    ///
    /// A layer's gradient by its input and that by its weight cost what its value costs. D's steps take the value of G
    /// and, for data and samples, the value and both gradients of D, but none by the image; G's step the value of D and its
    /// gradient by the input, and both gradients of G, but none by z. Saturates.
    pub fn step_flops(&self, batch: usize, d_steps: usize) -> u64 {
        let sum = |costs: &[LayerCost]| costs.iter().map(|c| c.flops).sum::<u64>();
        let (g, d) = (self.generator_costs(), self.discriminator_costs());
        let of_d = 2 * (3 * sum(&d) - d[0].flops) + sum(&g);
        let of_g = 2 * sum(&d) + 2 * sum(&g) - g[0].flops;
        (d_steps as u64).saturating_mul(of_d).saturating_add(of_g).saturating_mul(batch as u64)
    }
}

impl Architecture {
    /// About how many bytes a training step on `batch` images needs at its peak, in `f32`: weights, two moments and one
    /// gradient of each; of each layer's output what backward needs, for G once and for D twice (data and samples); and
    /// the temporaries of the largest layer. Within a quarter of what is measured. Saturates.
    pub fn step_bytes(&self, batch: usize) -> u64 {
        let (g, d) = (self.generator_costs(), self.discriminator_costs());
        let parameters =
            |costs: &[LayerCost]| costs.iter().map(|c| c.parameters).fold(0, u64::saturating_add);
        let numbers = |c: &LayerCost| c.output.iter().map(|&n| n as u64).product::<u64>();
        // Batch norm keeps its input beside the activation that the next layer keeps.
        let kept =
            |costs: &[LayerCost]| costs.iter().map(|c| numbers(c) * if c.norm { 2 } else { 1 }).sum::<u64>();
        let largest = g.iter().chain(&d).map(numbers).max().unwrap_or(0);
        let image = (self.image_size * self.image_size * self.channels) as u64;
        let per_image = image + kept(&g) + 2 * kept(&d) + 3 * largest;
        let weights =
            parameters(&g).max(parameters(&d)) + 3 * (parameters(&g).saturating_add(parameters(&d)));
        per_image.saturating_mul(batch as u64).saturating_add(weights).saturating_mul(4)
    }
}

/// A convolution from this many channels to a level, whose kernel of `taps` meets `windows` pixels of the smaller image.
fn layer(name: String, from: usize, to: Level, taps: usize, windows: usize, norm: bool) -> LayerCost {
    let weights = (taps * from * to.channels) as u64;
    LayerCost {
        name,
        output: [to.size, to.size, to.channels],
        parameters: weights + if norm { 2 * to.channels as u64 } else { 0 },
        flops: 2 * weights * windows as u64,
        norm,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Discriminator, Generator};
    use adjoint_nn::Module;

    #[test]
    fn parameters_are_those_of_the_networks() {
        for (image_size, channels, width) in [(28, 1, 8), (32, 3, 4), (64, 3, 8), (45, 1, 2)] {
            let a = Architecture { image_size, channels, width, latent: 100 };
            let count = |costs: Vec<LayerCost>| costs.iter().map(|c| c.parameters).sum::<u64>();
            assert_eq!(count(a.generator_costs()), Generator::<f32>::new(&a).num_parameters() as u64);
            assert_eq!(count(a.discriminator_costs()), Discriminator::<f32>::new(&a).num_parameters() as u64);
            assert_eq!(
                a.generator_costs().last().map(|c| c.output),
                Some([image_size, image_size, channels])
            );
        }
    }

    /// The large layers of a DCGAN-64 with 64 channels: 2 x 64 x 128 x 16 x 16^2 = 67.1 MFLOP an image, each.
    #[test]
    fn flops_are_two_per_tap_channel_and_output() {
        let a = Architecture { image_size: 64, channels: 3, width: 64, latent: 100 };
        let d: Vec<u64> = a.discriminator_costs().iter().map(|c| c.flops).collect();
        assert_eq!(d, [6_291_456, 67_108_864, 67_108_864, 67_108_864, 16_384]);
        let g: Vec<u64> = a.generator_costs().iter().map(|c| c.flops).collect();
        assert_eq!(g, [1_638_400, 67_108_864, 67_108_864, 67_108_864, 6_291_456]);
        let (sum_d, sum_g) = (d.iter().sum::<u64>(), g.iter().sum::<u64>());
        assert_eq!(a.step_flops(1, 1), 8 * sum_d + 3 * sum_g - 2 * d[0] - g[0]);
    }
}
