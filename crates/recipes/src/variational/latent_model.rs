//! A latent variable model with the flags of its run. It prepares its input images, and computes
//! its bound and its likelihood on them. Images and noise are functions of the settings of the run.
//! So the trainer and `evaluate` compute the same numbers.

use crate::variational::flags::Binarize;
use crate::variational::{VariationalArgs, VariationalConfig};
use crate::{labels, limits};
use adjoint_data::{DataError, Dataset, PixelRange, Split};
use adjoint_nn::cost::flops;
use adjoint_nn::{Stream, Tensor};
use adjoint_runs::{BoxError, Stop};
use adjoint_variational::{Autoencoder, BoundSummary, Decoder, Encoder};
use std::ops::Range;

/// Maximum number of images that are measured at once, and maximum number of samples of z that are
/// drawn at once. Both numbers are smaller if images are large.
const CHUNK: usize = 500;
const MOST_SAMPLES: usize = 5_000;

/// The epoch number of images that are measured or shown. Because it is fixed, `--binarize dynamic`
/// always draws the same pixels for these images.
pub const MEASURED: u64 = u64::MAX;

/// A latent variable model of a run.
pub struct LatentModel<Q: Encoder<f32>, P: Decoder<f32>> {
    /// The networks and their optimiser.
    pub model: Autoencoder<f32, Q, P>,
    /// Flags of the run.
    pub args: VariationalArgs,
    /// Seed of the run.
    pub seed: u64,
    /// Floating-point operations of the encoder and of the decoder per sample.
    flops: [u64; 2],
}

impl<Q: Encoder<f32>, P: Decoder<f32>> LatentModel<Q, P> {
    /// Returns the model of a run with these settings, with its initial weights.
    ///
    /// # Errors
    /// If flags contradict each other, or there is no such dataset.
    pub fn new<C: VariationalConfig<Encoder = Q, Decoder = P>>(config: &C) -> Result<Self, BoxError> {
        let (args, seed) = (config.variational().clone(), config.common().seed);
        let flops = config.costs()?.map(|layers| flops(&layers));
        Ok(Self { model: config.build(args.settings()?)?, args, seed, flops })
    }

    /// Returns N(0, 1) noise of shape (rows, latent). It is a function of the purpose, the index
    /// and the seed of the run.
    pub fn noise(&self, purpose: &str, index: u64, rows: usize) -> Tensor<f32> {
        Stream::new(self.seed, purpose, index).normal_tensor([rows, self.args.latent], 0.0, 1.0)
    }

    /// Replaces each pixel by a random 0 or 1, if `--binarize` requests it. The old value of the
    /// pixel is the probability of 1. `indices` are the indices of the images in the split. `epoch`
    /// has an effect only with `--binarize dynamic`.
    pub fn binarize(&self, images: &mut Tensor<f32>, (split, indices): (Split, &[usize]), epoch: u64) {
        let purpose = match self.args.binarize {
            Binarize::None => return,
            Binarize::Static => format!("binarize/{split}"),
            Binarize::Dynamic => format!("binarize/{split}/{epoch}"),
        };
        let pixels = images.len() / indices.len().max(1);
        for (image, &index) in images.data_mut().chunks_exact_mut(pixels.max(1)).zip(indices) {
            let mut stream = Stream::new(self.seed, &purpose, index as u64);
            image.iter_mut().for_each(|p| *p = f32::from(u8::from(stream.uniform() < f64::from(*p))));
        }
    }

    /// Returns images of a set as the model gets them in measurements. Also returns their one-hot
    /// labels, if the model is conditional.
    ///
    /// # Errors
    /// If an image cannot be read.
    pub fn images(
        &self,
        set: &Dataset,
        range: Range<usize>,
    ) -> Result<(Tensor<f32>, Option<Tensor<f32>>), DataError> {
        let indices: Vec<usize> = range.collect();
        let mut images = set.images(&indices, PixelRange::Unit)?;
        self.binarize(&mut images, (set.split(), &indices), MEASURED);
        Ok((images, self.args.conditional.then(|| labels::of_images(set, &indices))))
    }

    /// Computes the bound on the images of a set in a range, with one sample of z per image.
    /// Returns None if `stop` returned true.
    ///
    /// # Errors
    /// If an image cannot be read.
    pub fn bound(
        &mut self,
        set: &Dataset,
        range: Range<usize>,
        stop: Stop,
    ) -> Result<Option<BoundSummary>, DataError> {
        let mut summary = BoundSummary::default();
        let [encoder, decoder] = self.flops;
        let chunk = limits::chunk(CHUNK, set.image_len());
        let chunk = limits::between_stop_checks(chunk, encoder.saturating_add(decoder));
        for part in limits::parts(range, chunk) {
            if stop() {
                return Ok(None);
            }
            let (x, labels) = self.images(set, part.clone())?;
            let eps = self.noise(&format!("bound/{}", set.split()), part.start as u64, x.dims()[0]);
            summary.add(&self.model.bound(&x, labels.as_ref(), &eps));
        }
        Ok(Some(summary))
    }

    /// Estimates log p(x) of the image with index `image` in a set, by importance sampling with
    /// `samples` samples of z. Returns None if `stop` returned true.
    ///
    /// # Errors
    /// If the image cannot be read.
    pub fn log_likelihood(
        &mut self,
        set: &Dataset,
        image: usize,
        samples: usize,
        stop: Stop,
    ) -> Result<Option<f64>, DataError> {
        let (x, labels) = self.images(set, image..image + 1)?;
        let Self { model, args, seed, flops } = self;
        let most = limits::between_stop_checks(limits::chunk(MOST_SAMPLES, set.image_len()), flops[1]);
        let (purpose, mut stopped) = (format!("nll/{image}"), false);
        let rounds = (0..samples).step_by(most).map_while(|from| {
            stopped = stop();
            let shape = [most.min(samples - from), args.latent];
            (!stopped).then(|| Stream::new(*seed, &purpose, from as u64).normal_tensor(shape, 0.0, 1.0))
        });
        let log_p = model.log_likelihood(&x, labels.as_ref(), rounds)[0];
        Ok((!stopped).then_some(log_p))
    }
}
