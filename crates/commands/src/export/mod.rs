//! `adjoint export RUN --to FORMAT DIR`: the networks of a run for other programs.

mod card;

use std::ffi::OsString;
use std::path::PathBuf;

use adjoint_interop::{onnx, torch};
use adjoint_nn::{Named as _, named};
use adjoint_recipes::data::Places;
use adjoint_recipes::{Exported, Open, Recipe, one_of};
use adjoint_runs::{BoxError, Error, NewDirectory, say};
use clap::{CommandFactory, Parser};

named! {
    /// A format of networks.
    pub(crate) enum Format {
        /// Modules of `torch.nn`, and their weights.
        Torch = "torch": "model.py of torch.nn, and a safetensors file for each network",
        /// ONNX files.
        Onnx = "onnx": "an ONNX file for each network",
        /// The layout of a model repository.
        Hub = "hub": "as torch, with a model card (README.md) and a picture of samples",
    }
}

/// Write the networks of a run for other programs.
#[derive(Parser, Debug)]
#[command(name = "export", version)]
struct Cli {
    /// Directory of the run
    #[arg(value_name = "RUN")]
    run: PathBuf,

    /// New or empty directory for the files
    #[arg(value_name = "DIR")]
    directory: PathBuf,

    /// Format of the networks
    #[arg(long, value_name = "FORMAT", value_parser = one_of(Format::ALL))]
    to: Format,

    /// Write G's last weights instead of their moving average
    #[arg(long)]
    raw: bool,

    #[command(flatten)]
    places: Places,
}

/// The command line.
pub(crate) fn command() -> clap::Command {
    Cli::command()
}

/// Parses a command line and writes the files. The first argument is the name of the program.
pub(crate) fn run(arguments: Vec<OsString>) -> Result<(), BoxError> {
    let Cli { run, directory, to, raw, places } = Cli::try_parse_from(arguments).map_err(Error::from)?;
    let recipe = Recipe::of_run(&run)?;
    let open = Open { run, seed: 1, raw, places };
    let exported = (recipe.export)(&open)?;
    let mut files = NewDirectory::create(&directory)?;
    match to {
        Format::Torch => write_torch(&mut files, &exported)?,
        Format::Onnx => {
            for graph in &exported.graphs {
                let bytes = onnx::to_onnx(graph, &exported.facts)?;
                files.add(&format!("{}.onnx", graph.name), |out| out.write_all(&bytes))?;
            }
        }
        Format::Hub => {
            write_torch(&mut files, &exported)?;
            let card = card::Card::read(&open.run, &exported)?;
            if let Some(picture) = &card.picture {
                files.add(card::PICTURE, |out| picture.encode(out))?;
            }
            files.add("README.md", |out| out.write_all(card.text.as_bytes()))?;
        }
    }
    // It is last, so a directory that has it is complete even if a process was killed.
    files.add("config.json", |out| out.write_all(exported.facts.to_json(&exported.graphs).as_bytes()))?;
    files.keep().iter().for_each(|file| say(file.display()));
    Ok(())
}

fn write_torch(files: &mut NewDirectory, exported: &Exported) -> Result<(), BoxError> {
    let Exported { graphs, facts } = exported;
    for graph in graphs {
        let bytes = torch::to_safetensors(graph)?;
        files.add(&format!("{}.safetensors", graph.name), |out| out.write_all(&bytes))?;
    }
    Ok(files.add("model.py", |out| out.write_all(torch::to_python(graphs, facts).as_bytes()))?)
}
