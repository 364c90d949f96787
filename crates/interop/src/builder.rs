//! Builds the graph of a network from its weights, layer by layer.

use std::collections::BTreeMap;

use adjoint_nn::layers::{Mode, Spec, SpectralNorm};
use adjoint_nn::param::{Fans, Role};
use adjoint_nn::{Module, NamedTensors, Param, Tensor, Var};
use adjoint_runs::weights::to_pytorch;

use crate::Content;
use crate::graph::{Graph, Node, Op, Port, Value, ValueId};

/// A value that later operations use.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    id: ValueId,
    pub(crate) dims: Vec<usize>,
    /// The index in the engine of each value of a row, if the order differs.
    order: Option<Vec<usize>>,
}

/// A graph that is not complete, and the state of the network in the engine.
pub(crate) struct Builder {
    graph: Graph,
    state: BTreeMap<String, Tensor<f32>>,
}

impl Builder {
    /// Starts the graph of a network with this state.
    pub(crate) fn new(name: &'static str, state: &NamedTensors) -> Self {
        let (inputs, nodes, outputs, values, weights) = Default::default();
        let graph = Graph { name, inputs, nodes, outputs, values, weights };
        Builder { graph, state: state.iter().cloned().collect() }
    }

    /// Adds an input.
    pub(crate) fn input(&mut self, name: &str, dims: &[usize], content: Content) -> Wire {
        let wire = self.wire(name.to_owned(), dims.to_vec());
        self.graph.inputs.push(Port { value: wire.id, content });
        wire
    }

    /// Makes a value an output with this name.
    pub(crate) fn output(&mut self, wire: &Wire, name: &str, content: Content) {
        assert!(wire.order.is_none(), "{name} has the order of the engine");
        self.graph.values[wire.id].name = name.to_owned();
        self.graph.outputs.push(Port { value: wire.id, content });
    }

    pub(crate) fn finish(self) -> Graph {
        self.graph
    }

    fn wire(&mut self, name: String, dims: Vec<usize>) -> Wire {
        let id = self.graph.values.len();
        self.graph.values.push(Value { name, dims: dims.clone() });
        Wire { id, dims, order: None }
    }

    fn node(&mut self, op: Op, inputs: &[&Wire], dims: &[usize]) -> Wire {
        let output = self.wire(format!("h{}", self.graph.nodes.len() + 1), dims.to_vec());
        let inputs = inputs.iter().map(|wire| wire.id).collect();
        self.graph.nodes.push(Node { op, inputs, output: output.id });
        output
    }

    /// Applies an operation that keeps the shape and the order.
    pub(crate) fn apply(&mut self, op: Op, x: &Wire) -> Wire {
        Wire { order: x.order.clone(), ..self.node(op, &[x], &x.dims) }
    }

    /// Gives an array another shape. The values stay in the order of the graph.
    pub(crate) fn reshape(&mut self, x: &Wire, dims: &[usize]) -> Wire {
        assert!(x.order.is_none(), "a row in the order of the engine is not an image");
        self.node(Op::Reshape, &[x], dims)
    }

    /// Makes a row of an image. The engine flattens (H, W, C), and the graph (C, H, W).
    pub(crate) fn flatten(&mut self, x: &Wire) -> Wire {
        match *x.dims {
            [c, h, w] => {
                let row = self.node(Op::Reshape, &[x], &[c * h * w]);
                Wire { order: Some(engine_order([c, h, w])), ..row }
            }
            _ => x.clone(),
        }
    }

    /// Joins rows, or the channels of images.
    pub(crate) fn concat(&mut self, parts: &[&Wire]) -> Wire {
        let mut dims = parts[0].dims.clone();
        dims[0] = parts.iter().map(|part| part.dims[0]).sum();
        let mut order = Vec::new();
        for part in parts {
            let start = order.len();
            let own = part.order.clone().unwrap_or_else(|| (0..part.dims[0]).collect());
            order.extend(own.into_iter().map(|index| start + index));
        }
        let joined = self.node(Op::Concat, parts, &dims);
        let order = parts.iter().any(|part| part.order.is_some()).then_some(order);
        Wire { order, ..joined }
    }

    /// Appends each value of the row y to the channels of the image x.
    pub(crate) fn with_planes(&mut self, x: &Wire, y: &Wire) -> Wire {
        let planes = self.node(Op::Planes, &[y], &[y.dims[0], x.dims[1], x.dims[2]]);
        self.concat(&[x, &planes])
    }

    /// The values of a row from `start` on.
    pub(crate) fn narrow(&mut self, x: &Wire, start: usize, len: usize) -> Wire {
        self.node(Op::Narrow { start }, &[x], &[len])
    }

    /// Does the state have this weight?
    fn has(&self, name: &str) -> bool {
        self.state.contains_key(name)
    }

    /// The number of layers in the list `path`: `path.0`, `path.1` and so on.
    pub(crate) fn count(&self, path: &str) -> usize {
        let start = |i: usize| format!("{path}.{i}.");
        (0..).take_while(|&i| self.state.keys().any(|name| name.starts_with(&start(i)))).count()
    }

    /// Returns a weight of the engine. A weight with a spectral norm is divided by it, as in
    /// evaluation.
    fn engine_weight(&self, layer: &str, spectral: &str) -> Tensor<f32> {
        let weight = self.state[&format!("{layer}.weight")].clone();
        let named = |name: &str| self.state.get(&format!("{spectral}.{name}")).cloned();
        let (Some(u), Some(v)) = (named("u"), named("v")) else { return weight };
        // A parameter has the same shape, whatever its role is.
        let like = Param::new(weight.shape(), Role::Weight(Fans { fan_in: 1.0, fan_out: 1.0 }));
        let mut norm = match weight.shape().rank() {
            2 => SpectralNorm::of_matrix(&like),
            _ => SpectralNorm::of_kernel(&like, Spec::default()),
        };
        norm.load_state(&[("u".to_owned(), u), ("v".to_owned(), v)]).expect("the norm of this weight");
        norm.normalise(&Var::constant(weight), Mode::Eval).into_value()
    }

    /// Adds the weight of a layer, and its bias if it has one.
    fn weights(&mut self, layer: &str, weight: Tensor<f32>) {
        self.graph.weights.push((format!("{layer}.weight"), weight));
        self.copy(layer, "bias");
    }

    fn copy(&mut self, layer: &str, name: &str) {
        let name = format!("{layer}.{name}");
        if let Some(value) = self.state.get(&name) {
            self.graph.weights.push((name, value.clone()));
        }
    }

    /// A fully connected layer. `spectral` is the path of the spectral norm, if there is one. The
    /// output is the image `image` (C, H, W) if it is given.
    pub(crate) fn linear(
        &mut self,
        x: &Wire,
        layer: &str,
        spectral: &str,
        image: Option<[usize; 3]>,
    ) -> Wire {
        let mut weight = self.engine_weight(layer, spectral);
        if let Some(order) = &x.order {
            weight = weight.permute([1, 0]).gather_rows(order).permute([1, 0]);
        }
        let outputs = weight.dims()[0];
        self.weights(layer, weight);
        if let Some(order) = image.map(engine_order) {
            for (_, value) in self.graph.weights.iter_mut().filter(|(name, _)| is_of(name, layer)) {
                let columns = value.len() / outputs;
                *value = value.reshape([outputs, columns]).gather_rows(&order).reshape(value.shape());
            }
        }
        let x = Wire { order: None, ..x.clone() };
        let y = self.node(Op::Linear { layer: layer.to_owned() }, &[&x], &[outputs]);
        match image {
            Some(dims) => self.reshape(&y, &dims),
            None => y,
        }
    }

    /// A convolution. `spectral` is the path of the spectral norm, if there is one.
    pub(crate) fn conv(
        &mut self,
        x: &Wire,
        layer: &str,
        spectral: &str,
        [stride, padding]: [usize; 2],
    ) -> Wire {
        let weight = to_pytorch(&self.engine_weight(layer, spectral));
        let [outputs, _, kernel, _] = weight.shape().nhwc();
        let size = |from: usize| (from + 2 * padding - kernel) / stride + 1;
        let dims = [outputs, size(x.dims[1]), size(x.dims[2])];
        self.weights(layer, weight);
        self.node(Op::Conv { layer: layer.to_owned(), stride, padding }, &[x], &dims)
    }

    /// A transposed convolution to an image of `size` pixels.
    pub(crate) fn conv_transpose(&mut self, x: &Wire, layer: &str, spacing: [usize; 2], size: usize) -> Wire {
        let [stride, padding] = spacing;
        let weight = to_pytorch(&self.state[&format!("{layer}.weight")]);
        let [_, outputs, kernel, _] = weight.shape().nhwc();
        let output_padding = size + 2 * padding - ((x.dims[1] - 1) * stride + kernel);
        self.weights(layer, weight);
        let op = Op::ConvTranspose { layer: layer.to_owned(), stride, padding, output_padding };
        self.node(op, &[x], &[outputs, size, size])
    }

    /// Batch norm, if the layer exists.
    pub(crate) fn batch_norm(&mut self, x: &Wire, layer: &str) -> Wire {
        if !self.has(&format!("{layer}.running_mean")) {
            return x.clone();
        }
        ["weight", "bias", "running_mean", "running_var"].iter().for_each(|name| self.copy(layer, name));
        self.apply(Op::BatchNorm { layer: layer.to_owned() }, x)
    }

    /// The learned vector of a row of classes, or the row itself if the network has no `layer`.
    pub(crate) fn embedded(&mut self, y: &Wire, layer: &str) -> Wire {
        let Some(table) = self.state.get(&format!("{layer}.weight")) else { return y.clone() };
        let features = table.dims()[1];
        self.copy(layer, "weight");
        self.node(Op::Embedding { layer: layer.to_owned() }, &[y], &[features])
    }
}

/// Is this the name of a weight of the layer?
fn is_of(name: &str, layer: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(own, _)| own == layer)
}

/// The index in a flattened (H, W, C) of each value of a flattened (C, H, W).
fn engine_order([c, h, w]: [usize; 3]) -> Vec<usize> {
    (0..c).flat_map(|channel| (0..h * w).map(move |pixel| pixel * c + channel)).collect()
}
