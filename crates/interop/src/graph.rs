//! A network as a list of operations.

use adjoint_nn::{NamedTensors, Tensor};

use crate::Content;

/// A trained network: operations in the order of their evaluation, and their weights.
///
/// Every value is an array whose first axis is the batch. Images have the layout of PyTorch and
/// ONNX, (N, C, H, W). Weights have the names of the run and the layouts of PyTorch. The engine
/// flattens images as (H, W, C), so a weight with an axis for a flattened image is reordered.
#[derive(Clone, Debug)]
pub struct Graph {
    /// The name of the network, such as "generator".
    pub name: &'static str,
    /// The values that the network is given.
    pub inputs: Vec<Port>,
    /// The operations. The inputs of each are inputs of the network or outputs of earlier nodes.
    pub nodes: Vec<Node>,
    /// The values that the network returns.
    pub outputs: Vec<Port>,
    /// The names and the shapes of all values. A [`ValueId`] is an index.
    pub values: Vec<Value>,
    /// The weights of the layers. The weights of the layer `a.b` are named `a.b.weight`,
    /// `a.b.bias`, `a.b.running_mean` and `a.b.running_var`.
    pub weights: NamedTensors,
}

/// The index of a value in [`Graph::values`].
pub type ValueId = usize;

/// A value of a network.
#[derive(Clone, Debug)]
pub struct Value {
    /// Its name, which is unique in the graph and an identifier of Python.
    pub name: String,
    /// Its shape without the batch.
    pub dims: Vec<usize>,
}

/// An input or an output of a network.
#[derive(Clone, Debug)]
pub struct Port {
    /// The value.
    pub value: ValueId,
    /// What its values are.
    pub content: Content,
}

/// An operation with its inputs and its output.
#[derive(Clone, Debug)]
pub struct Node {
    /// The operation.
    pub op: Op,
    /// Its inputs. Only [`Op::Concat`] has several.
    pub inputs: Vec<ValueId>,
    /// Its output.
    pub output: ValueId,
}

/// An operation. Every `layer` is the name of a layer, which is the start of the names of its
/// weights.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// x -> W x + b, for a W of shape (outputs, inputs). There may be no bias.
    Linear {
        /// Name of the layer.
        layer: String,
    },
    /// A convolution with a weight of shape (outputs, inputs, kernel height, kernel width). There
    /// may be no bias.
    Conv {
        /// Name of the layer.
        layer: String,
        /// The distance of two windows, in pixels.
        stride: usize,
        /// The number of zeros before and after each axis.
        padding: usize,
    },
    /// A transposed convolution with a weight of shape (inputs, outputs, kernel height, kernel
    /// width). There may be no bias.
    ConvTranspose {
        /// Name of the layer.
        layer: String,
        /// The distance of two windows of the output, in pixels.
        stride: usize,
        /// The number of pixels that are removed before and after each axis.
        padding: usize,
        /// The number of pixels that are added after each axis.
        output_padding: usize,
    },
    /// Batch norm with the statistics of training.
    BatchNorm {
        /// Name of the layer.
        layer: String,
    },
    /// y -> y W, for a W of shape (classes, features). A one-hot row y picks a row of W.
    Embedding {
        /// Name of the layer.
        layer: String,
    },
    /// max(x, 0)
    Relu,
    /// x if x is positive, else a small part of x ([`LEAKY_SLOPE`](adjoint_nn::layers::LEAKY_SLOPE)).
    LeakyRelu,
    /// tanh(x)
    Tanh,
    /// 1 / (1 + exp(-x))
    Sigmoid,
    /// The same values in the shape of the output.
    Reshape,
    /// The inputs one after another on the first axis after the batch.
    Concat,
    /// Each value of a row in every pixel of an image.
    Planes,
    /// The values from `start` on of a row, as many as the output has.
    Narrow {
        /// The index of the first value.
        start: usize,
    },
}

impl Op {
    /// Returns the name of the layer, if the operation has weights.
    pub fn layer(&self) -> Option<&str> {
        match self {
            Op::Linear { layer }
            | Op::Conv { layer, .. }
            | Op::ConvTranspose { layer, .. }
            | Op::BatchNorm { layer }
            | Op::Embedding { layer } => Some(layer),
            _ => None,
        }
    }
}

impl Graph {
    /// Returns the weight with this name, if there is one.
    pub fn weight(&self, layer: &str, name: &str) -> Option<&Tensor<f32>> {
        let is_it = |own: &str| own.strip_prefix(layer).and_then(|end| end.strip_prefix('.')) == Some(name);
        self.weights.iter().find(|(own, _)| is_it(own)).map(|(_, weight)| weight)
    }

    /// Returns a value.
    pub fn value(&self, id: ValueId) -> &Value {
        &self.values[id]
    }
}
