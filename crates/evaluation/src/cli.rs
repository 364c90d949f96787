//! The command line of `evaluate`: its flags, and the order in which runs are measured.

use crate::bounds::{self, Effort};
use crate::control::Control;
use crate::images::References;
use crate::judges::{ImageTask, Judges};
use crate::plane;
use crate::table::{Comparison, Subject};
use adjoint_data::points::Points;
use adjoint_data::{Dataset, Split};
use adjoint_metrics::classifier::total_variation;
use adjoint_recipes::data::Places;
use adjoint_recipes::game::Condition;
use adjoint_recipes::{Model, Open, Recipe};
use adjoint_runs::values::{threads, whole};
use adjoint_runs::{BoxError, Error, examples, is_standard_output, note, say, set_threads, warn, write_file};
use clap::{CommandFactory, Parser};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

const EXAMPLES: &[(&str, &str)] = &[
    ("runs/dcgan-glyphs-001", "one run between the test set and noise"),
    ("runs/*-mnist-001 --markdown mnist.md", "all models of MNIST side by side"),
    ("runs/vae-mnist-001 --nll-samples 5000 --ais-images 20", "its likelihood by two methods"),
];

/// Compare trained models by metrics. Runs on the same data are in one table, between the test set
/// and noise.
#[derive(Parser, Clone, Debug)]
#[command(name = "evaluate", version, after_help = examples("evaluate", EXAMPLES))]
struct Cli {
    /// Directories of runs
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,

    /// Number of samples of each run, and of images of the data
    #[arg(long, value_name = "N", default_value = "10000", value_parser = whole::<usize>(100..=100_000))]
    samples: usize,

    /// Number of labelled samples of a conditional model (or of training images) that classify the
    /// test set
    #[arg(long, value_name = "N", default_value = "10000", value_parser = whole::<usize>(100..=100_000))]
    labelled: usize,

    /// Seed of all random numbers
    #[arg(long, value_name = "N", default_value = "1")]
    #[arg(value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: u64,

    /// Use G's last weights instead of their moving average
    #[arg(long)]
    raw: bool,

    #[command(flatten)]
    places: Places,

    #[command(flatten)]
    judges: Judges,

    #[command(flatten)]
    effort: Effort,

    /// Write the figures to a file as JSON; `-` writes them to standard output instead of the
    /// tables
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Write the tables to a file as Markdown; `-` writes them to standard output
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,

    /// Number of compute threads; results do not depend on it [default: RAYON_NUM_THREADS, or all
    /// processors]
    #[arg(long, value_name = "N", value_parser = threads)]
    threads: Option<usize>,
}

/// What the runs of a table were trained on.
enum Data {
    Points(Points),
    /// The training images and the test images.
    Images(Dataset, Dataset),
}

/// The command line of the program.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Parses a command line and evaluates its runs. The first argument is the name of the program.
///
/// # Errors
/// If the command line is wrong, a run can't be opened, or a file can't be written.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Result<(), BoxError> {
    let cli = Cli::try_parse_from(arguments).map_err(Error::from)?;
    set_threads(cli.threads)?;
    let text_is_piped = reject_outputs(&cli)?;
    // Open all runs and their data first, so that a wrong one fails before any run is measured.
    let open = |run: &PathBuf| {
        let Cli { seed, raw, places, .. } = cli.clone();
        // A model without a moving average uses its last weights anyway.
        let kind = adjoint_runs::model_of_run(run).unwrap_or_default();
        let raw = raw && Recipe::of(&kind).is_some_and(|recipe| recipe.has_average);
        Model::open(&Open { run: run.clone(), seed, raw, places })
    };
    let mut models = cli.runs.iter().map(open).collect::<Result<Vec<Model>, _>>()?;
    let mut groups = vec![];
    while let Some(first) = models.first() {
        let (points, data) = (first.points, first.data.clone());
        let alike = |m: &Model| m.points == points && (points.is_some() || m.data.same_images(&data));
        let (group, rest): (Vec<Model>, Vec<Model>) = models.into_iter().partition(alike);
        models = rest;
        let data = match points {
            Some(points) => Data::Points(points),
            None => Data::Images(group[0].dataset(Split::Train)?, group[0].dataset(Split::Test)?),
        };
        groups.push((data, group));
    }
    let compared = groups.into_iter().map(|(data, mut group)| match data {
        Data::Points(points) => plane::compare(points, &mut group, cli.samples, cli.seed),
        Data::Images(train, test) => compare(&cli, [train, test], &mut group),
    });
    let comparisons = compared.collect::<Result<Vec<_>, _>>()?;
    let markdown = comparisons.iter().map(Comparison::markdown).collect::<Vec<_>>().join("\n");
    if !text_is_piped {
        say(markdown.trim_end());
    }
    if let Some(path) = &cli.markdown {
        write(path, &markdown)?;
    }
    if let Some(path) = &cli.json {
        let all: Vec<Value> = comparisons.iter().map(Comparison::json).collect();
        write(path, &format!("{:#}\n", json!(all)))?;
    }
    Ok(())
}

/// Returns the number that a flag requests, or `available` if that is smaller. A request that is
/// too large gives a warning; `what` describes what is available.
pub(crate) fn limit(flag: &str, requested: usize, available: usize, what: &str) -> usize {
    if requested > available {
        warn(format_args!("{flag} {requested} is limited to {available}, {what}"));
    }
    requested.min(available)
}

/// Rejects output files that cannot be written, before anything is measured. Returns true if
/// `--json` or `--markdown` is standard output; nothing else is then written to it.
fn reject_outputs(cli: &Cli) -> Result<bool, BoxError> {
    let places = [&cli.json, &cli.markdown].map(|place| place.as_deref());
    let piped = places.map(|place| place.is_some_and(is_standard_output));
    if piped == [true, true] {
        let problem = "--json and --markdown can't both be standard output; name a file for one of them";
        return Err(problem.into());
    }
    for file in places.into_iter().flatten().filter(|file| !is_standard_output(file)) {
        let target = adjoint_files::resolve(file);
        let place = target.parent().filter(|place| !place.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !place.is_dir() || file.is_dir() {
            let place = file.display();
            let problem = "cannot write a file there; name a file in a directory that exists";
            return Err(format!("{place}: {problem}").into());
        }
    }
    Ok(piped.contains(&true))
}

fn write(path: &Path, text: &str) -> Result<(), BoxError> {
    if is_standard_output(path) {
        say(text.trim_end());
        return Ok(());
    }
    Ok(write_file(path, |out| out.write_all(text.as_bytes()))?)
}

/// Compares runs on one dataset of images, of which `train` and `test` are the splits.
fn compare(cli: &Cli, [train, test]: [Dataset; 2], models: &mut [Model]) -> Result<Comparison, BoxError> {
    let mut control = Control::new(&train, &test, cli.samples, &cli.judges)?;
    let mut references = References::new(train.clone(), test.clone(), cli.samples, cli.seed, &cli.judges)?;
    let effort = Effort {
        nll_images: limit("--nll-images", cli.effort.nll_images, test.len(), "all test images"),
        ais_images: limit("--ais-images", cli.effort.ais_images, test.len(), "all test images"),
        ..cli.effort
    };
    let mut observations = vec![];
    // Every row classifies the test set by the same number of labelled images.
    let labelled = limit("--labelled", cli.labelled, train.len(), "all training images");
    let mut subjects = vec![references.data(labelled)?];
    for model in models.iter_mut() {
        let mut subject = score_samples(model, &mut references, labelled)?;
        bounds::variational(&mut subject, model, &test, effort)?;
        bounds::annealed(&mut subject, model, effort)?;
        if subject.has_likelihood() {
            let density = model.networks.observation(effort.ais_sigma);
            observations.push(format!("* {}: {density}", subject.name));
        }
        if let Some(control) = &mut control {
            control.score(&mut subject, model, &mut references.judge.judge)?;
        }
        subjects.push(subject);
    }
    subjects.push(references.noise(cli.seed)?);
    let mut notes = notes_on_judges(models, &references, control.as_ref());
    if !observations.is_empty() {
        notes.push(note_on_likelihoods(&observations, effort, test.len()));
    }
    let size = train.image_size();
    let title = format!("{}, {size}x{size}", train.name());
    Ok(Comparison { title, notes, judge: Some(references.judge.skill), subjects })
}

/// Scores a model's samples by the judge and by their pixels. If the model is class-conditional,
/// `labelled` samples of known classes also classify the test set, and the error is a score.
fn score_samples(
    model: &mut Model,
    references: &mut References,
    labelled: usize,
) -> Result<Subject, BoxError> {
    let mut subject = Subject::new(model.run.display().to_string());
    note(format_args!("{}: {} samples", subject.name, references.count));
    let z = model.draw("evaluate", references.count)?;
    let conditions = model.conditions(0..references.count)?;
    let images = model.decode(&z, conditions.as_ref())?;
    let images = model.unit(&images);
    let by_class = model.condition == Some(Condition::Class);
    let classes = references.shares.len();
    let requested = by_class.then(|| (0..references.count).map(|i| i % classes).collect::<Vec<_>>());
    let from_tests = model.condition.is_some_and(Condition::is_image);
    references.score(&mut subject, &images, requested.as_deref(), from_tests)?;
    drop(images);
    if by_class {
        let z = model.draw("labelled", labelled)?;
        references.one_nearest(&mut subject, labelled, |range| {
            let conditions = model.conditions(range.clone())?;
            let x = model.decode(&z.narrow(0, range.start, range.len()), conditions.as_ref())?;
            Ok((model.unit(&x), range.map(|i| i % classes).collect()))
        })?;
    }
    Ok(subject)
}

/// Returns notes for the reader of the tables: the accuracy of the judges, and how classes were
/// requested.
fn notes_on_judges(models: &[Model], references: &References, control: Option<&Control>) -> Vec<String> {
    let skill = &references.judge.skill;
    let mut notes = vec![format!("{} samples each. {}", references.count, skill.note())];
    let by_class = models.iter().any(|model| model.condition == Some(Condition::Class));
    if by_class && skill.task == ImageTask::Classes {
        let shares = &references.shares;
        let chance = 1.0 / shares.len() as f64;
        let apart = total_variation(&vec![chance; shares.len()], shares);
        notes.push(format!(
            "All classes are requested equally often, at a class TV of {:.1} % from the data; the requested class is {:.1} % by chance.",
            100.0 * apart,
            100.0 * chance
        ));
    }
    if let Some(control) = control {
        let explained: Vec<String> = control.explained.iter().map(|r| format!("{:.1}", 100.0 * r)).collect();
        let shares = explained.join(", ");
        notes.push(format!(
            "The regressor explains {shares} % of the variance of thickness, slant and width."
        ));
    }
    notes
}

/// Returns a note on the likelihoods: how many of the `all` test images each one is measured on,
/// and which density of images each model has.
fn note_on_likelihoods(observations: &[String], effort: Effort, all: usize) -> String {
    let Effort { nll_images: nll, ais_images: ais, .. } = effort;
    let mut counts = format!("The ELBO is of all {all} test images, the NLL of the first {nll}");
    if ais > 0 {
        counts.push_str(&format!(", the AIS bound of the first {ais}"));
    }
    let of = observations.join("\n");
    format!("{counts}. Likelihoods are comparable only between runs with the same density of pixels:\n\n{of}")
}
