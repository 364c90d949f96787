//! Numbers of parameters, operations and stored values of layers, computed from their
//! [plans](crate::plan) before layers are built. All counts saturate.

/// The cost of a layer together with its normalisation and activation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerCost {
    /// Description of the layer, for example "conv 4x4/2, batch norm, leaky relu".
    pub name: String,
    /// Shape of the output for one example.
    pub output: Vec<usize>,
    /// Number of trainable parameters.
    pub parameters: u64,
    /// Floating-point operations of the layer's matrix product or convolution for one example. A
    /// multiplication with an addition counts as two operations. Other operations are not counted;
    /// they are less than 1 % of the total.
    pub flops: u64,
    /// Number of values that the forward pass stores for the backward pass, for one example.
    pub kept: u64,
}

impl LayerCost {
    /// Number of output elements for one example.
    pub fn outputs(&self) -> u64 {
        product(&self.output)
    }
}

/// Returns the product of sizes.
pub(crate) fn product(sizes: &[usize]) -> u64 {
    sizes.iter().fold(1, |product, &size| product.saturating_mul(size as u64))
}

/// Floating-point operations of all `layers` for one example.
pub fn flops(layers: &[LayerCost]) -> u64 {
    layers.iter().fold(0, |sum, layer| sum.saturating_add(layer.flops))
}

/// Number of trainable parameters of all `layers`.
pub fn parameters(layers: &[LayerCost]) -> u64 {
    layers.iter().fold(0, |sum, layer| sum.saturating_add(layer.parameters))
}

/// Number of values that the forward pass of all `layers` stores for the backward pass, for one
/// example.
pub fn kept(layers: &[LayerCost]) -> u64 {
    layers.iter().fold(0, |sum, layer| sum.saturating_add(layer.kept))
}
