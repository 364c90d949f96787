//! Exports weights for other programs, as a safetensors file that PyTorch's `load_state_dict`
//! accepts.
//!
//! The layouts of kernels are converted only in this module. In the engine, the weight of a
//! convolution has the axes (kh, kw, in, out). A transposed convolution is the adjoint of a
//! convolution with the same weight. So `in` is the axis of its output channels, and `out` is the
//! axis of its input channels. PyTorch stores the output channels of a convolution first, and the
//! input channels of a transposed convolution first. In both cases, the axes of the engine are in
//! the order (out, in, kh, kw).

use std::path::{Path, PathBuf};

use adjoint_nn::{NamedTensors, StateError};
use adjoint_tensor::{Shape, Tensor};

use crate::checkpoint::fit;
use crate::container::{self, Container, Metadata};
use crate::output::{Described, Output, Training};
use crate::{Error, disk};

/// Converts an engine tensor to PyTorch's layout. The shape (kh, kw, in, out) becomes (out, in, kh,
/// kw). Tensors without four axes are unchanged.
pub fn to_pytorch(tensor: &Tensor<f32>) -> Tensor<f32> {
    if tensor.dims().len() == 4 { tensor.permute([3, 2, 0, 1]) } else { tensor.clone() }
}

/// Converts a PyTorch tensor to the engine's layout. This is the inverse of [`to_pytorch`].
pub fn from_pytorch(tensor: &Tensor<f32>) -> Tensor<f32> {
    if tensor.dims().len() == 4 { tensor.permute([2, 3, 1, 0]) } else { tensor.clone() }
}

/// Suffix of the names of PyTorch's batch counters. Each batch norm layer of PyTorch has a batch
/// counter. Adjoint does not use it.
pub const COUNT: &str = "num_batches_tracked";

/// Suffix of the names of the running variances of batch norm.
const VARIANCE: &str = "running_var";

/// Metadata key of the training step after which the weights were saved.
const STEP: &str = "step";

/// Writes weights under their PyTorch-style names. `step` is the training step after which the
/// weights were saved, if any. The bytes of the file depend only on the weights and `step`.
///
/// # Errors
/// [`Error::Io`] if the file can't be written. An existing file is then unchanged.
pub fn export(path: &Path, step: Option<u64>, weights: &[(String, Tensor<f32>)]) -> Result<(), Error> {
    let tensors: NamedTensors = weights.iter().map(|(name, w)| (name.clone(), to_pytorch(w))).collect();
    // The key and value that the PyTorch part of safetensors requires.
    let format = ("format".to_owned(), "pt".to_owned());
    let step = step.map(|step| (STEP.to_owned(), step.to_string()));
    let metadata: Metadata = [format].into_iter().chain(step).collect();
    disk::write_file(path, |out| container::write(out, metadata, &tensors, false))
}

/// The output that exports the networks of a run for other programs.
#[derive(Debug)]
pub(crate) struct Weights;

impl Weights {
    fn write(training: &Training) -> Result<(), Error> {
        for (name, network) in training.trainer.networks() {
            export(&training.run.weights(name), Some(training.done), &network)?;
        }
        Ok(())
    }
}

impl Output for Weights {
    fn files(&self, training: &Training) -> Vec<PathBuf> {
        training.trainer.networks().iter().map(|(name, _)| training.run.weights(name)).collect()
    }

    /// Writes the weights again, because an earlier process may have ended between the checkpoint
    /// and the weights.
    fn start(&mut self, training: &Training) -> Result<(), Error> {
        if training.saved.is_some() { Self::write(training) } else { Ok(()) }
    }

    fn save(&mut self, training: &mut Training) -> Result<(), Error> {
        Self::write(training)
    }

    fn finish(&mut self, training: &Training) -> Result<Vec<Described>, Error> {
        let describe = |(name, _): &(&str, _)| {
            let what = match name.strip_suffix("_ema") {
                Some(name) => format!("moving average of the weights of the {name}"),
                None => format!("weights of the {name}"),
            };
            (training.run.weights(name), what)
        };
        Ok(training.trainer.networks().iter().map(describe).collect())
    }
}

/// Weights that were read from a file.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The weights, in engine layout.
    pub weights: NamedTensors,
    /// The training step after which the weights were saved. `None` if the file does not contain
    /// it.
    pub step: Option<u64>,
}

/// Reads weights, and returns them with the names, order and engine-layout shapes of `expected`.
/// The file may contain other number types, such as F16 or F64, and any metadata.
/// `num_batches_tracked` of PyTorch's batch norm is ignored, unless `expected` contains it.
///
/// # Errors
/// If the file can't be read, does not match `expected`, or has weights that are not finite. The
/// message names the differences, with shapes as in the file.
pub fn import(path: &Path, expected: &[(String, Tensor<f32>)]) -> Result<Imported, Error> {
    let mut found = container::read(path)?;
    found.tensors.retain(|(name, _)| !name.ends_with(COUNT) || expected.iter().any(|(own, _)| own == name));
    found.tensors.iter_mut().for_each(|(_, weight)| *weight = from_pytorch(weight));
    let weights = fit(path, &found.tensors, expected, shapes_in_file)?;
    let advice = "use another run, or resume this run to write its weights again";
    refuse_not_finite(path, &weights, advice)?;
    let step = found.metadata.get(STEP).and_then(|step| step.parse().ok());
    Ok(Imported { weights, step })
}

/// Reads the weights of any network, in engine layout. Batch counters are left out.
///
/// # Errors
/// If the file can't be read, or has weights that are integers, not finite, or negative variances.
pub fn read(path: &Path) -> Result<NamedTensors, Error> {
    let Container { mut tensors, integers, .. } = container::read(path)?;
    tensors.retain(|(name, _)| !name.ends_with(COUNT));
    let wrong = |name: &str, problem: &str| Err(Error::file(path, format!("`{name}` {problem}")));
    if let Some(name) = integers.iter().find(|name| !name.ends_with(COUNT)) {
        return wrong(name, "has integers, but weights are floating-point numbers; write it as F32");
    }
    tensors.iter_mut().for_each(|(_, weight)| *weight = from_pytorch(weight));
    refuse_not_finite(path, &tensors, "train the network again")?;
    let is_negative = |(name, weight): &&(String, Tensor<f32>)| {
        name.ends_with(VARIANCE) && weight.data().iter().any(|&value| value < 0.0)
    };
    if let Some((name, _)) = tensors.iter().find(is_negative) {
        return wrong(name, "has negative variances; export the network again");
    }
    Ok(tensors)
}

/// Returns the weights `found`, which are from the file `path`, in the order of `expected`.
/// `name_in_file` returns the name in the file of a weight of `expected`.
///
/// # Errors
/// If names or shapes differ. The message names the differences, as they are in the file.
pub fn matched(
    path: &Path,
    found: &[(String, Tensor<f32>)],
    expected: &[(String, Tensor<f32>)],
    name_in_file: impl Fn(&str) -> String,
) -> Result<NamedTensors, Error> {
    fit(path, found, expected, |error| {
        shapes_in_file(error);
        let reshaped = error.reshaped.iter_mut().map(|(name, ..)| name);
        let names = error.missing.iter_mut().chain(&mut error.unexpected).chain(reshaped);
        names.for_each(|name| *name = name_in_file(name));
    })
}

/// Rejects weights that are not finite.
fn refuse_not_finite(path: &Path, weights: &[(String, Tensor<f32>)], advice: &str) -> Result<(), Error> {
    let Some((name, _)) = weights.iter().find(|(_, weight)| !weight.is_finite()) else { return Ok(()) };
    Err(Error::file(path, format!("`{name}` has weights that are not finite numbers; {advice}")))
}

/// Gives differences the shapes of the file.
fn shapes_in_file(error: &mut StateError) {
    let in_file = |shape: &mut Shape| {
        if let [kh, kw, input, out] = *shape.dims() {
            *shape = Shape::new(&[out, input, kh, kw]);
        }
    };
    error.reshaped.iter_mut().for_each(|(_, expected, found)| {
        in_file(expected);
        in_file(found);
    });
}
