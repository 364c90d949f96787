//! The commands `decode` and `encode`, which map arrays of other programs through the networks.
//! Their results can be compared with those of other programs, so they are plain sums.

use std::path::{Path, PathBuf};

use adjoint_data::npy::Dtype;
use adjoint_data::{Options, decode_file};
use adjoint_nn::{Tensor, with_plain_sums};
use adjoint_recipes::game::Condition;
use adjoint_recipes::{Model, data, labels, pictures};
use adjoint_runs::{BoxError, Error, write_file};

use crate::arrays;
use crate::cli::Save;

/// Ending of pictures.
const PNG: &str = "png";
/// Ending of arrays.
const NPY: &str = "npy";

/// What conditional models get.
#[derive(clap::Args, Debug)]
pub(crate) struct Given {
    /// Conditions as a .npy array: classes (N), weights of classes (N, classes), or images
    /// (N, C, H, W) in [0, 1] [default: class i mod the number of classes, or those of the first
    /// test images]
    #[arg(long, value_name = "FILE")]
    conditions: Option<PathBuf>,
}

/// Samples of given latent vectors.
#[derive(clap::Args, Debug)]
pub(crate) struct Decode {
    /// Latent vectors: a .npy array (N, latent)
    #[arg(long, value_name = "FILE")]
    latents: PathBuf,

    #[command(flatten)]
    given: Given,
}

/// Latent vectors of given images.
#[derive(clap::Args, Debug)]
pub(crate) struct Encode {
    /// Image files, or .npy arrays of images (N, C, H, W) in [0, 1]
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<PathBuf>,

    #[command(flatten)]
    given: Given,
}

impl Save for Decode {
    fn default_name(&self) -> String {
        "decode.npy".to_owned()
    }

    /// Writes the samples: an array, or a picture if the name of the file ends in .png. A picture
    /// of several samples is a grid.
    fn save(&self, model: &mut Model, out: &Path) -> Result<String, BoxError> {
        let to_picture = is_picture(out)?;
        let z = arrays::read(&self.latents)?;
        let latent = model.latent;
        if z.dims().len() != 2 || z.dims()[1] != latent || z.len() == 0 {
            let problem = format!("an array {}, but the model takes (N, {latent})", z.shape());
            return Err(Error::file(&self.latents, problem).into());
        }
        let n = z.dims()[0];
        let size = model.data.image_size;
        let values = if model.points.is_some() { 2 } else { size * size * data::channels(&model.data)? };
        let most = arrays::MOST_VALUES / values;
        if n > most {
            let problem = format!("{n} rows, but at most {most} samples fit into memory; split the array");
            return Err(Error::file(&self.latents, problem).into());
        }
        let conditions = self.given.of(model, n)?;
        if to_picture {
            model.needs_images()?;
            model.fits(n)?;
        }
        let x = with_plain_sums(|| model.decode(&z, conditions.as_ref()))?;
        if to_picture {
            let draw = if n == 1 { pictures::alone } else { pictures::square };
            draw(&x, model.range).write_png(out)?;
            return Ok(format!("{}: {n} samples", out.display()));
        }
        let x = if x.dims().len() == 4 { model.unit(&x).permute([0, 3, 1, 2]) } else { x };
        write_array(out, &x, "samples")
    }
}

impl Save for Encode {
    fn default_name(&self) -> String {
        "encode.npy".to_owned()
    }

    /// Writes the means of the latent variables, an array (N, latent).
    fn save(&self, model: &mut Model, out: &Path) -> Result<String, BoxError> {
        if is_picture(out)? {
            return Err(Error::file(out, "latent vectors are no picture; name a .npy file").into());
        }
        if !model.networks.encodes() {
            return Err(model.refusal("has no encoder", "a run of train-vae"));
        }
        let parts = self.images.iter().map(|path| images(model, path));
        let parts = parts.collect::<Result<Vec<_>, _>>()?;
        let x = Tensor::concat(&parts.iter().collect::<Vec<_>>(), 0);
        let conditions = self.given.of(model, x.dims()[0])?;
        let z = with_plain_sums(|| model.encode(&x, conditions.as_ref()))?;
        write_array(out, &z, "latent vectors")
    }
}

impl Given {
    /// Returns the conditions of `n` rows, if the model is conditional.
    fn of(&self, model: &Model, n: usize) -> Result<Option<Tensor<f32>>, BoxError> {
        let Some(path) = &self.conditions else { return model.conditions(0..n) };
        let wrong = |expected: String, y: &Tensor<f32>| -> BoxError {
            Error::file(path, format!("an array {}, but {n} rows need {expected}", y.shape())).into()
        };
        match model.condition {
            None => Err(model.refusal("has no condition", "the command without --conditions")),
            Some(Condition::Class) => {
                let (classes, y) = (model.classes()?, arrays::read(path)?);
                match *y.dims() {
                    [rows] if rows == n => Ok(Some(one_hot(path, &y, classes)?)),
                    [rows, columns] if (rows, columns) == (n, classes) => Ok(Some(y)),
                    _ => Err(wrong(format!("classes ({n}) or weights ({n}, {classes})"), &y)),
                }
            }
            Some(_) => {
                let y = images(model, path)?;
                if y.dims()[0] == n { Ok(Some(y)) } else { Err(wrong(format!("{n} images"), &y)) }
            }
        }
    }
}

/// Returns the rows of classes that are given by their numbers.
fn one_hot(path: &Path, y: &Tensor<f32>, classes: usize) -> Result<Tensor<f32>, BoxError> {
    let is_class = |&y: &f32| y >= 0.0 && y < classes as f32 && y.fract() == 0.0;
    if let Some(other) = y.data().iter().find(|y| !is_class(y)) {
        let problem = format!("{other} is no class; there are classes 0 to {}", classes - 1);
        return Err(Error::file(path, problem).into());
    }
    Ok(labels::one_hot(&y.data().iter().map(|&y| y as usize).collect::<Vec<_>>(), classes))
}

/// Reads images as inputs of a model, (N, H, W, C).
fn images(model: &Model, path: &Path) -> Result<Tensor<f32>, BoxError> {
    model.needs_images()?;
    let (size, channels) = (model.data.image_size, data::channels(&model.data)?);
    let range = model.range;
    if !ends_in(path, NPY) {
        let options = Options {
            image_size: size,
            fit: model.data.fit,
            background: model.data.background.0,
            ..Options::default()
        };
        let pixels = decode_file(path, &options, channels)?;
        return Ok(range.tensor([1, size, size, channels], &pixels));
    }
    let x = arrays::read(path)?;
    if x.dims().len() != 4 || x.dims()[1..] != [channels, size, size] || x.len() == 0 {
        let problem = format!("an array {}, but the model takes (N, {channels}, {size}, {size})", x.shape());
        return Err(Error::file(path, problem).into());
    }
    if let Some(value) = x.data().iter().find(|value| !(0.0..=1.0).contains(*value)) {
        return Err(
            Error::file(path, format!("a pixel is {value}; divide so that pixels are from 0 to 1")).into()
        );
    }
    Ok(x.permute([0, 2, 3, 1]).map(move |value| range.of_unit(value)))
}

/// Does the name of an output ask for a picture instead of an array?
///
/// # Errors
/// If it asks for another format.
fn is_picture(out: &Path) -> Result<bool, Error> {
    match out.extension() {
        Some(end) if end.eq_ignore_ascii_case(PNG) => Ok(true),
        Some(end) if !end.eq_ignore_ascii_case(NPY) => {
            Err(Error::file(out, "neither an array nor a picture; name a .npy or a .png file"))
        }
        _ => Ok(false),
    }
}

fn ends_in(path: &Path, end: &str) -> bool {
    path.extension().is_some_and(|own| own.eq_ignore_ascii_case(end))
}

fn write_array(out: &Path, x: &Tensor<f32>, what: &str) -> Result<String, BoxError> {
    write_file(out, |to| arrays::write(to, Dtype::F32, x.dims(), [Ok(x.to_le_bytes())]))?;
    Ok(format!("{}: {} {what}, float32 {}", out.display(), x.dims()[0], x.shape()))
}
