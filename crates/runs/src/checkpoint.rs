//! Checkpoints: everything a run needs to continue as if it had never stopped, in one sealed
//! safetensors file.
//!
//! Two are kept, the newest and the one before. A crash at any moment leaves at least one whole; a
//! damaged newest one is noticed by its seal and the previous one serves. What the tensors mean is
//! the model's business.

use std::io;
use std::path::{Path, PathBuf};

use adjoint_files::Partial;
use adjoint_nn::{NamedTensors, match_names};
use adjoint_tensor::{Shape, Tensor};

use crate::container::{self, Metadata};
use crate::output::{Output, Training};
use crate::paths::shell_word;
use crate::{Error, run};

const NEWEST: &str = "checkpoint.safetensors";
const PREVIOUS: &str = "previous.safetensors";
const FORMAT: &str = "adjoint-checkpoint";
const VERSION: &str = "1";

/// What one checkpoint holds.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Kind of model: "dcgan".
    pub model: String,
    /// Steps done.
    pub step: u64,
    /// The resolved configuration of the run, as TOML.
    pub config: String,
    /// Weights, optimiser moments, running statistics. Sorted by name when read from a file.
    pub tensors: NamedTensors,
}

/// A checkpoint that was found.
#[derive(Debug)]
pub struct Loaded {
    /// Its content.
    pub snapshot: Snapshot,
    /// Its file.
    pub path: PathBuf,
    /// Why this is not the newest one, if it isn't: one line for the user.
    pub warning: Option<String>,
}

/// The checkpoints of one run directory.
#[derive(Debug)]
pub struct Checkpoints {
    newest: PathBuf,
    previous: PathBuf,
    /// Whether the newest file is known to be whole. Only then may it take the place of the
    /// previous one.
    newest_is_whole: bool,
}

impl Checkpoints {
    /// The checkpoints in a directory; touches nothing yet.
    pub fn in_directory(directory: &Path) -> Self {
        Self { newest: directory.join(NEWEST), previous: directory.join(PREVIOUS), newest_is_whole: false }
    }

    /// The file that [`save`](Self::save) writes.
    pub fn path(&self) -> &Path {
        &self.newest
    }

    /// Writes a checkpoint, durably; the newest so far becomes the previous one.
    ///
    /// # Errors
    /// [`Error::Io`]. While the new one is being written the checkpoints are those of before;
    /// should putting it into its place fail, the newest of before is left as the previous one.
    pub fn save(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        let written = Partial::create(&self.newest).and_then(|mut partial| {
            partial.fill(|out| write(out, snapshot))?;
            partial.sync().map(|()| partial)
        });
        let partial = written.map_err(Error::io("write", &self.newest))?;
        if self.newest_is_whole {
            self.newest_is_whole = false;
            adjoint_files::rename(&self.newest, &self.previous)
                .map_err(Error::io("write", &self.previous))?;
        }
        partial.keep().map_err(Error::io("write", &self.newest))?;
        self.newest_is_whole = true;
        Ok(())
    }

    /// Reads the newest whole checkpoint; `None` if the run has none yet.
    ///
    /// # Errors
    /// If there are checkpoints, but none that can be read; or one of another format version.
    pub fn load(&mut self) -> Result<Option<Loaded>, Error> {
        self.newest_is_whole = false;
        let problem = match read(&self.newest) {
            Ok(snapshot) => {
                self.newest_is_whole = true;
                return Ok(Some(Loaded { snapshot, path: self.newest.clone(), warning: None }));
            }
            Err(error @ Error::Unreadable { .. }) => error,
            Err(error) if is_missing(&error) && !self.previous.exists() => return Ok(None),
            Err(error) if is_missing(&error) => error,
            Err(error) => return Err(error),
        };
        match read(&self.previous) {
            Ok(snapshot) => {
                let warning = Some(format!("{problem}; going back to {}", self.previous.display()));
                Ok(Some(Loaded { snapshot, path: self.previous.clone(), warning }))
            }
            Err(error) => {
                let earlier = if is_missing(&error) {
                    "there is none before it".to_owned()
                } else {
                    format!("the one before it is no better ({error})")
                };
                let config = run::config_of(self.newest.parent().unwrap_or(Path::new("")));
                let advice = format!("start a new run with --config {}", shell_word(&config));
                Err(Error::Other(format!("{problem}; {earlier}; {advice}")))
            }
        }
    }
}

impl Output for Checkpoints {
    fn files(&self, _training: &Training) -> Vec<PathBuf> {
        vec![self.newest.clone()]
    }

    fn save(&mut self, training: &mut Training) -> Result<(), Error> {
        let (model, config) = (training.plan.model.to_owned(), training.plan.config.clone());
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
    container::write_sealed(out, &metadata, tensors)
}

fn read(path: &Path) -> Result<Snapshot, Error> {
    let mut container = container::read(path)?;
    let mut field = |key: &str| container.metadata.remove(key).unwrap_or_default();
    let unreadable = |problem| Error::unreadable(path, problem);
    if field("format") != FORMAT {
        return Err(unreadable("a safetensors file, but not a checkpoint of Adjoint"));
    }
    if !container.sealed {
        return Err(unreadable("damaged: its content is not what its SHA-256 was computed of"));
    }
    let version = field("version");
    if version != VERSION {
        let problem =
            format!("a checkpoint of format version {version}; this program reads version {VERSION}");
        return Err(Error::mismatch(path, problem));
    }
    let step = field("step").parse().map_err(|_| unreadable("its step is not a number"))?;
    Ok(Snapshot { model: field("model"), step, config: field("config"), tensors: container.tensors })
}

/// One state of several: the tensors of each part, their names after its own and a dot.
pub fn join_parts<'a>(parts: impl IntoIterator<Item = (&'a str, NamedTensors)>) -> NamedTensors {
    let named = |(part, tensors): (&str, NamedTensors)| {
        let full = |(name, tensor)| (format!("{part}.{name}"), tensor);
        tensors.into_iter().map(full).collect::<NamedTensors>()
    };
    parts.into_iter().flat_map(named).collect()
}

/// One part of what [`join_parts`] joined, under its own names.
pub fn take_part(state: &[(String, Tensor<f32>)], part: &str) -> NamedTensors {
    let own = |(name, tensor): &(String, Tensor<f32>)| {
        let name = name.strip_prefix(part)?.strip_prefix('.')?;
        Some((name.to_owned(), tensor.clone()))
    };
    state.iter().filter_map(own).collect()
}

/// Puts tensors from the file `path` into the names, order and shapes of `expected`. Where these
/// shapes are not those in the file, `in_file` makes them so, for the message.
///
/// # Errors
/// [`Error::Mismatch`] naming what is missing, unexpected, or of another shape.
pub(crate) fn fit(
    path: &Path,
    found: &[(String, Tensor<f32>)],
    expected: &[(String, Tensor<f32>)],
    in_file: fn(Shape) -> Shape,
) -> Result<NamedTensors, Error> {
    let values = match_names(expected, found).map_err(|mut error| {
        for (_, expected, found) in &mut error.reshaped {
            (*expected, *found) = (in_file(*expected), in_file(*found));
        }
        Error::mismatch(path, format!("does not fit this model: {error}"))
    })?;
    Ok(expected.iter().zip(values).map(|((name, _), value)| (name.clone(), value.clone())).collect())
}
