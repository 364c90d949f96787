//! Weights for the outside world: a safetensors file that `load_state_dict` of PyTorch takes as it
//! is.
//!
//! The one place where layouts are converted. Inside the engine a convolution's weight is HWIO, of
//! a transposed convolution too, because that is the adjoint of a convolution with the very same
//! weight; PyTorch wants (out, in, kh, kw) of the one and (in, out, kh, kw) of the other, which is
//! the same permutation of HWIO for both.

use std::path::{Path, PathBuf};

use adjoint_nn::NamedTensors;
use adjoint_tensor::{Shape, Tensor};

use crate::checkpoint::fit;
use crate::container::{self, Metadata};
use crate::output::{Described, Output, Training};
use crate::{Error, disk};

/// An engine tensor in PyTorch's layout: (kh, kw, in, out) becomes (out, in, kh, kw), everything
/// else stays.
pub fn to_pytorch(tensor: &Tensor<f32>) -> Tensor<f32> {
    if tensor.dims().len() == 4 { tensor.permute([3, 2, 0, 1]) } else { tensor.clone() }
}

/// A PyTorch tensor in the engine's layout, the inverse of [`to_pytorch`].
pub fn from_pytorch(tensor: &Tensor<f32>) -> Tensor<f32> {
    if tensor.dims().len() == 4 { tensor.permute([2, 3, 1, 0]) } else { tensor.clone() }
}

/// End of the names under which PyTorch keeps how many batches a batch norm has seen. Nothing here
/// needs that.
const COUNT: &str = "num_batches_tracked";

/// Key in a file's metadata that says after which step of training its weights were.
const STEP: &str = "step";

/// Writes weights under their (PyTorch-style) names. The bytes of the file depend on the weights,
/// and the step of training if they are those after one, alone.
///
/// # Errors
/// [`Error::Io`] if the file can't be written; an older one is then untouched.
pub fn export(path: &Path, step: Option<u64>, weights: &[(String, Tensor<f32>)]) -> Result<(), Error> {
    let tensors: NamedTensors = weights.iter().map(|(name, w)| (name.clone(), to_pytorch(w))).collect();
    // The key and value that the PyTorch side of safetensors looks for.
    let format = ("format".to_owned(), "pt".to_owned());
    let step = step.map(|step| (STEP.to_owned(), step.to_string()));
    let metadata: Metadata = [format].into_iter().chain(step).collect();
    disk::write_file(path, |out| container::write(out, &metadata, &tensors))
}

/// The networks of a run, for other programs.
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

    /// Writes the weights again: the process before may have ended between checkpoint and weights.
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

/// Weights from a file.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The weights, in engine layout.
    pub weights: NamedTensors,
    /// The step of training that they were after. None if the file doesn't say so.
    pub step: Option<u64>,
}

/// Reads weights with the names, order and engine-layout shapes of `expected`. They may be of
/// another type, such as F16 or F64, and metadata of any kind may stand beside them;
/// `num_batches_tracked` of PyTorch's batch norm is ignored.
///
/// # Errors
/// If the file can't be read, or isn't of this model; the message names what differs, with shapes
/// as they are in the file. If weights are not finite numbers.
pub fn import(path: &Path, expected: &[(String, Tensor<f32>)]) -> Result<Imported, Error> {
    let mut found = container::read(path)?;
    found.tensors.retain(|(name, _)| !name.ends_with(COUNT) || expected.iter().any(|(own, _)| own == name));
    found.tensors.iter_mut().for_each(|(_, weight)| *weight = from_pytorch(weight));
    let weights = fit(path, &found.tensors, expected, shape_in_file)?;
    refuse_infinities(path, &weights)?;
    let step = found.metadata.get(STEP).and_then(|step| step.parse().ok());
    Ok(Imported { weights, step })
}

/// The shape that an engine tensor has in a file.
fn shape_in_file(shape: Shape) -> Shape {
    match *shape.dims() {
        [kh, kw, input, out] => Shape::new(&[out, input, kh, kw]),
        _ => shape,
    }
}

/// Nothing can be made with weights that are not all numbers.
fn refuse_infinities(path: &Path, weights: &[(String, Tensor<f32>)]) -> Result<(), Error> {
    let Some((name, _)) = weights.iter().find(|(_, weight)| !weight.is_finite()) else { return Ok(()) };
    let advice = "take another run, or resume this one to write them anew";
    Err(Error::unreadable(path, format!("`{name}` has weights that are not finite numbers; {advice}")))
}
