//! The cost of a training step, computed from the layers of the two networks.

use adjoint_nn::cost::{LayerCost, flops, kept, parameters};

/// Number of values that the graph of the likelihood stores per element of the image.
const LIKELIHOOD: u64 = 6;

/// Returns the floating-point operations of the matrix products and convolutions in one training
/// step on `batch` images with k samples of z per image. Each layer computes its output and its two
/// gradients, except that the gradient with respect to the image is not computed. Saturates.
pub fn step_flops(encoder: &[LayerCost], decoder: &[LayerCost], batch: usize, k: usize) -> u64 {
    let first = encoder.first().map_or(0, |layer| layer.flops);
    let once = flops(encoder).saturating_mul(3).saturating_sub(first);
    let per_image = flops(decoder).saturating_mul(3).saturating_mul(k as u64).saturating_add(once);
    per_image.saturating_mul(batch as u64)
}

/// Estimates the peak memory of a training step in bytes, for `f32`. It is the sum of the weights
/// with two moments and a gradient each, the layer outputs that the backward pass needs, and the
/// temporaries of the likelihood. Saturates.
pub fn step_bytes(encoder: &[LayerCost], decoder: &[LayerCost], batch: usize, k: usize) -> u64 {
    let image = decoder.last().map_or(0, LayerCost::outputs);
    let per_sample = kept(decoder).saturating_add(image.saturating_mul(LIKELIHOOD)).saturating_mul(k as u64);
    let per_image = kept(encoder).saturating_add(image).saturating_add(per_sample);
    let weights = parameters(encoder).saturating_add(parameters(decoder)).saturating_mul(4);
    per_image.saturating_mul(batch as u64).saturating_add(weights).saturating_mul(4)
}
