//! The trained model of a run of any trainer, to sample from, encode with or measure.
//!
//! [`Model`] has the same interface for all recipes, so programs such as `sample` and `evaluate`
//! work with every run.

pub(crate) mod exported;
pub(crate) mod imported;
mod networks;
mod open;

use crate::data::DataArgs;
use crate::game::Condition;
use crate::game::filters::FiltersAndCosts;
use crate::game::flags::Distribution;
pub use crate::model::exported::Exported;
pub use crate::model::imported::Import;
pub use crate::model::networks::Networks;
pub use crate::model::open::Open;
pub(crate) use crate::model::open::load;
use crate::{Conditions, Recipe, data, labels, limits};
use adjoint_data::points::Points;
use adjoint_data::{DataError, Dataset, PixelRange, Split};
use adjoint_nn::{Stream, Tensor};
use adjoint_runs::{BoxError, Error, Grid};
use adjoint_variational::BoundSummary;
use std::cell::OnceCell;
use std::ops::Range;
use std::path::PathBuf;

/// Number of samples that are computed at once. If images are large, fewer samples are computed at
/// once.
const BATCH: usize = 64;
/// Maximum number of values in a picture, and in a batch of latent vectors.
const MOST_NUMBERS: usize = 1 << 27;

/// A trained model of any recipe.
pub struct Model {
    /// The kind of model, such as "dcgan".
    pub kind: &'static str,
    /// Directory of its run.
    pub run: PathBuf,
    /// The settings of its data.
    pub data: DataArgs,
    /// Number of latent variables.
    pub latent: usize,
    /// Distribution of the latent variables.
    pub noise: Distribution,
    /// Its condition, if the model is conditional.
    pub condition: Option<Condition>,
    /// The distribution of its data, if samples are points instead of images.
    pub points: Option<Points>,
    /// Is it a plain autoencoder, which has no distribution of z?
    pub autoencoder: bool,
    /// The range of its pixels.
    pub range: PixelRange,
    /// Seed of all random numbers.
    pub seed: u64,
    /// The training split and the test split of its dataset. Each is loaded on the first use.
    sets: [OnceCell<Dataset>; 2],
    /// Its networks.
    pub networks: Box<dyn Networks>,
}

impl Model {
    /// Draws latent vectors, (rows, latent). They are a function of the seed and the purpose.
    ///
    /// # Errors
    /// If there are too many for memory.
    pub fn draw(&self, purpose: &str, rows: usize) -> Result<Tensor<f32>, BoxError> {
        if rows.saturating_mul(self.latent) > MOST_NUMBERS {
            let latent = self.latent;
            let problem = format!("{rows} samples of {latent} latent variables are too many");
            return Err(format!("{problem}; request fewer").into());
        }
        Ok(self.noise.draw(self.seed, purpose, 0, [rows, self.latent]))
    }

    /// Rejects pictures that are too large.
    ///
    /// # Errors
    /// If a picture of this number of images has too many pixels.
    pub fn fits(&self, tiles: usize) -> Result<(), BoxError> {
        let size = self.data.image_size;
        let side = size * Grid::square(tiles, size).scale;
        if tiles.saturating_mul(side * side) > MOST_NUMBERS {
            let problem = format!("{tiles} images of {size} pixels are too many for a picture");
            return Err(format!("{problem}; request fewer").into());
        }
        Ok(())
    }

    /// Computes samples from latent vectors and conditions.
    ///
    /// # Errors
    /// If samples are not finite.
    ///
    /// # Panics
    /// If shapes do not fit the networks.
    #[track_caller]
    pub fn decode(&mut self, z: &Tensor<f32>, condition: Conditions) -> Result<Tensor<f32>, BoxError> {
        self.in_batches("samples", z, condition, |networks, z, condition| networks.decode(z, condition))
    }

    /// Computes latent vectors of images: the means of the encoder.
    ///
    /// # Errors
    /// If there is no encoder, or latent vectors are not finite.
    pub fn encode(&mut self, x: &Tensor<f32>, condition: Conditions) -> Result<Tensor<f32>, BoxError> {
        if !self.networks.encodes() {
            return Err(self.refusal("has no encoder", "a run of train-vae"));
        }
        let what = "latent vectors";
        self.in_batches(what, x, condition, |networks, x, condition| networks.encode(x, condition))
    }

    /// Loads the discriminator of the run, which shows what its filters respond to. Also returns
    /// the costs of its layers.
    ///
    /// # Errors
    /// If the filters of this kind of model can't be shown, or the discriminator's weights are
    /// missing or don't fit its settings.
    pub fn filters(&self) -> Result<FiltersAndCosts, BoxError> {
        let recipe = Recipe::of(self.kind).expect("a model has a recipe");
        (recipe.filters)(&self.run)?
            .ok_or_else(|| self.refusal("is not supported here", "a run of train-dcgan"))
    }

    /// Applies `make` to `rows` in batches of equal size, and joins the results. The last batch is
    /// padded to this size. Kernels choose algorithms by the batch size. So with equal sizes, the
    /// last bits of a result do not depend on the number of rows.
    ///
    /// If a result is not finite, the error names `what` the results are.
    fn in_batches(
        &mut self,
        what: &str,
        rows: &Tensor<f32>,
        condition: Conditions,
        mut make: impl FnMut(&mut dyn Networks, &Tensor<f32>, Conditions) -> Tensor<f32>,
    ) -> Result<Tensor<f32>, BoxError> {
        let n = rows.dims()[0];
        let size = limits::chunk(BATCH, self.data.image_size * self.data.image_size * 3);
        let parts = limits::parts(0..n, size).map(|part| {
            let count = part.len();
            let batch = |x: &Tensor<f32>| x.narrow(0, part.start, count).pad(0, 0, size - count);
            let condition = condition.map(batch);
            make(&mut *self.networks, &batch(rows), condition.as_ref()).narrow(0, 0, count)
        });
        let parts: Vec<Tensor<f32>> = parts.collect();
        let made = Tensor::concat(&parts.iter().collect::<Vec<_>>(), 0);
        if made.is_finite() { Ok(made) } else { Err(self.damaged(what)) }
    }

    /// Returns the error for results that are not finite. `what` names the results.
    fn damaged(&self, what: &str) -> BoxError {
        let problem = format!("{what} that are not finite; its weights are damaged; take another run");
        Error::file(&self.run, problem).into()
    }

    /// Returns the bound on the images of a set in a range. Returns None if the model has no bound.
    ///
    /// # Errors
    /// If an image cannot be read, or the result is not finite.
    pub fn bound(&mut self, set: &Dataset, range: Range<usize>) -> Result<Option<BoundSummary>, BoxError> {
        match self.networks.bound(set, range)? {
            Some(bound) if !(bound.elbo().is_finite() && bound.kl().is_finite()) => {
                Err(self.damaged("bounds on log p(x)"))
            }
            bound => Ok(bound),
        }
    }

    /// Estimates log p(x) of the image with index `image` in a set, by importance sampling with
    /// `samples` samples of z. Returns None if the model has no bound.
    ///
    /// # Errors
    /// If the image cannot be read, or the result is not finite.
    pub fn log_likelihood(
        &mut self,
        set: &Dataset,
        image: usize,
        samples: usize,
    ) -> Result<Option<f64>, BoxError> {
        match self.networks.log_likelihood(set, image, samples)? {
            Some(log_p) if !log_p.is_finite() => Err(self.damaged("estimates of log p(x)")),
            log_p => Ok(log_p),
        }
    }

    /// Returns the conditions of the samples whose indices are in a range. If conditions are
    /// classes, sample i has class i modulo the number of classes. If conditions are images, sample
    /// i has the condition of test image i modulo the number of test images. Returns None if the
    /// model is unconditional.
    ///
    /// # Errors
    /// If test images are needed and can't be loaded or read.
    pub fn conditions(&self, range: Range<usize>) -> Result<Option<Tensor<f32>>, BoxError> {
        let Some(condition) = self.condition else { return Ok(None) };
        Ok(Some(match condition {
            Condition::Class => {
                let classes = self.classes()?;
                labels::one_hot(&range.map(|i| i % classes).collect::<Vec<_>>(), classes)
            }
            image => {
                let test = self.dataset(Split::Test)?;
                let mut stream = Stream::new(self.seed, "condition", range.start as u64);
                let x = self.images(&test, &range.map(|i| i % test.len()).collect::<Vec<_>>())?;
                image.of_images(&x, &mut stream)
            }
        }))
    }

    /// Returns `rows` copies of one condition. If conditions are classes, it is `class`, which is 0
    /// by default. If conditions are images, it is made from the first test image. Returns None if
    /// the model is unconditional.
    ///
    /// # Errors
    /// As [`conditions`](Self::conditions). Also if `class` is given, but the model is not
    /// conditioned on classes or has no such class.
    pub fn one_condition(&self, class: Option<usize>, rows: usize) -> Result<Option<Tensor<f32>>, BoxError> {
        if self.condition != Some(Condition::Class) {
            if class.is_some() {
                return Err(self.refusal("is not conditioned on classes", "the command without --class"));
            }
            let one = self.conditions(0..1)?;
            return Ok(one.map(|one| Tensor::concat(&vec![&one; rows], 0)));
        }
        let (class, classes) = (class.unwrap_or(0), self.classes()?);
        if class >= classes {
            return Err(format!("--class {class}: there are classes 0 to {}", classes - 1).into());
        }
        Ok(Some(labels::one_hot(&vec![class; rows], classes)))
    }

    /// Returns the number of classes of the dataset that the model was trained on.
    ///
    /// # Errors
    /// If there is no such dataset.
    pub fn classes(&self) -> Result<usize, BoxError> {
        data::classes(&self.data)
    }

    /// Returns a split of the dataset that the model was trained on. The first call loads the
    /// split.
    ///
    /// # Errors
    /// If it can't be loaded.
    pub fn dataset(&self, split: Split) -> Result<Dataset, BoxError> {
        let index = usize::from(split == Split::Test);
        if let Some(set) = self.sets[index].get() {
            return Ok(set.clone());
        }
        // Programs that read runs do not download.
        let data = DataArgs { download: false, ..self.data.clone() };
        let run = Some(&*self.run);
        if data.is_path() {
            // The splits of a folder or an array share their memory.
            let sets = data::load_splits(&data, run)?;
            self.sets.iter().zip(sets).for_each(|(kept, set)| _ = kept.set(set));
        } else {
            let set = data::load(&data, split, run).map_err(advise_on_missing_files)?;
            _ = self.sets[index].set(set);
        }
        let set = self.sets[index].get().expect("it was loaded above").clone();
        if split == Split::Test {
            data::refuse_no_tests(&data, &set)?;
        }
        Ok(set)
    }

    /// Returns images of a dataset as inputs of this model. They have the pixel range of the model,
    /// as those of [`images`](Self::images). They are binarised if the model was trained on
    /// binarised images.
    ///
    /// # Errors
    /// If an image cannot be read.
    pub fn prepared_images(&self, set: &Dataset, indices: &[usize]) -> Result<Tensor<f32>, DataError> {
        let mut x = self.images(set, indices)?;
        self.networks.prepare(&mut x, set.split(), indices);
        Ok(x)
    }

    /// Returns images of a dataset in the pixel range of this model.
    ///
    /// # Errors
    /// If an image cannot be read.
    pub fn images(&self, set: &Dataset, indices: &[usize]) -> Result<Tensor<f32>, DataError> {
        set.images(indices, self.range)
    }

    /// Converts samples to pixels in \[0, 1\].
    pub fn unit(&self, x: &Tensor<f32>) -> Tensor<f32> {
        let range = self.range;
        x.map(move |value| range.to_unit(value).clamp(0.0, 1.0))
    }

    /// Rejects models whose samples are points.
    ///
    /// # Errors
    /// If samples are points.
    pub fn needs_images(&self) -> Result<(), BoxError> {
        let Some(points) = self.points else { return Ok(()) };
        Err(self.refusal(&format!("makes points ({points}), not images"), "`grid` or `export`"))
    }

    /// Returns an error that says what this run lacks and what to use instead.
    pub fn refusal(&self, lack: &str, instead: &str) -> BoxError {
        Error::file(&self.run, format!("a {} that {lack}; take {instead}", self.kind)).into()
    }
}

/// Adds to the error of a missing file what a program that does not download can do.
fn advise_on_missing_files(error: BoxError) -> BoxError {
    let Some(DataError::Missing { dataset, file, directory }) = error.downcast_ref() else { return error };
    let place = directory.display();
    format!("there is no {file} in {place}; set --data-dir to the directory that contains {dataset}/").into()
}

#[cfg(test)]
mod tests;
