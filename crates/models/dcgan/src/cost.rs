//! What the networks and a training step cost: counted from the architecture, without building anything.

use crate::Architecture;
use adjoint_adversarial::cost as adversarial;
use adjoint_nn::cost::LayerCost;
use adjoint_nn::pyramid;

impl Architecture {
    /// The layers of G, from z to the image.
    pub fn generator_costs(&self) -> Vec<LayerCost> {
        pyramid::up_costs(self.latent, &self.levels(), self.image(), ", tanh")
    }

    /// The layers of D, from the image to its logit.
    pub fn discriminator_costs(&self) -> Vec<LayerCost> {
        let mut from = self.image();
        let mut costs = vec![];
        for level in self.levels() {
            costs.push(pyramid::down_cost(from, level, self.d_norm_from(from)));
            from = level;
        }
        costs.push(pyramid::logit_cost(from));
        costs
    }

    /// As [`step_flops`](adversarial::step_flops).
    pub fn step_flops(&self, batch: usize, d_steps: usize) -> u64 {
        adversarial::step_flops(&self.generator_costs(), &self.discriminator_costs(), batch, d_steps)
    }

    /// As [`step_bytes`](adversarial::step_bytes).
    pub fn step_bytes(&self, batch: usize, penalised: bool) -> u64 {
        adversarial::step_bytes(&self.generator_costs(), &self.discriminator_costs(), batch, penalised)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Discriminator, Generator};
    use adjoint_nn::Module;
    use adjoint_nn::cost::parameters;

    #[test]
    fn parameters_are_those_of_the_networks() {
        for (image_size, channels, width) in [(28, 1, 8), (32, 3, 4), (64, 3, 8), (45, 1, 2)] {
            let a = Architecture { image_size, channels, width, ..Architecture::default() };
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
        let a = Architecture { width: 64, ..Architecture::default() };
        let d: Vec<u64> = a.discriminator_costs().iter().map(|c| c.flops).collect();
        assert_eq!(d, [6_291_456, 67_108_864, 67_108_864, 67_108_864, 16_384]);
        let g: Vec<u64> = a.generator_costs().iter().map(|c| c.flops).collect();
        assert_eq!(g, [1_638_400, 67_108_864, 67_108_864, 67_108_864, 6_291_456]);
        let (sum_d, sum_g) = (d.iter().sum::<u64>(), g.iter().sum::<u64>());
        assert_eq!(a.step_flops(1, 1), 8 * sum_d + 3 * sum_g - 2 * d[0] - g[0]);
    }
}
