//! What layers cost, counted from their [plans](crate::plan) without building anything. All counts
//! saturate.

use crate::pyramid::Level;

/// One layer with what follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerCost {
    /// What it is: "conv 4x4/2, batch norm, leaky relu".
    pub name: String,
    /// Shape of its output for one example.
    pub output: Vec<usize>,
    /// Trainable numbers.
    pub parameters: u64,
    /// Floating-point operations of its product for one example, two per multiply-add (the rest is below 1 %).
    pub flops: u64,
    /// Numbers that a backward pass finds again, for one example.
    pub kept: u64,
}

impl LayerCost {
    /// A convolution or a transposed one from `from` channels to a level, whose kernel of `taps`
    /// meets `windows` pixels of the smaller image.
    pub(crate) fn conv(name: impl Into<String>, from: usize, to: Level, taps: usize, windows: usize) -> Self {
        let output = vec![to.size, to.size, to.channels];
        let (weights, flops) =
            (product(&[taps, from, to.channels]), product(&[2, taps, from, to.channels, windows]));
        Self::new(name, output, weights, flops)
    }

    /// A fully connected layer with a bias.
    pub(crate) fn linear(name: impl Into<String>, from: usize, to: usize) -> Self {
        Self::new(name, vec![to], product(&[from, to]), product(&[2, from, to])).with_bias()
    }

    fn new(name: impl Into<String>, output: Vec<usize>, parameters: u64, flops: u64) -> Self {
        let kept = product(&output);
        LayerCost { name: name.into(), output, parameters, flops, kept }
    }

    /// The same with batch norm behind it, which keeps its input beside the activation that the next layer keeps.
    #[must_use]
    pub(crate) fn with_norm(mut self) -> Self {
        self.parameters = self.parameters.saturating_add(self.channels().saturating_mul(2));
        self.kept = self.kept.saturating_mul(2);
        self
    }

    /// The same with a bias.
    #[must_use]
    pub(crate) fn with_bias(mut self) -> Self {
        self.parameters = self.parameters.saturating_add(self.channels());
        self
    }

    fn channels(&self) -> u64 {
        self.output.last().map_or(0, |&c| c as u64)
    }

    /// Numbers in its output for one example.
    pub fn outputs(&self) -> u64 {
        product(&self.output)
    }
}

fn product(sizes: &[usize]) -> u64 {
    sizes.iter().fold(1, |product, &size| product.saturating_mul(size as u64))
}

/// Operations of some layers, for one example.
pub fn flops(layers: &[LayerCost]) -> u64 {
    layers.iter().fold(0, |sum, layer| sum.saturating_add(layer.flops))
}

/// Trainable numbers of some layers.
pub fn parameters(layers: &[LayerCost]) -> u64 {
    layers.iter().fold(0, |sum, layer| sum.saturating_add(layer.parameters))
}

/// Numbers that a backward pass finds again, for one example.
pub fn kept(layers: &[LayerCost]) -> u64 {
    layers.iter().fold(0, |sum, layer| sum.saturating_add(layer.kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_saturate() {
        let level = Level { size: 1 << 32, channels: 1 << 40 };
        let conv = LayerCost::conv("conv", 1 << 30, level, 16, level.pixels()).with_norm().with_bias();
        assert_eq!(
            (conv.parameters, conv.flops, conv.kept, conv.outputs()),
            (u64::MAX, u64::MAX, u64::MAX, u64::MAX)
        );
        let linear = LayerCost::linear("linear", 1 << 32, 1 << 33);
        assert_eq!((linear.parameters, linear.flops, linear.kept), (u64::MAX, u64::MAX, 1 << 33));
    }
}
