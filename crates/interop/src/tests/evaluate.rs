//! Evaluates a graph with the operations of the engine, which have images in the layout NHWC.

use crate::Graph;
use crate::graph::{Node, Op};
use adjoint_nn::layers::{BATCH_NORM_EPS, LEAKY_SLOPE, Spec};
use adjoint_nn::{Shape, Tensor, Var};
use adjoint_runs::weights::from_pytorch;

/// Converts images (N, H, W, C) to (N, C, H, W). Other arrays are unchanged.
pub(crate) fn to_nchw(x: &Tensor<f32>) -> Tensor<f32> {
    if x.shape().rank() == 4 { x.permute([0, 3, 1, 2]) } else { x.clone() }
}

fn to_nhwc(x: &Tensor<f32>) -> Tensor<f32> {
    if x.shape().rank() == 4 { x.permute([0, 2, 3, 1]) } else { x.clone() }
}

/// Returns the outputs of a graph. Images have the layout NCHW.
pub(crate) fn evaluate(graph: &Graph, inputs: &[Tensor<f32>]) -> Vec<Tensor<f32>> {
    let mut values: Vec<Option<Tensor<f32>>> = vec![None; graph.values.len()];
    for (port, input) in graph.inputs.iter().zip(inputs) {
        assert_eq!(input.dims()[1..], graph.value(port.value).dims);
        values[port.value] = Some(input.clone());
    }
    for node in &graph.nodes {
        let inputs: Vec<_> =
            node.inputs.iter().map(|&id| values[id].clone().expect("it is computed")).collect();
        let y = output(graph, node, &inputs);
        assert_eq!(y.dims()[1..], graph.value(node.output).dims, "{:?}", node.op);
        values[node.output] = Some(y);
    }
    graph.outputs.iter().map(|port| values[port.value].clone().expect("it is computed")).collect()
}

fn output(graph: &Graph, node: &Node, inputs: &[Tensor<f32>]) -> Tensor<f32> {
    let (x, dims) = (&inputs[0], &graph.value(node.output).dims);
    let batch = x.dims()[0];
    let var = |x: &Tensor<f32>| Var::constant(x.clone());
    let image = Var::constant(to_nhwc(x));
    let weight = |layer: &str, name: &str| graph.weight(layer, name);
    let filter = |layer: &str| var(&from_pytorch(weight(layer, "weight").expect("a weight")));
    let biased = |y: Var<f32>, layer: &str| weight(layer, "bias").map_or(y.clone(), |bias| y + var(bias));
    let spec = |stride: usize, padding: usize| Spec::new(stride, padding);
    let shape = |dims: &[usize]| Shape::new(&[&[batch], dims].concat());
    let y = match &node.op {
        Op::Linear { layer } => {
            biased(var(x).matmul_flags(false, &var(weight(layer, "weight").expect("a weight")), true), layer)
        }
        Op::Conv { layer, stride, padding } => {
            biased(image.conv2d(&filter(layer), spec(*stride, *padding)), layer)
        }
        Op::ConvTranspose { layer, stride, padding, output_padding } => {
            let y = image.conv_transpose2d(&filter(layer), spec(*stride, *padding), [*output_padding; 2]);
            biased(y, layer)
        }
        Op::BatchNorm { layer } => {
            let named = |name: &str| weight(layer, name).expect("a weight").clone();
            let [gamma, beta, mean, variance] = ["weight", "bias", "running_mean", "running_var"].map(named);
            image.batch_norm_eval(&var(&gamma), &var(&beta), &mean, &variance, BATCH_NORM_EPS)
        }
        Op::Embedding { layer } => var(x).matmul(&var(weight(layer, "weight").expect("a weight"))),
        Op::Relu => image.leaky_relu(0.0),
        Op::LeakyRelu => image.leaky_relu(LEAKY_SLOPE),
        Op::Tanh => image.tanh(),
        Op::Sigmoid => Var::constant(to_nhwc(x).map(|x| 1.0 / (1.0 + (-x).exp()))),
        // These are defined by the layout NCHW.
        Op::Reshape => return x.reshape(shape(dims)),
        Op::Concat => return Tensor::concat(&inputs.iter().collect::<Vec<_>>(), 1),
        Op::Planes => return x.reshape([batch, dims[0], 1, 1]).expand(shape(dims)),
        Op::Narrow { start } => return x.narrow(1, *start, dims[0]),
    };
    to_nchw(y.value())
}
