//! What layers cost, counted from their sizes without building anything.

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
    /// A convolution or a transposed one from this many channels to a level, whose kernel of `taps` meets `windows` pixels of
    /// the smaller image.
    pub fn conv(name: impl Into<String>, from: usize, to: Level, taps: usize, windows: usize) -> Self {
        let weights = (taps * from * to.channels) as u64;
        let output = vec![to.size, to.size, to.channels];
        Self::new(name, output, weights, 2 * weights * windows as u64)
    }

    /// A fully connected layer with a bias.
    pub fn linear(name: impl Into<String>, from: usize, to: usize) -> Self {
        let weights = (from * to) as u64;
        Self::new(name, vec![to], weights, 2 * weights).with_bias()
    }

    fn new(name: impl Into<String>, output: Vec<usize>, parameters: u64, flops: u64) -> Self {
        let kept = output.iter().map(|&n| n as u64).product();
        LayerCost { name: name.into(), output, parameters, flops, kept }
    }

    /// The same with batch norm behind it, which keeps its input beside the activation that the next layer keeps.
    #[must_use]
    pub fn with_norm(mut self) -> Self {
        self.parameters += 2 * self.channels();
        self.kept *= 2;
        self
    }

    /// The same with a bias.
    #[must_use]
    pub fn with_bias(mut self) -> Self {
        self.parameters += self.channels();
        self
    }

    fn channels(&self) -> u64 {
        self.output.last().map_or(0, |&c| c as u64)
    }

    /// Numbers in its output for one example.
    pub fn outputs(&self) -> u64 {
        self.output.iter().map(|&n| n as u64).product()
    }
}

/// Operations of some layers, for one example. Saturates.
pub fn flops(layers: &[LayerCost]) -> u64 {
    layers.iter().fold(0, |sum, layer| sum.saturating_add(layer.flops))
}

/// Trainable numbers of some layers. Saturates.
pub fn parameters(layers: &[LayerCost]) -> u64 {
    layers.iter().fold(0, |sum, layer| sum.saturating_add(layer.parameters))
}

/// Numbers that a backward pass finds again, for one example. Saturates.
pub fn kept(layers: &[LayerCost]) -> u64 {
    layers.iter().fold(0, |sum, layer| sum.saturating_add(layer.kept))
}
