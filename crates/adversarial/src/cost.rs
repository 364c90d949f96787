//! What a training step costs, counted from the layers of the two networks.

use adjoint_nn::cost::{LayerCost, flops, kept, parameters};

/// Floating-point operations of the products in one training step: `d_steps` steps of D and one of
/// G, each on `batch` samples.
///
/// A layer's gradient by its input and that by its weight cost what its value costs. D's steps take
/// the value of G and, for data and samples, the value and both gradients of D, but none by the
/// sample; G's step the value of D and its gradient by the sample, and both gradients of G, but
/// none by z. (Penalties come on top.) Saturates.
pub fn step_flops(g: &[LayerCost], d: &[LayerCost], batch: usize, d_steps: usize) -> u64 {
    let first = |layers: &[LayerCost]| layers.first().map_or(0, |layer| layer.flops);
    let of_d = flops(d).saturating_mul(3).saturating_sub(first(d)).saturating_mul(2).saturating_add(flops(g));
    let of_g = flops(d).saturating_add(flops(g)).saturating_mul(2).saturating_sub(first(g));
    (d_steps as u64).saturating_mul(of_d).saturating_add(of_g).saturating_mul(batch as u64)
}

/// What a penalty holds at its peak, as a multiple of what D's graph holds.
const PENALTY: u64 = 4;

/// About how many bytes a training step on `batch` samples needs at its peak, in `f32`: weights,
/// two moments and one gradient of each; of each layer's output what backward needs, for G once and
/// for D twice (data and samples); and the temporaries of the largest layer; where a penalty on D's
/// slope counts, its graph once more with the backward pass that is differentiated in turn. Within
/// a quarter of what is measured for a DCGAN. Saturates.
pub fn step_bytes(g: &[LayerCost], d: &[LayerCost], batch: usize, penalised: bool) -> u64 {
    let largest = g.iter().chain(d).map(LayerCost::outputs).max().unwrap_or(0);
    let sample = g.last().map_or(0, LayerCost::outputs);
    let parts = [sample, kept(g), kept(d), kept(d), largest, largest, largest];
    let penalty = if penalised { PENALTY.saturating_mul(kept(d)) } else { 0 };
    let per_sample = parts.into_iter().fold(penalty, u64::saturating_add);
    let both = parameters(g).saturating_add(parameters(d)).saturating_mul(3);
    let weights = parameters(g).max(parameters(d)).saturating_add(both);
    per_sample.saturating_mul(batch as u64).saturating_add(weights).saturating_mul(4)
}
