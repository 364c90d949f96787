//! The command line of `sample`: its commands and the flags that they share.

use crate::commands::{arithmetic, decode, export, features, grids, neighbours, walks};
use adjoint_recipes::data::Places;
use adjoint_recipes::{Model, Open};
use adjoint_runs::values::threads;
use adjoint_runs::{BoxError, Error, Image, examples, is_standard_output, say, set_threads};
use clap::{CommandFactory, Parser};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

const EXAMPLES: &[(&str, &str)] = &[
    ("grid runs/dcgan-glyphs-001 --n 100", "100 samples side by side"),
    ("interpolate runs/dcgan-glyphs-001", "walks from one sample to another"),
    (
        "arithmetic runs/dcgan-glyphs-001 --a \"7 thick\" --b \"7 thin\" --c \"1 thin\"",
        "the mean of thick sevens, minus thin sevens, plus thin ones",
    ),
    ("traverse runs/vae-glyphs-001", "one latent variable per row"),
    ("export runs/cgan-glyphs-001 --n 10000 --out samples.npy", "ten thousand samples for other programs"),
];

/// Show what a trained model can do. The run directory may come from any trainer.
#[derive(Parser, Debug)]
#[command(name = "sample", version, after_help = examples("sample", EXAMPLES))]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// The flags of every command.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Common {
    /// Directory of the run
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,

    /// Output file [default: RUN/COMMAND.png, or RUN/COMMAND.npy for export, decode and encode]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,

    /// Seed of all random numbers
    #[arg(long, value_name = "N", default_value = "1")]
    #[arg(value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub(crate) seed: u64,

    /// Use G's last weights instead of their moving average
    #[arg(long)]
    pub(crate) raw: bool,

    #[command(flatten)]
    pub(crate) places: Places,

    /// Number of compute threads; results do not depend on it [default: RAYON_NUM_THREADS, or all
    /// processors]
    #[arg(long, value_name = "N", value_parser = threads)]
    threads: Option<usize>,
}

impl Common {
    /// Returns the path of the output file: the value of `--out`, or RUN/DEFAULT without this flag.
    ///
    /// # Errors
    /// If `--out` is `-`, because standard output is for text.
    pub(crate) fn out(&self, default: &str) -> Result<PathBuf, BoxError> {
        match &self.out {
            Some(out) if is_standard_output(out) => {
                let problem = "--out -: standard output is for text; name a file or a pipe";
                Err(problem.into())
            }
            Some(out) => Ok(out.clone()),
            None => Ok(self.run.join(default)),
        }
    }
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// Samples side by side
    Grid(With<grids::Grid>),
    /// One row per class; all samples in a column have the same noise (class-conditional models)
    Classes(With<grids::Classes>),
    /// Walks between latent vectors, one per row
    Interpolate(With<walks::Interpolate>),
    /// One latent variable per row, from low to high
    Traverse(With<walks::Traverse>),
    /// The whole latent plane of a model with two latent variables
    Manifold(With<walks::Manifold>),
    /// Test images with their reconstructions (models with an encoder), or with samples under their
    /// condition (models with an image condition)
    Reconstruct(With<grids::Reconstruct>),
    /// Samples beside the nearest training images, to detect copies
    Neighbours(With<neighbours::Neighbours>),
    /// Vector arithmetic: the mean latent vector of samples of A, minus that of B, plus that of C
    Arithmetic(With<arithmetic::Arithmetic>),
    /// Samples for other programs: as an array, or as image files
    Export(With<export::Export>),
    /// Samples of given latent vectors, as an array or a picture
    Decode(With<decode::Decode>),
    /// Latent vectors of given images, as an array (models with an encoder)
    Encode(With<decode::Encode>),
    /// What D's filters respond to, by guided backpropagation (runs of train-dcgan)
    Features(With<features::Features>),
}

/// The arguments of a command: the flags of every command, then its own flags.
#[derive(clap::Args, Debug)]
struct With<T: clap::Args> {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    own: T,
}

/// A command that draws a picture of a run.
pub(crate) trait Run {
    /// Draws the picture and returns it with a short description.
    fn draw(&self, model: &mut Model) -> Result<(Image, String), BoxError>;
}

/// A command that writes data of a run for other programs.
pub(crate) trait Save {
    /// The name of the output in the run's directory, without `--out`.
    fn default_name(&self) -> String;

    /// Writes the data to `out` and describes them.
    ///
    /// # Errors
    /// If the data cannot be computed, the disk is full or `out` can't be written. A file that
    /// existed is then unchanged.
    fn save(&self, model: &mut Model, out: &Path) -> Result<String, BoxError>;
}

/// The command line of the program.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Parses a command line and runs its command. The first argument is the name of the program.
///
/// # Errors
/// If the command line is wrong, a run can't be opened, or a file can't be written.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Result<(), BoxError> {
    let cli = Cli::try_parse_from(arguments).map_err(Error::from)?;
    match &cli.command {
        Command::Grid(c) => picture("grid", c),
        Command::Classes(c) => picture("classes", c),
        Command::Interpolate(c) => picture("interpolate", c),
        Command::Traverse(c) => picture("traverse", c),
        Command::Manifold(c) => picture("manifold", c),
        Command::Reconstruct(c) => picture("reconstruct", c),
        Command::Neighbours(c) => picture("neighbours", c),
        Command::Arithmetic(c) => picture("arithmetic", c),
        Command::Features(c) => picture("features", c),
        Command::Export(c) => save(c),
        Command::Decode(c) => save(c),
        Command::Encode(c) => save(c),
    }
}

fn open(common: &Common) -> Result<Model, BoxError> {
    set_threads(common.threads)?;
    let Common { run, seed, raw, places, .. } = common.clone();
    Model::open(&Open { run, seed, raw, places })
}

fn picture<T: Run + clap::Args>(name: &str, With { common, own }: &With<T>) -> Result<(), BoxError> {
    let out = common.out(&format!("{name}.png"))?;
    let mut model = open(common)?;
    let (image, what) = own.draw(&mut model)?;
    image.write_png(&out)?;
    say(format_args!("{}: {what}; {}x{} pixels", out.display(), image.width, image.height));
    Ok(())
}

fn save<T: Save + clap::Args>(With { common, own }: &With<T>) -> Result<(), BoxError> {
    let out = common.out(&own.default_name())?;
    let mut model = open(common)?;
    say(own.save(&mut model, &out)?);
    Ok(())
}
