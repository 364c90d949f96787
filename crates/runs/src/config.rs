//! The sources of settings. Flags override a TOML file, and the file overrides the defaults.
//!
//! A trainer has one struct of settings, which clap parses and serde serialises. Only this struct
//! defines the name, type, default, limits and help of each setting. The settings of a file are
//! converted to flags, which are placed before the flags of the command line. So the same code
//! checks values of files and values of flags. With `--resume` the file is the config.toml of the
//! run.

use std::any::TypeId;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde::Serialize;
use toml::{Table, Value};

use crate::args::{COMMON, CommonArgs, NOT_IN_FILES};
use crate::changes::refuse_changes;
use crate::error::complaint;
use crate::preset::{self, Preset};
use crate::{Error, paths, run};

/// Maximum size of a settings file in bytes. A file with every setting has fewer than a thousand
/// bytes.
const MAX_FILE: u64 = 1 << 16;
/// Key of the kind of model in config.toml.
const MODEL: &str = "model";

/// The settings of one trainer. Implement this trait for a struct with `#[derive(clap::Parser,
/// serde::Serialize)]`. One field of the struct must be [`CommonArgs`] with `#[command(flatten)]`
/// and `#[serde(flatten)]`.
///
/// A field that is an enum needs the same names in serde as in clap (`#[serde(rename_all =
/// "kebab-case")]`).
///
/// ```
/// use adjoint_runs::{COMMON, CommonArgs, Config, Data, Preset, parse, preset};
///
/// /// Train a line.
/// #[derive(clap::Parser, serde::Serialize)]
/// struct Line {
///     #[command(flatten)]
///     #[serde(flatten)]
///     common: CommonArgs,
///     /// Learning rate
///     #[arg(long)]
///     lr: f64,
/// }
///
/// impl Data for Line {
///     fn name(&self) -> String {
///         "points".to_owned()
///     }
/// }
///
/// impl Config for Line {
///     type Data = Self;
///     const MODEL: &'static str = "line";
///     fn presets() -> Vec<Preset> {
///         [COMMON, &[preset("lr", "0.1"), preset("lr", "0.5").beside("batch_size", "1")]].concat()
///     }
///     fn common(&self) -> &CommonArgs {
///         &self.common
///     }
///     fn data(&self) -> &Self {
///         self
///     }
///     fn data_mut(&mut self) -> &mut Self {
///         self
///     }
/// }
///
/// let line: Line = parse(["train-line", "--batch-size", "1"])?;
/// assert_eq!((line.common.seed, line.lr), (1, 0.5));
/// # Ok::<(), adjoint_runs::Error>(())
/// ```
pub trait Config: clap::Parser + Serialize {
    /// The settings of the data, which are flattened into this struct.
    type Data: Data;
    /// Kind of model, such as "dcgan". Names of runs begin with it, and checkpoints contain it.
    const MODEL: &'static str;

    /// Returns the defaults of all settings. If a setting has several unconditional defaults, the
    /// last one is used. A run that was made before a setting existed gets its default. So a new
    /// setting needs a default with which training is as it was without the setting.
    fn presets() -> Vec<Preset> {
        COMMON.to_vec()
    }

    /// Returns the common settings, which are flattened into this struct.
    fn common(&self) -> &CommonArgs;

    /// Returns the settings of the data.
    fn data(&self) -> &Self::Data;

    /// Returns the settings of the data. A trainer can complete them while it loads the data.
    fn data_mut(&mut self) -> &mut Self::Data;

    /// Returns the settings that have no effect in combination with the other settings. Each is
    /// given by its key ("beta2") and a flag with which it would have an effect ("--optimizer
    /// adam"). On the command line, such a setting is an error, because the user expects an effect.
    /// In a file, such a setting is allowed, because a file may contain all settings.
    fn unused_flags(&self) -> Vec<UnusedFlag> {
        vec![]
    }
}

/// The settings of the data of a trainer.
pub trait Data {
    /// Returns a name of the data, such as "mnist". It is part of the title of curves, and of the
    /// name of a run if the user gave no name. It consists of letters, digits and hyphens.
    fn name(&self) -> String;

    /// Returns the settings that may change when a run is resumed, such as the location of the
    /// data. They must not affect the results of training.
    fn free_on_resume(&self) -> Vec<&'static str> {
        vec![]
    }

    /// Returns the settings that a trainer finds out while it loads the data. A resumed run reads
    /// them from its config.toml. A new run that uses this file with `--config` finds its own.
    fn found() -> &'static [&'static str]
    where
        Self: Sized,
    {
        &[]
    }
}

/// Returns the clap command of a trainer, with its defaults.
pub fn command<C: Config>() -> Command {
    preset::apply(C::command(), &C::presets())
}

/// A flag that has no effect: its key, and a flag with which it would have an effect.
pub type UnusedFlag = (&'static str, &'static str);

/// Returns the flags `all` if `unused` is true, and no flags otherwise. `purpose` is a flag with
/// which they would have an effect.
pub fn unused_if<const N: usize>(
    unused: bool,
    purpose: &'static str,
    all: [&'static str; N],
) -> Vec<UnusedFlag> {
    if unused { all.map(|key| (key, purpose)).to_vec() } else { vec![] }
}

/// Formats the settings as the content of config.toml, which `--config` and `--resume` read.
pub(crate) fn to_toml<C: Config>(config: &C) -> String {
    let settings = toml::to_string(config).expect("settings are plain values");
    format!(
        "# The settings of this run; --config takes this file, too.\n{MODEL} = {:?}\n{settings}",
        C::MODEL
    )
}

/// Parses the settings on a command line, which starts with the program's name. Flags override a
/// settings file, and the file overrides the defaults. With `--resume` the file is the config.toml
/// of the run.
///
/// # Errors
/// If a flag, a configuration file or the run to resume can't be used. Also if help was requested,
/// which [`run_main`](crate::run_main) prints.
pub fn parse<C: Config>(arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Result<C, Error> {
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    let given = command::<C>().try_get_matches_from(&arguments)?;
    let mut config = C::from_arg_matches(&given)?;
    let resumed = config.common().resume.clone();
    let file = match &resumed {
        Some(directory) => Some(config_of_run(directory)?),
        None => config.common().config.clone(),
    };
    if let Some(file) = file {
        let skipped = if resumed.is_some() { &[] } else { C::Data::found() };
        config = parse_layers(&file, &read(&file)?, skipped, &arguments, Some(&given))?;
    }
    if let Some(directory) = resumed {
        refuse_changes(&settings_of_run(&directory)?, &config)?;
    }
    refuse_unused_flags(&config, &given)?;
    Ok(config)
}

/// Returns the kind of model that a run has trained, which is the [`Config::MODEL`] of its trainer.
///
/// # Errors
/// If the directory holds no run, or its settings can't be read.
pub fn model_of_run(directory: &Path) -> Result<String, Error> {
    let file = config_of_run(directory)?;
    let model = to_table(&file, &read(&file)?)?.get(MODEL).and_then(Value::as_str).map(str::to_owned);
    let problem = format!("does not say which `{MODEL}` it belongs to; it was not written by a trainer");
    model.ok_or_else(|| Error::file(&file, problem))
}

/// Returns the settings of a run.
///
/// # Errors
/// If the directory holds no run of this kind of model, or its settings can't be read.
pub fn settings_of_run<C: Config>(directory: &Path) -> Result<C, Error> {
    let file = config_of_run(directory)?;
    of_toml(&file, &read(&file)?)
}

/// Parses settings that [`to_toml`] formatted, maybe in an earlier version of the program. A
/// setting that the text lacks did not exist then, and gets its default. `path` is the file that
/// contains the text.
pub(crate) fn of_toml<C: Config>(path: &Path, text: &str) -> Result<C, Error> {
    parse_layers(path, text, &[], &[OsString::from(C::MODEL)], None)
}

fn config_of_run(directory: &Path) -> Result<PathBuf, Error> {
    let config = run::config_of(directory);
    if config.is_file() {
        return Ok(config);
    }
    let found =
        if directory.is_dir() { "holds no run (no config.toml in it)" } else { "there is no such run" };
    Err(Error::file(directory, format!("{found}; give the directory of a run, such as runs/NAME")))
}

fn read(path: &Path) -> Result<String, Error> {
    let mut text = String::new();
    let file = File::open(path).map_err(Error::io("read", path))?;
    file.take(MAX_FILE + 1).read_to_string(&mut text).map_err(Error::io("read", path))?;
    if text.len() as u64 > MAX_FILE {
        return Err(Error::file(path, format!("not a settings file: longer than {MAX_FILE} bytes")));
    }
    Ok(text)
}

fn to_table(path: &Path, text: &str) -> Result<Table, Error> {
    text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map(|span| 1 + text[..span.start].matches('\n').count());
        let place = line.map(|line| format!(" line {line}")).unwrap_or_default();
        Error::file(path, format!("not TOML:{place}: {}", error.message()))
    })
}

/// Returns the flag of a setting: "--log-every" for "log_every".
pub(crate) fn flag(key: &str) -> String {
    format!("--{}", key.replace('_', "-"))
}

fn flags_of(arg: &Arg, value: &Value) -> Option<Vec<OsString>> {
    let switch = matches!(arg.get_action(), ArgAction::SetTrue);
    let is_path = arg.get_value_parser().type_id() == TypeId::of::<PathBuf>();
    let flag = flag(arg.get_id().as_str());
    let with = |value: OsString| {
        let mut flag = OsString::from(format!("{flag}="));
        flag.push(value);
        vec![flag]
    };
    match value {
        Value::Boolean(on) if switch => Some(if *on { vec![flag.into()] } else { vec![] }),
        _ if switch => None,
        _ if is_path => paths::of_toml(value).map(with),
        // An empty array would give no flags, and the setting would get its default.
        Value::Array(items) if items.is_empty() => None,
        Value::Array(items) => {
            let flags: Option<Vec<Vec<OsString>>> = items.iter().map(|item| flags_of(arg, item)).collect();
            Some(flags?.concat())
        }
        Value::String(text) => Some(with(text.into())),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) => Some(with(value.to_string().into())),
        Value::Table(_) | Value::Datetime(_) => None,
    }
}

fn unknown(key: &str, known: &[&Arg]) -> String {
    let names = known.iter().map(|arg| arg.get_id().as_str());
    let nearest =
        names.map(|name| (strsim::jaro_winkler(key, name), name)).max_by(|a, b| a.0.total_cmp(&b.0));
    let hint = match nearest {
        Some((likeness, name)) if likeness > 0.7 => format!("; did you mean `{name}`?"),
        _ => "; --help lists the settings".to_owned(),
    };
    format!("there is no setting `{key}`{hint}")
}

/// Parses the settings in the text of a file, overridden by the command line. Does not use the
/// settings `skipped` of the file. Skips a setting of the file if the command line contains its
/// flag or a flag that conflicts with it. For example, `--epochs 3` overrides `steps = 100`.
fn parse_layers<C: Config>(
    path: &Path,
    text: &str,
    skipped: &[&str],
    arguments: &[OsString],
    given: Option<&ArgMatches>,
) -> Result<C, Error> {
    let (table, command) = (to_table(path, text)?, command::<C>());
    // This check comes first. Otherwise the error would be an unknown setting, which is misleading
    // if the file belongs to another model.
    if let Some(model) = table.get(MODEL).filter(|model| model.as_str() != Some(C::MODEL)) {
        let own = C::MODEL;
        let problem = format!("the settings of another model: {model} instead of \"{own}\"; use its trainer");
        return Err(Error::file(path, problem));
    }
    let known = |arg: &&Arg| arg.get_long().is_some() && !NOT_IN_FILES.contains(&arg.get_id().as_str());
    let known: Vec<&Arg> = command.get_arguments().filter(known).collect();
    let (program, flags) = arguments.split_at(1.min(arguments.len()));
    let mut layered = program.to_vec();
    let is_read = |key: &str| key != MODEL && !skipped.contains(&key);
    let on_command_line = |arg: &&&Arg| given.is_some_and(|given| is_given(given, arg.get_id().as_str()));
    let overriding: Vec<&Arg> = known.iter().filter(on_command_line).copied().collect();
    for (key, value) in table.iter().filter(|(key, _)| is_read(key)) {
        let arg = known.iter().find(|arg| arg.get_id() == key);
        let arg = arg.ok_or_else(|| Error::file(path, unknown(key, &known)))?;
        let from_file = flags_of(arg, value)
            .ok_or_else(|| Error::file(path, format!("{key} = {value} is not a value of {}", flag(key))))?;
        if !overriding.iter().any(|other| other == arg || conflict(&command, other, arg)) {
            layered.extend(from_file);
        }
    }
    layered.extend_from_slice(flags);
    // The command line alone was valid, so an error here comes from the file.
    let given = command.clone().try_get_matches_from(layered);
    given.and_then(|given| C::from_arg_matches(&given)).map_err(|error| Error::file(path, complaint(&error)))
}

/// Returns whether two flags conflict. clap knows a conflict only from the flag that declares it.
fn conflict(command: &Command, one: &Arg, other: &Arg) -> bool {
    let declares = |one, other| command.get_arg_conflicts_with(one).contains(&other);
    declares(one, other) || declares(other, one)
}

fn is_given(given: &ArgMatches, key: &str) -> bool {
    given.value_source(key) == Some(ValueSource::CommandLine)
}

/// Fails if the command line gives a setting that has no effect.
fn refuse_unused_flags<C: Config>(config: &C, given: &ArgMatches) -> Result<(), Error> {
    let unused = config.unused_flags().into_iter().find(|(key, _)| is_given(given, key));
    let Some((key, purpose)) = unused else { return Ok(()) };
    Err(Error::Other(format!("{} has no effect here: it is for {purpose}", flag(key))))
}
