//! A run of any trainer, opened to be played with.

use crate::cli::Common;
use adjoint_adversarial::{self as adversarial, Generator};
use adjoint_data::points::Points;
use adjoint_data::{Dataset, PixelRange, Split};
use adjoint_nn::{Mode, Module, Stream, Tensor, Var, no_grad};
use adjoint_train::{BoxError, CommonArgs, Error, Grid, Range, model_of_run, settings_of_run, weights};
use adjoint_variational::{self as variational, Decoder, Encoder};
use adjoint_workbench::game::flags::Distribution;
use adjoint_workbench::game::{Condition, GameArgs, GameConfig};
use adjoint_workbench::variational::{MEASURED, VariationalArgs, VariationalConfig};
use adjoint_workbench::{data, labels, limits};
use std::path::{Path, PathBuf};

/// Samples that are made at once, at most.
const CHUNK: usize = 500;
/// Numbers in a picture or in latent vectors, at most.
const MOST_NUMBERS: usize = 1 << 27;

/// A trained model, whatever it is inside.
pub(crate) struct Model {
    /// What it is: "dcgan".
    pub(crate) kind: &'static str,
    /// Its run.
    pub(crate) run: PathBuf,
    /// The settings that all trainers have.
    pub(crate) common: CommonArgs,
    /// Numbers in z, and how they are distributed.
    pub(crate) latent: usize,
    pub(crate) noise: Distribution,
    /// What it is told, if anything.
    pub(crate) condition: Option<Condition>,
    /// The distribution that its samples are points of, if they are no images.
    pub(crate) points: Option<Points>,
    /// Was its encoder trained without anything to say which z are likely?
    pub(crate) autoencoder: bool,
    /// Which numbers are black and white.
    pub(crate) range: Range,
    /// The seed of this command.
    pub(crate) seed: u64,
    networks: Box<dyn Networks>,
}

/// The networks of a model, in evaluation mode: one sample alone is the same as in a batch.
trait Networks {
    /// z (N, latent) to samples.
    fn decode(&mut self, z: &Tensor<f32>, condition: Option<&Tensor<f32>>) -> Tensor<f32>;

    /// Samples to z, if there is an encoder.
    fn encode(&mut self, _x: &Tensor<f32>, _condition: Option<&Tensor<f32>>) -> Option<Tensor<f32>> {
        None
    }

    /// Makes images of a split what these networks see of them.
    fn prepare(&self, _x: &mut Tensor<f32>, _split: Split, _indices: &[usize]) {}
}

/// A model with latent variables, and what says how it sees images.
struct Autoencoder<Q: Encoder<f32>, P: Decoder<f32>> {
    model: variational::Autoencoder<f32, Q, P>,
    args: VariationalArgs,
    /// The seed of its run.
    seed: u64,
}

impl<Q: Encoder<f32>, P: Decoder<f32>> Networks for Autoencoder<Q, P> {
    fn decode(&mut self, z: &Tensor<f32>, condition: Option<&Tensor<f32>>) -> Tensor<f32> {
        self.model.decode(z, condition)
    }

    fn encode(&mut self, x: &Tensor<f32>, condition: Option<&Tensor<f32>>) -> Option<Tensor<f32>> {
        Some(self.model.encode(x, condition))
    }

    fn prepare(&self, x: &mut Tensor<f32>, split: Split, indices: &[usize]) {
        self.args.binarize(self.seed, x, (split, indices), MEASURED);
    }
}

/// A generator alone.
struct Alone<G>(G);

impl<G: Generator<f32>> Networks for Alone<G> {
    fn decode(&mut self, z: &Tensor<f32>, condition: Option<&Tensor<f32>>) -> Tensor<f32> {
        let (z, condition) = (Var::constant(z.clone()), condition.cloned().map(Var::constant));
        no_grad(|| self.0.generate(&z, condition.as_ref(), Mode::Eval).into_value())
    }
}

impl Model {
    /// Opens a run.
    ///
    /// # Errors
    /// If there is none, it is of no trainer, or its weights are missing or don't fit its settings.
    pub(crate) fn open(flags: &Common) -> Result<Self, BoxError> {
        let kind = model_of_run(&flags.run)?;
        let mut model = match kind.as_str() {
            "vae" => Self::variational::<train_vae::Settings>(flags),
            "gan" => Self::game::<train_gan::Settings>(flags),
            "dcgan" => Self::game::<train_dcgan::Settings>(flags),
            "cgan" => Self::game::<train_cgan::Settings>(flags),
            _ => {
                let known = "vae, gan, dcgan or cgan";
                return Err(mismatch(
                    &flags.run,
                    format!("a run of the model `{kind}`; this is for {known}"),
                ));
            }
        }?;
        if let Some(directory) = &flags.data_dir {
            model.common.data_dir.clone_from(directory);
        }
        Ok(model)
    }

    fn variational<C: VariationalConfig>(flags: &Common) -> Result<Self, BoxError> {
        if flags.raw {
            let problem = format!("a {} keeps no moving average of its weights; leave out --raw", C::MODEL);
            return Err(mismatch(&flags.run, problem));
        }
        let settings: C = settings_of_run(&flags.run)?;
        let (common, args) = (settings.common().clone(), settings.variational().clone());
        let mut model = settings.build(args.settings()?)?;
        load(&flags.run, "encoder", &mut model.networks.encoder)?;
        load(&flags.run, "decoder", &mut model.networks.decoder)?;
        Ok(Model {
            kind: C::MODEL,
            autoencoder: args.autoencoder,
            latent: args.latent,
            noise: Distribution::Gaussian,
            range: Range::Unit,
            points: None,
            condition: args.conditional.then_some(Condition::Class),
            run: flags.run.clone(),
            seed: flags.seed,
            networks: Box::new(Autoencoder { model, args, seed: common.seed }),
            common,
        })
    }

    fn game<C: GameConfig>(flags: &Common) -> Result<Self, BoxError> {
        let settings: C = settings_of_run(&flags.run)?;
        let mut generator = settings.build(adversarial::Settings::default())?.generator;
        let averaged = settings.game().ema > 0.0 && !flags.raw;
        load(&flags.run, if averaged { "generator_ema" } else { "generator" }, &mut generator)?;
        let GameArgs { latent, noise, .. } = *settings.game();
        Ok(Model {
            kind: C::MODEL,
            autoencoder: false,
            latent,
            noise,
            range: Range::Signed,
            points: settings.points(),
            condition: settings.condition(),
            common: settings.common().clone(),
            run: flags.run.clone(),
            seed: flags.seed,
            networks: Box::new(Alone(generator)),
        })
    }

    /// Latent vectors, (rows, latent): always the same for a purpose and the seed.
    ///
    /// # Errors
    /// If they are too many for memory.
    pub(crate) fn draw(&self, purpose: &str, rows: usize) -> Result<Tensor<f32>, BoxError> {
        if rows.saturating_mul(self.latent) > MOST_NUMBERS {
            let latent = self.latent;
            return Err(Error::Flags(format!(
                "{rows} samples of {latent} latent numbers are too many; ask for fewer"
            ))
            .into());
        }
        Ok(self.noise.draw(self.seed, purpose, 0, [rows, self.latent]))
    }

    /// Refuses pictures of so many images that they would be larger than anyone looks at.
    ///
    /// # Errors
    /// If they would.
    pub(crate) fn fits(&self, tiles: usize) -> Result<(), BoxError> {
        let size = self.common.image_size;
        let side = size * Grid::square(tiles, size).scale;
        if tiles.saturating_mul(side * side) > MOST_NUMBERS {
            return Err(Error::Flags(format!(
                "{tiles} images of {size} pixels are too many for a picture; ask for fewer"
            ))
            .into());
        }
        Ok(())
    }

    /// Samples from latent vectors and conditions.
    pub(crate) fn decode(&mut self, z: &Tensor<f32>, condition: Option<&Tensor<f32>>) -> Tensor<f32> {
        let n = z.dims()[0];
        let chunk = limits::chunk(CHUNK, self.common.image_size * self.common.image_size * 3);
        let parts: Vec<Tensor<f32>> = (0..n)
            .step_by(chunk)
            .map(|i| {
                let rows = chunk.min(n - i);
                let condition = condition.map(|c| c.narrow(0, i, rows));
                self.networks.decode(&z.narrow(0, i, rows), condition.as_ref())
            })
            .collect();
        Tensor::concat(&parts.iter().collect::<Vec<_>>(), 0)
    }

    /// Latent vectors of images: the means of an encoder.
    ///
    /// # Errors
    /// If there is no encoder.
    pub(crate) fn encode(
        &mut self,
        x: &Tensor<f32>,
        condition: Option<&Tensor<f32>>,
    ) -> Result<Tensor<f32>, BoxError> {
        let refusal = self.refusal("has no encoder", "a run of train-vae");
        self.networks.encode(x, condition).ok_or(refusal)
    }

    /// Conditions of samples `range` of many: each class in turn, or test images in turn. None where the model is told nothing.
    ///
    /// # Errors
    /// If test images are needed and can't be had.
    pub(crate) fn conditions(&self, range: std::ops::Range<usize>) -> Result<Option<Tensor<f32>>, BoxError> {
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

    /// The same condition for all of `rows` samples: this class, 0 unless it is given, or the first test image's.
    ///
    /// # Errors
    /// As [`conditions`](Self::conditions), or if a class is given and there is none, or not that.
    pub(crate) fn one_condition(
        &self,
        class: Option<usize>,
        rows: usize,
    ) -> Result<Option<Tensor<f32>>, BoxError> {
        if self.condition != Some(Condition::Class) {
            if class.is_some() {
                return Err(self.refusal("is not told classes", "it without --class"));
            }
            let one = self.conditions(0..1)?;
            return Ok(one.map(|one| Tensor::concat(&vec![&one; rows], 0)));
        }
        let (class, classes) = (class.unwrap_or(0), self.classes()?);
        if class >= classes {
            return Err(
                Error::Flags(format!("--class {class}: there are classes 0 to {}", classes - 1)).into()
            );
        }
        Ok(Some(labels::one_hot(&vec![class; rows], classes)))
    }

    /// Number of classes of its dataset.
    ///
    /// # Errors
    /// If there is no such dataset.
    pub(crate) fn classes(&self) -> Result<usize, BoxError> {
        data::classes(&self.common)
    }

    /// A split of the dataset that it was trained on.
    ///
    /// # Errors
    /// If it can't be had.
    pub(crate) fn dataset(&self, split: Split) -> Result<Dataset, BoxError> {
        data::load(&self.common, split)
    }

    /// Images of a dataset as this model sees them: as [`images`](Self::images), or drawn to be black and white.
    pub(crate) fn seen(&self, set: &Dataset, indices: &[usize]) -> Tensor<f32> {
        let mut x = self.images(set, indices);
        self.networks.prepare(&mut x, set.split(), indices);
        x
    }

    /// Images of a dataset in the range in which this model makes them.
    pub(crate) fn images(&self, set: &Dataset, indices: &[usize]) -> Tensor<f32> {
        let range = if self.range == Range::Unit { PixelRange::Unit } else { PixelRange::Symmetric };
        set.images(indices, range)
    }

    /// Refuses models whose samples are points.
    ///
    /// # Errors
    /// If they are.
    pub(crate) fn needs_images(&self) -> Result<(), BoxError> {
        match self.points {
            Some(points) => {
                Err(self.refusal(&format!("makes points ({points}), not images"), "`grid` or `export`"))
            }
            None => Ok(()),
        }
    }

    /// This run lacks something.
    pub(crate) fn refusal(&self, lack: &str, instead: &str) -> BoxError {
        mismatch(&self.run, format!("a {} that {lack}; take {instead}", self.kind))
    }
}

fn mismatch(run: &Path, problem: String) -> BoxError {
    Error::Mismatch { path: run.to_path_buf(), problem }.into()
}

/// Loads RUN/NAME.safetensors.
///
/// # Errors
/// If it is not there, damaged, or of another network.
pub(crate) fn load(run: &Path, name: &str, network: &mut dyn Module<f32>) -> Result<(), BoxError> {
    let path = run.join(format!("{name}.safetensors"));
    if !path.is_file() {
        let problem = "the run has no such weights yet; they are written with its checkpoints";
        return Err(Error::Unreadable { path, problem: problem.into() }.into());
    }
    network.load_state(&weights::import(&path, &network.state())?)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use adjoint_nn::Scheme;

    /// Batch norm in evaluation mode: what else is in the batch makes no difference.
    #[test]
    fn a_sample_alone_is_the_same_in_a_batch() {
        let a = adjoint_dcgan::Architecture { image_size: 28, channels: 1, width: 8, ..Default::default() };
        let mut generator = adjoint_dcgan::Generator::<f32>::new(&a);
        Scheme::dcgan().apply(&mut generator, "generator", 1);
        let mut networks = Alone(generator);
        let z = Distribution::Uniform.draw(1, "z", 0, [9, 100]);
        let all = networks.decode(&z, None);
        for i in 0..9 {
            let one = networks.decode(&z.narrow(0, i, 1), None);
            let (one, same) = (one.data(), &all.data()[i * 784..][..784]);
            assert!(one.iter().zip(same).all(|(a, b)| (a - b).abs() <= 1e-6), "sample {i}");
        }
    }
}
