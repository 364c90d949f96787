//! What a user of an exported network must know about it.

use adjoint_nn::Named as _;
use serde::Serialize;

use crate::graph::{Graph, Port};

/// The facts about a trained model. config.json has them, and so have the other files as far as
/// their formats allow.
#[derive(Clone, Debug, Serialize)]
pub struct Facts {
    /// The kind of model, such as "dcgan".
    pub model: String,
    /// The name of the run.
    pub run: String,
    /// The name of the dataset that it was trained on.
    pub dataset: String,
    /// The names of its classes, if the model is conditional on them.
    pub classes: Vec<String>,
    /// Did another program train it?
    pub imported: bool,
    /// Are the weights of the generator a moving average?
    pub averaged: bool,
    /// The number of training steps, if the run says it.
    pub step: Option<u64>,
    /// The layout of images.
    pub layout: String,
    /// The values of black and white pixels, if samples are images.
    pub pixel_range: Option<[f32; 2]>,
    /// The distribution of the latent variables.
    pub noise: String,
    /// The version of Adjoint.
    pub version: String,
}

/// The layout of images in all formats.
pub const LAYOUT: &str = "NCHW";

/// A network as config.json describes it.
#[derive(Serialize)]
struct Described<'a> {
    name: &'a str,
    inputs: Vec<Array<'a>>,
    outputs: Vec<Array<'a>>,
}

/// An input or an output as config.json describes it.
#[derive(Serialize)]
struct Array<'a> {
    name: &'a str,
    shape: Vec<Size>,
    content: &'static str,
    about: &'static str,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Size {
    Batch(&'static str),
    Number(usize),
}

#[derive(Serialize)]
struct Config<'a> {
    #[serde(flatten)]
    facts: &'a Facts,
    networks: Vec<Described<'a>>,
}

impl Facts {
    /// Returns config.json: these facts, and the inputs and outputs of the networks.
    pub fn to_json(&self, graphs: &[Graph]) -> String {
        fn arrays<'a>(graph: &'a Graph, ports: &'a [Port]) -> Vec<Array<'a>> {
            let array = |port: &'a Port| {
                let value = graph.value(port.value);
                let sizes = value.dims.iter().map(|&dim| Size::Number(dim));
                let shape = [Size::Batch("N")].into_iter().chain(sizes).collect();
                Array { name: &value.name, shape, content: port.content.name(), about: port.content.about() }
            };
            ports.iter().map(array).collect()
        }
        let networks = graphs.iter().map(|graph| Described {
            name: graph.name,
            inputs: arrays(graph, &graph.inputs),
            outputs: arrays(graph, &graph.outputs),
        });
        let config = Config { facts: self, networks: networks.collect() };
        let text = serde_json::to_string_pretty(&config).expect("it has text, numbers and lists");
        format!("{text}\n")
    }

    /// Returns the facts as names and values, without those that do not apply.
    pub(crate) fn entries(&self) -> Vec<(String, String)> {
        let range = self.pixel_range.map(|[black, white]| format!("{black} to {white}"));
        let entries = [
            ("model", Some(self.model.clone())),
            ("run", Some(self.run.clone())),
            ("dataset", Some(self.dataset.clone())),
            ("classes", (!self.classes.is_empty()).then(|| self.classes.join(", "))),
            ("imported", Some(self.imported.to_string())),
            ("averaged", Some(self.averaged.to_string())),
            ("step", self.step.map(|step| step.to_string())),
            ("layout", Some(self.layout.clone())),
            ("pixel_range", range),
            ("noise", Some(self.noise.clone())),
            ("version", Some(self.version.clone())),
        ];
        let known = entries.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        known.collect()
    }

    /// Describes networks in a sentence.
    pub fn sentence(&self, networks: &[&str]) -> String {
        let (networks, Facts { run, model, dataset, .. }) = (networks.join(" and the "), self);
        let trainer = if self.imported { "another program" } else { "Adjoint" };
        format!("The {networks} of {run}, a {model} trained on {dataset} by {trainer}.")
    }
}
