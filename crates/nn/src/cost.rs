//! What layers cost, counted from their [plans](crate::plan) without building anything. All counts
//! saturate.

/// One layer with what follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerCost {
    /// What it is: "conv 4x4/2, batch norm, leaky relu".
    pub name: String,
    /// Shape of its output for one example.
    pub output: Vec<usize>,
    /// Trainable numbers.
    pub parameters: u64,
    /// Floating-point operations of its product for one example, two per multiply-add (the rest is
    /// below 1 %).
    pub flops: u64,
    /// Numbers that a backward pass finds again, for one example.
    pub kept: u64,
}

impl LayerCost {
    /// Numbers in its output for one example.
    pub fn outputs(&self) -> u64 {
        product(&self.output)
    }
}

/// The product of sizes.
pub(crate) fn product(sizes: &[usize]) -> u64 {
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
