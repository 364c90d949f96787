//! What a training step costs, counted from the layers of the two networks.

use adjoint_nn::cost::{LayerCost, flops, kept, parameters};

/// Numbers that the likelihood of an image holds, as a multiple of its pixels.
const LIKELIHOOD: u64 = 6;

/// Floating-point operations of the products in one training step on `batch` images with k samples
/// of z each: of each layer its value and both gradients, but none by the image. Saturates.
pub fn step_flops(encoder: &[LayerCost], decoder: &[LayerCost], batch: usize, k: usize) -> u64 {
    let first = encoder.first().map_or(0, |layer| layer.flops);
    let once = flops(encoder).saturating_mul(3).saturating_sub(first);
    let per_image = flops(decoder).saturating_mul(3).saturating_mul(k as u64).saturating_add(once);
    per_image.saturating_mul(batch as u64)
}

/// About how many bytes it needs at its peak, in `f32`: weights, two moments and a gradient of
/// each; of each layer's output what backward needs; the temporaries of the likelihood. Saturates.
pub fn step_bytes(encoder: &[LayerCost], decoder: &[LayerCost], batch: usize, k: usize) -> u64 {
    let image = decoder.last().map_or(0, LayerCost::outputs);
    let per_sample = kept(decoder).saturating_add(image.saturating_mul(LIKELIHOOD)).saturating_mul(k as u64);
    let per_image = kept(encoder).saturating_add(image).saturating_add(per_sample);
    let weights = parameters(encoder).saturating_add(parameters(decoder)).saturating_mul(4);
    per_image.saturating_mul(batch as u64).saturating_add(weights).saturating_mul(4)
}
