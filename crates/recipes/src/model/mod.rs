//! A run of any trainer, opened to be used: sampled, encoded, measured.
//!
//! [`Model`] is a trained model whatever it is inside; what programs such as `sample` and
//! `evaluate` do with one, they do with all.

mod networks;
mod open;

use crate::game::Condition;
use crate::game::flags::Distribution;
pub use crate::model::networks::Networks;
use crate::model::open::mismatch;
pub use crate::model::open::{Open, load};
use crate::{data, labels, limits};
use adjoint_data::points::Points;
use adjoint_data::{DataError, Dataset, PixelRange, Split};
use adjoint_nn::{Stream, Tensor};
use adjoint_runs::{BoxError, CommonArgs, Grid};
use adjoint_variational::BoundSummary;
use std::cell::OnceCell;
use std::path::PathBuf;

/// Samples that are made at once: fewer where images are large.
const BATCH: usize = 64;
/// Numbers in a picture or in latent vectors, at most.
const MOST_NUMBERS: usize = 1 << 27;

/// A trained model, whatever it is inside.
pub struct Model {
    /// What it is: "dcgan".
    pub kind: &'static str,
    /// Its run.
    pub run: PathBuf,
    /// The settings that all trainers have.
    pub common: CommonArgs,
    /// Numbers in z.
    pub latent: usize,
    /// How they are distributed.
    pub noise: Distribution,
    /// What it is told, if anything.
    pub condition: Option<Condition>,
    /// The distribution that its samples are points of, if they are no images.
    pub points: Option<Points>,
    /// Was its encoder trained without anything to say which z are likely?
    pub autoencoder: bool,
    /// Which numbers are black and white.
    pub range: PixelRange,
    /// What is drawn follows from it.
    pub seed: u64,
    /// Training and test split of its dataset, once loaded.
    sets: [OnceCell<Dataset>; 2],
    /// Its networks.
    pub networks: Box<dyn Networks>,
}

impl Model {
    /// Latent vectors, (rows, latent): always the same for a purpose and the seed.
    ///
    /// # Errors
    /// If they are too many for memory.
    pub fn draw(&self, purpose: &str, rows: usize) -> Result<Tensor<f32>, BoxError> {
        if rows.saturating_mul(self.latent) > MOST_NUMBERS {
            let latent = self.latent;
            return Err(
                format!("{rows} samples of {latent} latent numbers are too many; ask for fewer").into()
            );
        }
        Ok(self.noise.draw(self.seed, purpose, 0, [rows, self.latent]))
    }

    /// Rejects pictures of more images than anyone looks at.
    ///
    /// # Errors
    /// If they would.
    pub fn fits(&self, tiles: usize) -> Result<(), BoxError> {
        let size = self.common.image_size;
        let side = size * Grid::square(tiles, size).scale;
        if tiles.saturating_mul(side * side) > MOST_NUMBERS {
            return Err(
                format!("{tiles} images of {size} pixels are too many for a picture; ask for fewer").into()
            );
        }
        Ok(())
    }

    /// Samples from latent vectors and conditions.
    ///
    /// # Errors
    /// If samples are not finite numbers, which nothing can be made of.
    ///
    /// # Panics
    /// If shapes are not those of the networks.
    #[track_caller]
    pub fn decode(
        &mut self,
        z: &Tensor<f32>,
        condition: Option<&Tensor<f32>>,
    ) -> Result<Tensor<f32>, BoxError> {
        self.in_batches("samples", z, condition, |networks, z, condition| networks.decode(z, condition))
    }

    /// Latent vectors of images: the means of an encoder.
    ///
    /// # Errors
    /// If there is no encoder, or latent vectors are not finite numbers.
    pub fn encode(
        &mut self,
        x: &Tensor<f32>,
        condition: Option<&Tensor<f32>>,
    ) -> Result<Tensor<f32>, BoxError> {
        if !self.networks.encodes() {
            return Err(self.refusal("has no encoder", "a run of train-vae"));
        }
        let what = "latent vectors";
        self.in_batches(what, x, condition, |networks, x, condition| networks.encode(x, condition))
    }

    /// What networks make of rows, always in batches of one size, the last of them filled up:
    /// kernels choose their ways by the size of a batch, so that the last bits of a row would
    /// depend on how many others there are. `what` that is, is said where it is not finite.
    fn in_batches(
        &mut self,
        what: &str,
        rows: &Tensor<f32>,
        condition: Option<&Tensor<f32>>,
        mut make: impl FnMut(&mut dyn Networks, &Tensor<f32>, Option<&Tensor<f32>>) -> Tensor<f32>,
    ) -> Result<Tensor<f32>, BoxError> {
        let n = rows.dims()[0];
        let size = limits::chunk(BATCH, self.common.image_size * self.common.image_size * 3);
        let parts = limits::parts(0..n, size).map(|part| {
            let count = part.len();
            let batch = |x: &Tensor<f32>| x.narrow(0, part.start, count).pad(0, 0, size - count);
            let condition = condition.map(batch);
            make(&mut *self.networks, &batch(rows), condition.as_ref()).narrow(0, 0, count)
        });
        let parts: Vec<Tensor<f32>> = parts.collect();
        let made = Tensor::concat(&parts.iter().collect::<Vec<_>>(), 0);
        if made.is_finite() {
            return Ok(made);
        }
        Err(self.damaged(what))
    }

    /// Networks make `what` that is not finite.
    fn damaged(&self, what: &str) -> BoxError {
        let problem = format!("{what} that are not finite; its weights are damaged; take another run");
        mismatch(&self.run, problem)
    }

    /// The bound on images of a set; of models with one.
    ///
    /// # Errors
    /// If it is not finite.
    pub fn bound(
        &mut self,
        set: &Dataset,
        range: std::ops::Range<usize>,
    ) -> Result<Option<BoundSummary>, BoxError> {
        match self.networks.bound(set, range) {
            Some(bound) if !(bound.elbo().is_finite() && bound.kl().is_finite()) => {
                Err(self.damaged("bounds on log p(x)"))
            }
            bound => Ok(bound),
        }
    }

    /// log p(x) of an image of a set by importance sampling with `samples` samples of z; of models
    /// with an encoder that was trained for it.
    ///
    /// # Errors
    /// If it is not finite.
    pub fn log_likelihood(
        &mut self,
        set: &Dataset,
        image: usize,
        samples: usize,
    ) -> Result<Option<f64>, BoxError> {
        match self.networks.log_likelihood(set, image, samples) {
            Some(log_p) if !log_p.is_finite() => Err(self.damaged("estimates of log p(x)")),
            log_p => Ok(log_p),
        }
    }

    /// Conditions of samples `range` of many: each class in turn, or test images in turn. None
    /// where the model is told nothing.
    ///
    /// # Errors
    /// If test images are needed and can't be had.
    pub fn conditions(&self, range: std::ops::Range<usize>) -> Result<Option<Tensor<f32>>, BoxError> {
        let Some(condition) = self.condition else { return Ok(None) };
        Ok(Some(match condition {
            Condition::Class => {
                let classes = self.classes()?;
                labels::one_hot(&range.map(|i| i % classes).collect::<Vec<_>>(), classes)
            }
            image => {
                let test = self.dataset(Split::Test)?;
                let mut stream = Stream::new(self.seed, "condition", range.start as u64);
                let x = self.images(&test, &range.map(|i| i % test.len()).collect::<Vec<_>>());
                image.of_images(&x, &mut stream)
            }
        }))
    }

    /// The same condition for all of `rows` samples: this class, 0 unless it is given, or the first
    /// test image's.
    ///
    /// # Errors
    /// As [`conditions`](Self::conditions), or if a class is given and there is none, or not that.
    pub fn one_condition(&self, class: Option<usize>, rows: usize) -> Result<Option<Tensor<f32>>, BoxError> {
        if self.condition != Some(Condition::Class) {
            if class.is_some() {
                return Err(self.refusal("is not told classes", "it without --class"));
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

    /// Number of classes of its dataset.
    ///
    /// # Errors
    /// If there is no such dataset.
    pub fn classes(&self) -> Result<usize, BoxError> {
        data::classes(&self.common)
    }

    /// A split of the dataset that it was trained on, loaded on the first call.
    ///
    /// # Errors
    /// If it can't be had.
    pub fn dataset(&self, split: Split) -> Result<Dataset, BoxError> {
        let kept = &self.sets[usize::from(split == Split::Test)];
        if let Some(set) = kept.get() {
            return Ok(set.clone());
        }
        // What reads does not fetch.
        let common = CommonArgs { download: false, ..self.common.clone() };
        let set = data::load(&common, split).map_err(|error| match error.downcast_ref() {
            Some(DataError::Missing { dataset, file, directory }) => {
                let place = directory.display();
                format!(
                    "there is no {file} in {place}; name with --data-dir the directory that holds {dataset}/"
                )
                .into()
            }
            _ => error,
        })?;
        Ok(kept.get_or_init(|| set).clone())
    }

    /// Images of a dataset as this model sees them: as [`images`](Self::images), or drawn to be
    /// black and white.
    pub fn seen(&self, set: &Dataset, indices: &[usize]) -> Tensor<f32> {
        let mut x = self.images(set, indices);
        self.networks.prepare(&mut x, set.split(), indices);
        x
    }

    /// Images of a dataset in the range in which this model makes them.
    pub fn images(&self, set: &Dataset, indices: &[usize]) -> Tensor<f32> {
        set.images(indices, self.range)
    }

    /// Samples, pixels in \[0, 1\].
    pub fn unit(&self, x: &Tensor<f32>) -> Tensor<f32> {
        let range = self.range;
        x.map(move |value| range.to_unit(value).clamp(0.0, 1.0))
    }

    /// Refuses models whose samples are points.
    ///
    /// # Errors
    /// If they are.
    pub fn needs_images(&self) -> Result<(), BoxError> {
        match self.points {
            Some(points) => {
                Err(self.refusal(&format!("makes points ({points}), not images"), "`grid` or `export`"))
            }
            None => Ok(()),
        }
    }

    /// This run lacks something.
    pub fn refusal(&self, lack: &str, instead: &str) -> BoxError {
        mismatch(&self.run, format!("a {} that {lack}; take {instead}", self.kind))
    }
}

#[cfg(test)]
mod tests;
