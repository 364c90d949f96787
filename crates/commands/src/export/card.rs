//! The model card of a repository of models: a README.md with metadata, as model hubs show it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use adjoint_interop::Facts;
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
        let text = write(exported, &settings, picture.is_some(), figures);
        Ok(Self { text, picture })
    }
}

fn object(text: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(text).ok()
}

/// Writes the card. `figures` are figures of the run with the sentence before them.
fn write(
    exported: &Exported,
    settings: &str,
    has_picture: bool,
    figures: [(&str, Option<Map<String, Value>>); 2],
) -> String {
    let Facts { model, run, dataset, .. } = &exported.facts;
    let mut text = String::from("---\nlibrary_name: pytorch\npipeline_tag: unconditional-image-generation\n");
    let _ = writeln!(text, "tags:\n- {model}\n- adjoint\n---\n\n# {run}\n");
    let names: Vec<_> = exported.graphs.iter().map(|graph| graph.name).collect();
    let _ = writeln!(text, "The {} of a {model} trained on {dataset} by Adjoint.\n", names.join(" and the "));
    if has_picture {
        let _ = writeln!(text, "![samples]({PICTURE})\n");
    }
    text.push_str("## Use\n\n```python\nfrom model import load\n\nnetworks = load()\n```\n\n");
    text.push_str("This needs PyTorch and safetensors. `config.json` describes the inputs and outputs.\n");
    if figures.iter().any(|(_, figures)| figures.is_some()) {
        text.push_str("\n## Figures\n");
    }
    for (sentence, figures) in figures {
        let Some(figures) = figures else { continue };
        let _ = writeln!(text, "\n{sentence}\n\n| figure | value |\n| --- | --- |");
        figures.iter().for_each(|(name, value)| _ = writeln!(text, "| {name} | {value} |"));
    }
    text.push_str("\n## Settings\n\n```toml\n");
    let is_place = |line: &str| {
        let key = line.split('=').next().unwrap_or_default().trim();
        PLACES.contains(&key)
    };
    for line in settings.lines().filter(|line| !line.starts_with('#') && !is_place(line)) {
        let _ = writeln!(text, "{line}");
    }
    text.push_str("```\n");
    text
}
