//! The bound and the likelihood of a model on images of a set. Images and noise follow from the
//! settings of the run, so the trainer and `evaluate` get the same figures.

use crate::variational::{MEASURED, VariationalArgs};
use crate::{labels, limits};
use adjoint_data::{Dataset, PixelRange};
use adjoint_nn::cost::{LayerCost, flops};
use adjoint_nn::{Stream, Tensor};
use adjoint_variational::{Autoencoder, BoundSummary, Decoder, Encoder};
use std::ops::Range;

/// Maximum number of images that are measured at once, and of samples of z; fewer if images are
/// large.
const CHUNK: usize = 500;
const MOST_SAMPLES: usize = 5_000;

/// The measures of a run.
#[derive(Clone, Debug)]
pub struct Measures {
    /// Flags of the run.
    pub args: VariationalArgs,
    /// Seed of the run.
    pub seed: u64,
    /// Floating-point operations of the encoder and of the decoder per sample.
    flops: [u64; 2],
}

impl Measures {
    /// Returns the measures of a run with these flags, this seed and these layers of encoder and
    /// decoder.
    pub fn new(args: VariationalArgs, seed: u64, [encoder, decoder]: &[Vec<LayerCost>; 2]) -> Self {
        Self { args, seed, flops: [flops(encoder), flops(decoder)] }
    }

    /// Returns N(0, 1) noise, (rows, latent): the draw with this index for this purpose.
    pub fn noise(&self, purpose: &str, index: u64, rows: usize) -> Tensor<f32> {
        Stream::new(self.seed, purpose, index).normal_tensor([rows, self.args.latent], 0.0, 1.0)
    }

    /// Returns images of a set as inputs of the model in measurements, with one-hot labels if the
    /// model is conditional.
    pub fn images(&self, set: &Dataset, range: Range<usize>) -> (Tensor<f32>, Option<Tensor<f32>>) {
        let indices: Vec<usize> = range.collect();
        let mut images = set.images(&indices, PixelRange::Unit);
        self.args.binarize(self.seed, &mut images, (set.split(), &indices), MEASURED);
        (images, self.args.conditional.then(|| labels::of_images(set, &indices)))
    }

    /// Computes the bound on images of a set, with one sample of z per image. `stop` is called
    /// about every second; the result is None if it returned true.
    pub fn bound<Q: Encoder<f32>, P: Decoder<f32>>(
        &self,
        model: &mut Autoencoder<f32, Q, P>,
        set: &Dataset,
        range: Range<usize>,
        stop: &dyn Fn() -> bool,
    ) -> Option<BoundSummary> {
        let mut summary = BoundSummary::default();
        let [encoder, decoder] = self.flops;
        let chunk = limits::chunk(CHUNK, set.image_len());
        let chunk = limits::between_stop_checks(chunk, encoder.saturating_add(decoder));
        for part in limits::parts(range, chunk) {
            if stop() {
                return None;
            }
            let (x, labels) = self.images(set, part.clone());
            let eps = self.noise(&format!("bound/{}", set.split()), part.start as u64, x.dims()[0]);
            summary.add(&model.bound(&x, labels.as_ref(), &eps));
        }
        Some(summary)
    }

    /// Estimates log p(x) of an image by importance sampling with this number of samples of z.
    /// `stop` is called about every second; the result is None if it returned true.
    pub fn log_likelihood<Q: Encoder<f32>, P: Decoder<f32>>(
        &self,
        model: &mut Autoencoder<f32, Q, P>,
        set: &Dataset,
        image: usize,
        samples: usize,
        stop: &dyn Fn() -> bool,
    ) -> Option<f64> {
        let (x, labels) = self.images(set, image..image + 1);
        let most = limits::between_stop_checks(limits::chunk(MOST_SAMPLES, set.image_len()), self.flops[1]);
        let mut stopped = false;
        let rounds = (0..samples).step_by(most).map_while(|from| {
            stopped = stop();
            let rows = most.min(samples - from);
            (!stopped).then(|| self.noise(&format!("nll/{image}"), from as u64, rows))
        });
        let log_p = model.log_likelihood(&x, labels.as_ref(), rounds)[0];
        (!stopped).then_some(log_p)
    }
}
