//! Networks as ONNX files, which onnxruntime and many other programs run.
//!
//! The files use operators of version 17 of the operator set. The size of the batch is free.

use adjoint_nn::layers::{BATCH_NORM_EPS, LEAKY_SLOPE};
use adjoint_nn::{Named as _, Tensor};
use adjoint_runs::protobuf::Message;

use crate::facts::Facts;
use crate::graph::{Graph, Node, Op, Port};

/// Version of the operator set.
const OPSET: i64 = 17;
/// Version of the intermediate representation: the one that came with the operator set.
const IR: i64 = 8;
/// The most bytes of a protocol buffer.
const MOST_BYTES: usize = i32::MAX as usize;
/// Name of the size of the batch.
const BATCH: &str = "N";

/// The network with this name is too large for an ONNX file.
#[derive(Debug, thiserror::Error)]
#[error("the {0} has more than 2 GB of weights, which an ONNX file cannot have; export it --to torch")]
pub struct TooLarge(&'static str);

/// Returns the bytes of the ONNX file of a network. Its metadata are the facts.
///
/// # Errors
/// If the file would have more bytes than a protocol buffer can.
pub fn to_onnx(graph: &Graph, facts: &Facts) -> Result<Vec<u8>, TooLarge> {
    let floats =
        |(name, weight): &(String, Tensor<f32>)| tensor(name, weight.dims(), FLOAT, weight.to_le_bytes());
    let mut body = Body { nodes: vec![], constants: graph.weights.iter().map(floats).collect() };
    graph.nodes.iter().for_each(|node| body.add(graph, node));
    let ports = |ports: &[Port]| ports.iter().map(|port| value_info(graph, port)).collect::<Vec<_>>();
    // GraphProto: node 1, name 2, initializer 5, input 11, output 12.
    let definition = Message::new()
        .messages(1, body.nodes)
        .text(2, graph.name)
        .messages(5, body.constants)
        .messages(11, ports(&graph.inputs))
        .messages(12, ports(&graph.outputs));
    // OperatorSetIdProto: version 2. StringStringEntryProto: key 1, value 2.
    let operators = Message::new().int(2, OPSET);
    let entries =
        facts.entries().into_iter().map(|(key, value)| Message::new().text(1, &key).text(2, &value));
    // ModelProto: ir_version 1, producer_name 2, producer_version 3, doc_string 6, graph 7,
    // opset_import 8, metadata_props 14.
    let model = Message::new()
        .int(1, IR)
        .text(2, "adjoint")
        .text(3, &facts.version)
        .text(6, &facts.sentence(&[graph.name]))
        .message(7, definition)
        .message(8, operators)
        .messages(14, entries)
        .into_bytes();
    if model.len() > MOST_BYTES { Err(TooLarge(graph.name)) } else { Ok(model) }
}

/// TensorProto.DataType: the types of elements.
const FLOAT: i64 = 1;
const INT64: i64 = 7;

/// TensorProto: dims 1, data_type 2, name 8, raw_data 9.
fn tensor(name: &str, dims: &[usize], data_type: i64, raw_data: Vec<u8>) -> Message {
    let dims = dims.iter().map(|&dim| dim as i64);
    Message::new().ints(1, dims).int(2, data_type).text(8, name).bytes(9, raw_data)
}

/// ValueInfoProto: name 1, type 2, doc_string 3.
fn value_info(graph: &Graph, port: &Port) -> Message {
    let value = graph.value(port.value);
    // TensorShapeProto: dim 1. Its Dimension: dim_value 1, dim_param 2.
    let batch = Message::new().text(2, BATCH);
    let sizes = value.dims.iter().map(|&dim| Message::new().int(1, dim as i64));
    let shape = Message::new().message(1, batch).messages(1, sizes);
    // TypeProto: tensor_type 1. Its Tensor: elem_type 1, shape 2.
    let kind = Message::new().message(1, Message::new().int(1, FLOAT).message(2, shape));
    Message::new().text(1, &value.name).message(2, kind).text(3, port.content.about())
}

/// AttributeProto: name 1, f 2, i 3, ints 8, type 20, whose values are FLOAT 1, INT 2 and INTS 7.
fn float(name: &str, f: f64) -> Message {
    Message::new().text(1, name).float(2, f as f32).int(20, 1)
}

fn int(name: &str, i: usize) -> Message {
    Message::new().text(1, name).int(3, i as i64).int(20, 2)
}

fn ints(name: &str, values: &[usize]) -> Message {
    Message::new().text(1, name).ints(8, values.iter().map(|&i| i as i64)).int(20, 7)
}

/// The operator of an operation, and its attributes.
fn operator(op: &Op) -> (&'static str, Vec<Message>) {
    match op {
        Op::Linear { .. } => ("Gemm", vec![int("transB", 1)]),
        Op::Conv { stride, padding, .. } => {
            ("Conv", vec![ints("strides", &[*stride; 2]), ints("pads", &[*padding; 4])])
        }
        Op::ConvTranspose { stride, padding, output_padding, .. } => {
            let spacing = [ints("strides", &[*stride; 2]), ints("pads", &[*padding; 4])];
            let output_padding = ints("output_padding", &[*output_padding; 2]);
            ("ConvTranspose", spacing.into_iter().chain([output_padding]).collect())
        }
        Op::BatchNorm { .. } => ("BatchNormalization", vec![float("epsilon", BATCH_NORM_EPS)]),
        Op::Embedding { .. } => ("MatMul", vec![]),
        Op::Relu => ("Relu", vec![]),
        Op::LeakyRelu => ("LeakyRelu", vec![float("alpha", LEAKY_SLOPE)]),
        Op::Tanh => ("Tanh", vec![]),
        Op::Sigmoid => ("Sigmoid", vec![]),
        Op::Reshape => ("Reshape", vec![]),
        Op::Concat => ("Concat", vec![int("axis", 1)]),
        Op::Planes => ("Expand", vec![]),
        Op::Narrow { .. } => ("Slice", vec![]),
    }
}

/// The operators and constants of a graph.
struct Body {
    nodes: Vec<Message>,
    constants: Vec<Message>,
}

impl Body {
    /// NodeProto: input 1, output 2, name 3, op_type 4, attribute 5.
    fn operator(&mut self, op: &Op, inputs: &[String], output: &str) {
        let (op_type, attributes) = operator(op);
        let inputs = inputs.iter().fold(Message::new(), |node, input| node.text(1, input));
        let node = inputs.text(2, output).text(3, output).text(4, op_type).messages(5, attributes);
        self.nodes.push(node);
    }

    /// Adds a list of integers, such as a shape, and returns its name.
    fn constant(&mut self, name: String, values: &[i64]) -> String {
        let raw_data = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.constants.push(tensor(&name, &[values.len()], INT64, raw_data));
        name
    }

    /// Adds the operator of a node, with its constants.
    fn add(&mut self, graph: &Graph, node: &Node) {
        let name = |id: usize| graph.value(id).name.clone();
        let (output, dims) = (name(node.output), &graph.value(node.output).dims);
        let mut inputs: Vec<String> = node.inputs.iter().map(|&id| name(id)).collect();
        if let Some(layer) = node.op.layer() {
            let parts = ["weight", "bias", "running_mean", "running_var"];
            let own = parts.iter().filter(|part| graph.weight(layer, part).is_some());
            inputs.extend(own.map(|part| format!("{layer}.{part}")));
        }
        let own = |what: &str| format!("{output}.{what}");
        // The shape of a batch of any size.
        let batch =
            |dims: &[usize]| [-1].into_iter().chain(dims.iter().map(|&d| d as i64)).collect::<Vec<_>>();
        match node.op {
            Op::Reshape => inputs.push(self.constant(own("shape"), &batch(dims))),
            Op::Planes => {
                let row = self.constant(own("row"), &batch(&[dims[0], 1, 1]));
                self.operator(&Op::Reshape, &[inputs.remove(0), row], &own("pixel"));
                let size = [1, 1, dims[1] as i64, dims[2] as i64];
                inputs = vec![own("pixel"), self.constant(own("size"), &size)];
            }
            Op::Narrow { start } => {
                for (what, value) in [("start", start), ("end", start + dims[0]), ("axis", 1)] {
                    inputs.push(self.constant(own(what), &[value as i64]));
                }
            }
            _ => {}
        }
        self.operator(&node.op, &inputs, &output);
    }
}
