//! Networks as plain PyTorch: a `model.py` of modules of `torch.nn`, and a safetensors file of
//! weights for each network, which `load_state_dict(strict=True)` accepts.

use std::fmt::Write;

use adjoint_nn::Named as _;
use adjoint_nn::layers::LEAKY_SLOPE;
use adjoint_runs::weights::COUNT;
use safetensors::tensor::{Dtype, SafeTensorError, TensorView, serialize};

use crate::facts::Facts;
use crate::graph::{Graph, Node, Op, Port};

/// Returns the bytes of the safetensors file with the weights of a network.
///
/// # Errors
/// If the file would be too large for the format.
pub fn to_safetensors(graph: &Graph) -> Result<Vec<u8>, SafeTensorError> {
    let weights = graph.weights.iter();
    let mut tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> =
        weights.map(|(name, w)| (name.clone(), Dtype::F32, w.dims().to_vec(), w.to_le_bytes())).collect();
    for node in &graph.nodes {
        if let Op::BatchNorm { layer } = &node.op {
            // A run does not count batches, and PyTorch uses the count only without a momentum.
            tensors.push((format!("{layer}.{COUNT}"), Dtype::I64, vec![], 0_i64.to_le_bytes().to_vec()));
        }
    }
    let views = tensors.iter().map(|(name, dtype, shape, data)| {
        TensorView::new(*dtype, shape.clone(), data).map(|view| (name.as_str(), view))
    });
    // PyTorch's reader of safetensors requires this entry.
    let metadata = [("format".to_owned(), "pt".to_owned())].into_iter().collect();
    serialize(views.collect::<Result<Vec<_>, _>>()?, Some(metadata))
}

/// Returns `model.py` for the networks of a model.
pub fn to_python(graphs: &[Graph], facts: &Facts) -> String {
    let names: Vec<&str> = graphs.iter().map(|graph| graph.name).collect();
    let mut text = format!("\"\"\"{}\n\n", in_docstring(&facts.sentence(&names)));
    text.push_str("load() returns the networks with their weights. Facts about the model:\n\n");
    for (key, value) in facts.entries() {
        let _ = writeln!(text, "* {key}: {}", in_docstring(&value));
    }
    text.push_str(IMPORTS);
    graphs.iter().for_each(|graph| write_class(&mut text, graph));
    let entries: Vec<_> = names.iter().map(|name| format!("\"{name}\": {}()", class(name))).collect();
    text.push_str(&LOAD.replace("ENTRIES", &entries.join(", ")));
    text
}

/// Returns the code that draws samples, as an example of use. `None` if no network has latent
/// variables.
pub fn example(graphs: &[Graph]) -> Option<String> {
    let graph = graphs.iter().find(|graph| graph.inputs.iter().any(|port| port.content.is_latent()))?;
    let mut text = String::from("import torch\nfrom model import load\n\n");
    for port in &graph.inputs {
        let value = graph.value(port.value);
        let shape = [&[EXAMPLES], &value.dims[..]].concat();
        let _ = writeln!(text, "{} = {}", value.name, port.content.example(&shape));
    }
    let names = |ports: &[Port]| ports.iter().map(|port| &*graph.value(port.value).name).collect::<Vec<_>>();
    let [inputs, outputs] = [&graph.inputs, &graph.outputs].map(|ports| names(ports).join(", "));
    let _ = write!(text, "with torch.no_grad():\n    {outputs} = load()[\"{}\"]({inputs})\n", graph.name);
    Some(text)
}

/// Number of samples in an example of use.
const EXAMPLES: usize = 16;

const IMPORTS: &str = r#""""

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn
"#;

const LOAD: &str = r#"

def load(directory=Path(__file__).parent):
    """Returns the networks by name, with their weights and in evaluation mode."""
    networks = {ENTRIES}
    for name, network in networks.items():
        network.load_state_dict(load_file(Path(directory) / f"{name}.safetensors"), strict=True)
        network.eval()
    return networks
"#;

/// Text in a docstring: one line without quotes and backslashes.
fn in_docstring(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || matches!(c, '"' | '\\') { ' ' } else { c }).collect()
}

/// The name of the class of a network.
fn class(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    first.to_uppercase() + rest
}

fn write_class(text: &mut String, graph: &Graph) {
    let shape = |id: usize| {
        let value = graph.value(id);
        let dims = value.dims.iter().map(|dim| format!(", {dim}"));
        format!("{} (N{})", value.name, dims.collect::<String>())
    };
    let inputs: Vec<&str> = graph.inputs.iter().map(|port| &*graph.value(port.value).name).collect();
    let ports = |ports: &[Port]| {
        ports
            .iter()
            .map(|port| format!("    * {}: {}\n", shape(port.value), port.content.about()))
            .collect::<String>()
    };
    let _ = write!(text, "\n\nclass {}(nn.Module):\n    \"\"\"Maps\n\n", class(graph.name));
    let _ = write!(text, "{}\n    to\n\n{}    \"\"\"\n\n", ports(&graph.inputs), ports(&graph.outputs));
    text.push_str("    def __init__(self):\n        super().__init__()\n");
    let mut layers = Layers::default();
    for node in &graph.nodes {
        if let Some(layer) = node.op.layer() {
            layers.add(layer, constructor(graph, node, layer));
        }
    }
    for (name, part) in &layers.parts {
        let _ = writeln!(text, "        self.{name} = {}", part.code(2));
    }
    let _ = writeln!(text, "\n    def forward(self, {}):", inputs.join(", "));
    for node in &graph.nodes {
        let _ = writeln!(text, "        {} = {}", graph.value(node.output).name, expression(graph, node));
    }
    let outputs: Vec<&str> = graph.outputs.iter().map(|port| &*graph.value(port.value).name).collect();
    let _ = writeln!(text, "        return {}", outputs.join(", "));
}

/// Modules by the first part of their names.
#[derive(Default)]
struct Layers {
    parts: Vec<(String, Part)>,
}

enum Part {
    /// The code that makes a module.
    Layer(String),
    /// A list, if all names are numbers, or a dictionary.
    Many(Layers),
}

impl Layers {
    fn add(&mut self, name: &str, code: String) {
        let (first, rest) = name.split_once('.').map_or((name, None), |(first, rest)| (first, Some(rest)));
        let found = self.parts.iter().position(|(own, _)| own == first);
        let at = found.unwrap_or_else(|| {
            self.parts.push((first.to_owned(), Part::Many(Layers::default())));
            self.parts.len() - 1
        });
        match (&mut self.parts[at].1, rest) {
            (Part::Many(layers), Some(rest)) => layers.add(rest, code),
            (part, _) => *part = Part::Layer(code),
        }
    }

    fn is_list(&self) -> bool {
        self.parts.iter().all(|(name, _)| name.parse::<usize>().is_ok())
    }
}

impl Part {
    /// The code of the part, whose first line is indented by `depth` levels.
    fn code(&self, depth: usize) -> String {
        let layers = match self {
            Part::Layer(code) => return code.clone(),
            Part::Many(layers) => layers,
        };
        let is_list = layers.is_list();
        let (start, end) = if is_list { ("nn.ModuleList([", "])") } else { ("nn.ModuleDict({", "})") };
        let indent = |depth: usize| " ".repeat(4 * depth);
        let mut text = format!("{start}\n");
        for (name, part) in &layers.parts {
            let key = if is_list { String::new() } else { format!("\"{name}\": ") };
            let _ = writeln!(text, "{}{key}{},", indent(depth + 1), part.code(depth + 1));
        }
        text + &indent(depth) + end
    }
}

/// The code that makes the module of a layer.
fn constructor(graph: &Graph, node: &Node, layer: &str) -> String {
    let weight = graph.weight(layer, "weight").expect("every layer has a weight").dims();
    let bias = if graph.weight(layer, "bias").is_some() { "" } else { ", bias=False" };
    match &node.op {
        Op::Linear { .. } => format!("nn.Linear({}, {}{bias})", weight[1], weight[0]),
        Op::Conv { stride, padding, .. } => {
            let [outputs, inputs, kernel] = [weight[0], weight[1], weight[2]];
            format!("nn.Conv2d({inputs}, {outputs}, {kernel}, stride={stride}, padding={padding}{bias})")
        }
        Op::ConvTranspose { stride, padding, output_padding, .. } => {
            let [inputs, outputs, kernel] = [weight[0], weight[1], weight[2]];
            let spacing = format!("stride={stride}, padding={padding}, output_padding={output_padding}");
            format!("nn.ConvTranspose2d({inputs}, {outputs}, {kernel}, {spacing}{bias})")
        }
        Op::BatchNorm { .. } => {
            let axes = if graph.value(node.output).dims.len() == 1 { 1 } else { 2 };
            format!("nn.BatchNorm{axes}d({})", weight[0])
        }
        Op::Embedding { .. } => format!("nn.Embedding({}, {})", weight[0], weight[1]),
        op => unreachable!("{op:?} has no layer"),
    }
}

/// The code that computes the output of a node.
fn expression(graph: &Graph, node: &Node) -> String {
    let inputs: Vec<&str> = node.inputs.iter().map(|&id| &*graph.value(id).name).collect();
    let (x, dims) = (inputs[0], &graph.value(node.output).dims);
    match &node.op {
        Op::Linear { layer }
        | Op::Conv { layer, .. }
        | Op::ConvTranspose { layer, .. }
        | Op::BatchNorm { layer } => format!("{}({x})", access(layer)),
        Op::Embedding { layer } => format!("{x} @ {}.weight", access(layer)),
        Op::Relu => format!("F.relu({x})"),
        Op::LeakyRelu => format!("F.leaky_relu({x}, {LEAKY_SLOPE})"),
        Op::Tanh => format!("torch.tanh({x})"),
        Op::Sigmoid => format!("torch.sigmoid({x})"),
        Op::Concat => format!("torch.cat([{}], 1)", inputs.join(", ")),
        Op::Reshape => {
            let sizes: String = dims.iter().map(|dim| format!(", {dim}")).collect();
            format!("{x}.reshape(-1{sizes})")
        }
        Op::Planes => format!("{x}[:, :, None, None].expand(-1, -1, {}, {})", dims[1], dims[2]),
        Op::Narrow { start } => format!("{x}[:, {start}:{}]", start + dims[0]),
    }
}

/// The code that names the module of a layer: `self.blocks[0]["conv"]` for `blocks.0.conv`.
fn access(layer: &str) -> String {
    let mut parts = layer.split('.');
    let first = parts.next().unwrap_or_default();
    let rest = parts.map(|part| match part.parse::<usize>() {
        Ok(index) => format!("[{index}]"),
        Err(_) => format!("[\"{part}\"]"),
    });
    format!("self.{first}{}", rest.collect::<String>())
}
