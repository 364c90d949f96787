//! Checkpoints. A checkpoint is a safetensors file with everything that a run needs to continue as
//! if it had not stopped. The file has a seal, which is a SHA-256 of its content.
//!
//! Two checkpoints are kept, the newest and the previous one. A crash at any time leaves at least
//! one valid checkpoint. If the newest checkpoint does not match its seal, it is damaged, and the
//! previous one is used. This module does not interpret the tensors. Only the model does.

use std::io;
use std::path::{Path, PathBuf};

use adjoint_files::Partial;
use adjoint_nn::{NamedTensors, StateError, match_names};
use adjoint_tensor::Tensor;

use crate::container::{self, Metadata};
use crate::output::{Output, Training};
use crate::paths::shell_word;
use crate::{Error, run};

/// Name of the newest checkpoint.
pub(crate) const NEWEST: &str = "checkpoint.safetensors";
const PREVIOUS: &str = "previous.safetensors";
const FORMAT: &str = "adjoint-checkpoint";
const VERSION: &str = "1";

/// The content of a checkpoint.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Kind of model: "dcgan".
    pub model: String,
    /// Number of steps done.
    pub step: u64,
    /// The resolved configuration of the run, as TOML.
    pub config: String,
    /// Weights, optimiser moments and running statistics. Sorted by name when read from a file.
    pub tensors: NamedTensors,
}

/// A checkpoint that was loaded.
#[derive(Debug)]
pub struct Loaded {
    /// Its content.
    pub snapshot: Snapshot,
    /// The path of its file.
    pub path: PathBuf,
    /// If this is not the newest checkpoint, the reason, in one line for the user.
    pub warning: Option<String>,
}

/// The checkpoints of one run directory.
#[derive(Debug)]
pub struct Checkpoints {
    newest: PathBuf,
    previous: PathBuf,
    /// Whether the newest file is known to be valid. Only a valid file may replace the previous
    /// checkpoint.
    newest_is_valid: bool,
}

impl Checkpoints {
    /// Returns the checkpoints in a directory, without accessing the file system.
    pub fn in_directory(directory: &Path) -> Self {
        Self { newest: directory.join(NEWEST), previous: directory.join(PREVIOUS), newest_is_valid: false }
    }

    /// Writes a checkpoint durably. The newest checkpoint so far becomes the previous one.
    ///
    /// # Errors
    /// [`Error::Io`] if a file can't be written or renamed. If writing fails, the existing
    /// checkpoints are unchanged. If the last renaming fails, the former newest checkpoint remains
    /// as the previous one.
    pub fn save(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        let io = Error::io("write", &self.newest);
        let mut partial = Partial::create(&self.newest).map_err(io)?;
        partial.fill(|out| write(out, snapshot)).map_err(io)?;
        partial.sync().map_err(io)?;
        if self.newest_is_valid {
            self.newest_is_valid = false;
            adjoint_files::rename(&self.newest, &self.previous)
                .map_err(Error::io("write", &self.previous))?;
        }
        partial.keep().map_err(io)?;
        self.newest_is_valid = true;
        Ok(())
    }

    /// Reads the newest valid checkpoint. Returns `None` if the run has no checkpoint yet.
    ///
    /// # Errors
    /// If there are checkpoints but none can be read, or if a checkpoint has another format
    /// version.
    pub fn load(&mut self) -> Result<Option<Loaded>, Error> {
        let newest = read(&self.newest);
        self.newest_is_valid = newest.is_ok();
        let problem = match newest {
            Ok(snapshot) => return Ok(Some(Loaded { snapshot, path: self.newest.clone(), warning: None })),
            Err(error) if is_missing(&error) && !self.previous.exists() => return Ok(None),
            Err(error) if is_missing(&error) || matches!(error, Error::File { .. }) => error,
            Err(error) => return Err(error),
        };
        let snapshot = read(&self.previous).map_err(|error| {
            let earlier = if is_missing(&error) {
                "there is no previous checkpoint".to_owned()
            } else {
                format!("the previous checkpoint can't be read, either ({error})")
            };
            let config = run::config_of(self.newest.parent().unwrap_or(Path::new("")));
            let advice = format!("start a new run with --config {}", shell_word(&config));
            Error::Other(format!("{problem}; {earlier}; {advice}"))
        })?;
        let warning = Some(format!("{problem}; going back to {}", self.previous.display()));
        Ok(Some(Loaded { snapshot, path: self.previous.clone(), warning }))
    }
}

impl Output for Checkpoints {
    fn files(&self, _training: &Training) -> Vec<PathBuf> {
        vec![self.newest.clone()]
    }

    fn save(&mut self, training: &mut Training) -> Result<(), Error> {
        let (model, config) = (training.model.to_owned(), training.config.clone());
        let (step, tensors) = (training.done, training.trainer.state());
        self.save(&Snapshot { model, step, config, tensors })?;
        training.saved = Some(step);
        Ok(())
    }
}

fn is_missing(error: &Error) -> bool {
    matches!(error, Error::Io { cause, .. } if cause.kind() == io::ErrorKind::NotFound)
}

fn write(out: &mut dyn io::Write, snapshot: &Snapshot) -> io::Result<()> {
    let Snapshot { model, step, config, tensors } = snapshot;
    let step = step.to_string();
    let pairs =
        [("format", FORMAT), ("version", VERSION), ("model", model), ("step", &step), ("config", config)];
    let metadata: Metadata = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    container::write(out, metadata, tensors, true)
}

fn read(path: &Path) -> Result<Snapshot, Error> {
    let mut container = container::read(path)?;
    let mut field = |key: &str| container.metadata.remove(key).unwrap_or_default();
    let unreadable = |problem| Error::file(path, problem);
    if field("format") != FORMAT {
        return Err(unreadable("a safetensors file, but not a checkpoint of Adjoint"));
    }
    if !container.sealed {
        return Err(unreadable("damaged: its content does not match its SHA-256"));
    }
    let version = field("version");
    if version != VERSION {
        // An `Error::File` would make the caller use the previous checkpoint.
        let problem = format!("a checkpoint of format version {version}");
        let advice = format!("this program reads version {VERSION}");
        return Err(Error::Other(format!("{}: {problem}; {advice}", path.display())));
    }
    let step = field("step").parse().map_err(|_| unreadable("its step is not a number"))?;
    Ok(Snapshot { model: field("model"), step, config: field("config"), tensors: container.tensors })
}

/// Joins the tensors of several parts into one state. The name of a tensor is prefixed with the
/// name of its part and a dot.
pub fn join_parts<'a>(parts: impl IntoIterator<Item = (&'a str, NamedTensors)>) -> NamedTensors {
    let named = |(part, tensors): (&str, NamedTensors)| {
        let full = |(name, tensor)| (format!("{part}.{name}"), tensor);
        tensors.into_iter().map(full).collect::<NamedTensors>()
    };
    parts.into_iter().flat_map(named).collect()
}

/// Returns the tensors of one part of a state that [`join_parts`] made, without the prefix in their
/// names.
pub fn take_part(state: &[(String, Tensor<f32>)], part: &str) -> NamedTensors {
    let own = |(name, tensor): &(String, Tensor<f32>)| {
        let name = name.strip_prefix(part)?.strip_prefix('.')?;
        Some((name.to_owned(), tensor.clone()))
    };
    state.iter().filter_map(own).collect()
}

/// Checks that tensors from the file `path` have the names and shapes of `expected`, and returns
/// them in the order of `expected`. `in_file` gives the differences the names and shapes of the
/// file.
///
/// # Errors
/// [`Error::File`], which names tensors that are missing, unexpected or of another shape.
pub(crate) fn fit(
    path: &Path,
    found: &[(String, Tensor<f32>)],
    expected: &[(String, Tensor<f32>)],
    in_file: impl FnOnce(&mut StateError),
) -> Result<NamedTensors, Error> {
    let values = match_names(expected, found).map_err(|mut error| {
        in_file(&mut error);
        Error::file(path, format!("does not fit this model: {error}"))
    })?;
    Ok(expected.iter().zip(values).map(|((name, _), value)| (name.clone(), value.clone())).collect())
}
