//! `adjoint import MODEL`: makes a run of networks that PyTorch trained.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use adjoint_interop::examples::{self, Example};
use adjoint_recipes::{Import, Recipe};
use adjoint_runs::{BoxError, Error, NamedTensors, say, weights};
use clap::{Arg, ArgMatches, Command, value_parser};

/// The command line: a subcommand for each example.
pub(crate) fn command() -> Command {
    Command::new("import")
        .about("Make a run of networks that PyTorch trained, to sample from and evaluate")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands(examples::ALL.iter().map(of_example))
}

fn of_example(example: &Example) -> Command {
    let about = format!("Networks with the layers of PyTorch's example `{}`", example.model);
    let files = example.files.iter().map(|file| {
        let help = format!("State dict of the {}, a safetensors file", file.name);
        let arg = Arg::new(file.name).long(file.name).value_name("FILE").help(help);
        arg.required(!file.is_optional).value_parser(value_parser!(PathBuf))
    });
    let text = |name: &'static str, value: &'static str, help: &'static str| {
        let arg = Arg::new(name).long(name).value_name(value).help(help);
        arg.value_parser(value_parser!(OsString))
    };
    let dataset = "Dataset of the networks: a name, or the path of a folder or an array";
    let flags = Arg::new("flags").value_name("FLAGS").last(true).num_args(0..);
    Command::new(example.model)
        .about(about)
        .args(files)
        .arg(text("dataset", "NAME|PATH", dataset).required(true))
        .arg(text("out", "DIR", "Directory of runs [default: runs]"))
        .arg(text("name", "NAME", "Name of the new run [default: as for a trained run]"))
        .arg(
            flags
                .value_parser(value_parser!(OsString))
                .help("Further flags of the trainer, such as those of its data"),
        )
}

/// Parses a command line and writes the run. The first argument is the name of the program.
pub(crate) fn run(arguments: Vec<OsString>) -> Result<(), BoxError> {
    let given = command().try_get_matches_from(arguments).map_err(Error::from)?;
    let (model, given) = given.subcommand().expect("clap requires it");
    let example = examples::ALL.iter().find(|example| example.model == model).expect("it is one of them");
    write(example, given)
}

fn write(example: &Example, given: &ArgMatches) -> Result<(), BoxError> {
    let paths: Vec<Option<&PathBuf>> = example.files.iter().map(|file| given.get_one(file.name)).collect();
    let read = |path: &Option<&PathBuf>| path.map(|path| read(path)).transpose();
    let files = paths.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let first = paths[0].expect("the first file is required");
    let foreign = example.convert(files).map_err(|problem| {
        Error::file(first, format!("no {} of PyTorch's example: {problem}", example.model))
    })?;
    let of_run = ["dataset", "out", "name"].into_iter().filter_map(|flag| {
        given.get_one::<OsString>(flag).map(|value| [format!("--{flag}").into(), value.clone()])
    });
    let further: Vec<OsString> = given.get_many("flags").into_iter().flatten().cloned().collect();
    if let Some((flag, value)) = foreign.flags.iter().find(|(flag, _)| is_given(&further, flag)) {
        let problem = format!("{flag} follows from the weights, which need {value}; leave it out");
        return Err(Error::Other(problem).into());
    }
    let of_shape = foreign.flags.into_iter().map(|(flag, value)| [flag.into(), value.into()]);
    let program = OsString::from(format!("train-{}", example.model));
    let flags = of_shape.chain(of_run).flatten().chain(further);
    let arguments: Vec<OsString> = [program].into_iter().chain(flags).collect();
    // A file with both networks of a model is the origin of both.
    let origins = paths.iter().map(|path| path.unwrap_or(first)).chain(std::iter::repeat(first));
    let networks: Vec<_> = foreign.networks.into_iter().zip(origins.map(PathBuf::as_path)).collect();
    let recipe = Recipe::of(example.model).expect("it is in the registry");
    let import = Import { networks: &networks, channels: foreign.channels };
    let directory = (recipe.import)(&arguments, import)?;
    say(format_args!("{}: a run to sample from and to evaluate", directory.display()));
    Ok(())
}

/// Do the arguments have this flag?
fn is_given(arguments: &[OsString], flag: &str) -> bool {
    let names = arguments.iter().filter_map(|argument| argument.to_str());
    names.into_iter().any(|name| name.split('=').next() == Some(flag))
}

/// Reads a state dict.
fn read(path: &Path) -> Result<NamedTensors, Error> {
    if path.extension().is_some_and(|end| PICKLED.iter().any(|own| end.eq_ignore_ascii_case(own))) {
        let advice = "convert it with scripts/pt_to_safetensors.py";
        return Err(Error::file(path, format!("a pickled state dict, which can hold programs; {advice}")));
    }
    weights::read(path)
}

/// Endings of files of `torch.save`.
const PICKLED: [&str; 4] = ["pt", "pth", "bin", "pkl"];
