//! The model card of a repository of models: a README.md with metadata, as model hubs show it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use adjoint_interop::graph::{Graph, Port};
use adjoint_interop::torch;
use adjoint_recipes::Exported;
use adjoint_runs::{BoxError, Error, Image};
use serde_json::{Map, Value};

/// Name of the picture of samples.
pub(super) const PICTURE: &str = "samples.png";

/// The directory of pictures of samples in a run.
const SERIES: &str = "samples/";

/// Settings of a run that say where its files are on this machine.
const PLACES: [&str; 4] = ["dataset", "data_dir", "manifest", "cache_dir"];

/// The model card of a run.
#[derive(Debug)]
pub(super) struct Card {
    /// The content of README.md.
    pub(super) text: String,
    /// The last picture of samples that the run drew.
    pub(super) picture: Option<Image>,
}

impl Card {
    /// Reads the settings, the figures and the last picture of a run.
    ///
    /// # Errors
    /// If the settings cannot be read. A run without figures or pictures has a shorter card.
    pub(super) fn read(run: &Path, exported: &Exported) -> Result<Self, BoxError> {
        let read = |name: &str| fs::read_to_string(run.join(name)).ok();
        let config = run.join("config.toml");
        let settings = fs::read_to_string(&config).map_err(Error::io("read", &config))?;
        let list = read("pictures.txt").unwrap_or_default();
        let is_plain =
            |name: &&str| name.strip_prefix(SERIES).is_some_and(|file| !file.contains(['/', '\\']));
        let last = list.lines().rev().find(is_plain);
        let picture = last.and_then(|name| Image::read_png(&run.join(name)).ok());
        let logged = read("metrics.jsonl").and_then(|lines| object(lines.lines().next_back()?));
        let end = read("final.json").and_then(|text| object(&text));
        let figures =
            [("During training, at the last logged step:", logged), ("At the end of the run:", end)];
        // The settings of an import are those of a training that never took place.
        let settings = (!exported.facts.imported).then_some(&*settings);
        let text = write(exported, settings, picture.is_some(), figures);
        Ok(Self { text, picture })
    }
}

fn object(text: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(text).ok()
}

/// Writes the card. `figures` are figures of the run with the sentence before them.
fn write(
    exported: &Exported,
    settings: Option<&str>,
    has_picture: bool,
    figures: [(&str, Option<Map<String, Value>>); 2],
) -> String {
    let Exported { graphs, facts } = exported;
    let mut text = String::from("---\nlibrary_name: pytorch\n");
    if graphs.iter().any(is_unconditional) {
        text.push_str("pipeline_tag: unconditional-image-generation\n");
    }
    let _ = writeln!(text, "tags:\n- {}\n- adjoint\n---\n\n# {}\n", facts.model, facts.run);
    let names: Vec<_> = graphs.iter().map(|graph| graph.name).collect();
    let _ = write!(text, "{}", facts.sentence(&names));
    if facts.averaged {
        text.push_str(" The weights of the generator are a moving average.");
    }
    text.push_str("\n\n");
    if has_picture {
        let _ = writeln!(text, "![samples]({PICTURE})\n");
    }
    let code = torch::example(graphs).unwrap_or_default();
    let _ = writeln!(text, "## Use\n\n```python\n{code}```\n");
    text.push_str("This needs PyTorch and safetensors. `config.json` describes the inputs and outputs.\n");
    if !facts.classes.is_empty() {
        text.push_str("\nThe classes, in their order:\n\n");
        facts.classes.iter().for_each(|class| _ = writeln!(text, "* {class}"));
    }
    if figures.iter().any(|(_, figures)| figures.is_some()) {
        text.push_str("\n## Figures\n");
    }
    for (sentence, figures) in figures {
        let Some(figures) = figures else { continue };
        let _ = writeln!(text, "\n{sentence}\n\n| figure | value |\n| --- | --- |");
        figures.iter().for_each(|(name, value)| _ = writeln!(text, "| {name} | {value} |"));
    }
    if let Some(settings) = settings {
        let lines = settings.lines().filter(|line| !line.starts_with('#') && !is_place(line));
        let _ = writeln!(text, "\n## Settings\n\n```toml\n{}\n```", lines.collect::<Vec<_>>().join("\n"));
    }
    text
}

/// Does the network make images of nothing but latent variables?
fn is_unconditional(graph: &Graph) -> bool {
    let is_image = |port: &Port| port.content.pixel_range().is_some();
    graph.inputs.iter().all(|port| port.content.is_latent()) && graph.outputs.iter().all(is_image)
}

/// Does the line of the settings say where files are?
fn is_place(line: &str) -> bool {
    PLACES.contains(&line.split('=').next().unwrap_or_default().trim())
}
