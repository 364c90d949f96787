//! The cost of a training step, computed from the layers of the two networks.

use adjoint_nn::cost::{LayerCost, flops, kept, parameters};

/// Returns the floating-point operations of the matrix products and convolutions in one training
/// step: `d_steps` steps of D and one step of G, each on `batch` samples.
///
/// The gradient with respect to a layer's input and the gradient with respect to its weight each
/// cost as much as the layer's output. A step of D computes the output of G and, for both data and
/// samples, the output and both gradients of each layer of D. It does not compute the gradient with
/// respect to the sample. The step of G computes the output of D and its gradient with respect to
/// the sample, and the output and both gradients of each layer of G. It does not compute the
/// gradient with respect to z. Penalties are not included. Saturates.
pub fn step_flops(g: &[LayerCost], d: &[LayerCost], batch: usize, d_steps: usize) -> u64 {
    let first = |layers: &[LayerCost]| layers.first().map_or(0, |layer| layer.flops);
    let of_d = flops(d).saturating_mul(3).saturating_sub(first(d)).saturating_mul(2).saturating_add(flops(g));
    let of_g = flops(d).saturating_add(flops(g)).saturating_mul(2).saturating_sub(first(g));
    (d_steps as u64).saturating_mul(of_d).saturating_add(of_g).saturating_mul(batch as u64)
}

/// Peak memory of a penalty, as a multiple of the memory of D's graph.
const PENALTY: u64 = 4;

/// Estimates the peak memory in bytes of a training step on `batch` samples, for `f32`. The
/// estimate includes the weights, with two moments and one gradient for each weight, and the
/// temporaries of the largest layer. It includes the layer outputs that the backward pass needs,
/// once for G and twice for D, which runs on data and on samples. A penalty on D's gradient adds
/// the graph of D on one more batch, and the backward pass through which the penalty is
/// differentiated. A test compares the estimate with the measured peak of a DCGAN. Saturates.
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
