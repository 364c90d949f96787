//! What the networks and a training step cost: counted from the architecture, without building anything.

use crate::Architecture;
use adjoint_nn::cost::{LayerCost, flops, kept, parameters};
use adjoint_nn::pyramid::{self, Level};

impl Architecture {
    /// The layers of G, from z to the image.
    pub fn generator_costs(&self) -> Vec<LayerCost> {
        pyramid::up_costs(self.latent, &self.levels(), self.image(), ", tanh")
    }

    /// The layers of D, from the image to its logit.
    pub fn discriminator_costs(&self) -> Vec<LayerCost> {
        let levels = self.levels();
        let mut costs = pyramid::down_costs(self.image(), &levels, false);
        let (from, to) = (levels[levels.len() - 1], Level { size: 1, channels: 1 });
        let name = format!("conv {0}x{0}, logit", from.size);
        costs.push(LayerCost::conv(name, from.channels, to, from.size * from.size, 1));
        costs
    }

    /// Floating-point operations of the convolutions in one training step: `d_steps` steps of D and one of G, each on
    /// `batch` images.
    ///
    /// A layer's gradient by its input and that by its weight cost what its value costs. D's steps take the value of G
    /// and, for data and samples, the value and both gradients of D, but none by the image; G's step the value of D and its
    /// gradient by the input, and both gradients of G, but none by z. Saturates.
    pub fn step_flops(&self, batch: usize, d_steps: usize) -> u64 {
        let (g, d) = (self.generator_costs(), self.discriminator_costs());
        let of_d = 2 * (3 * flops(&d) - d[0].flops) + flops(&g);
        let of_g = 2 * flops(&d) + 2 * flops(&g) - g[0].flops;
        (d_steps as u64).saturating_mul(of_d).saturating_add(of_g).saturating_mul(batch as u64)
    }
}

impl Architecture {
    /// About how many bytes a training step on `batch` images needs at its peak, in `f32`: weights, two moments and one
    /// gradient of each; of each layer's output what backward needs, for G once and for D twice (data and samples); and
    /// the temporaries of the largest layer. Within a quarter of what is measured. Saturates.
    pub fn step_bytes(&self, batch: usize) -> u64 {
        let (g, d) = (self.generator_costs(), self.discriminator_costs());
        let largest = g.iter().chain(&d).map(LayerCost::outputs).max().unwrap_or(0);
        let image = (self.image_size * self.image_size * self.channels) as u64;
        let per_image = image + kept(&g) + 2 * kept(&d) + 3 * largest;
        let weights =
            parameters(&g).max(parameters(&d)) + 3 * (parameters(&g).saturating_add(parameters(&d)));
        per_image.saturating_mul(batch as u64).saturating_add(weights).saturating_mul(4)
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
            let (g, d) = (Generator::<f32>::new(&a), Discriminator::<f32>::new(&a));
            assert_eq!(parameters(&a.generator_costs()), g.num_parameters() as u64);
            assert_eq!(parameters(&a.discriminator_costs()), d.num_parameters() as u64);
            let image = a.generator_costs().pop().map(|c| c.output);
            assert_eq!(image, Some(vec![image_size, image_size, channels]));
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
