//! The networks of a model, with one interface for all recipes.

use crate::Conditions;
use crate::variational::{LatentModel, MEASURED};
use adjoint_adversarial::Generator;
use adjoint_data::{DataError, Dataset, Split};
use adjoint_nn::objective::gaussian_log_likelihood;
use adjoint_nn::{Mode, Stream, Tensor, Var, no_grad};
use adjoint_variational::{BoundSummary, Decoder, Encoder};
use std::ops::Range;

/// The networks of a model in evaluation mode. In this mode, a sample does not depend on the other
/// samples of its batch.
pub trait Networks {
    /// Maps z, (N, latent), to samples.
    fn decode(&mut self, z: &Tensor<f32>, condition: Conditions) -> Tensor<f32>;

    /// Is there an encoder?
    fn encodes(&self) -> bool {
        false
    }

    /// Maps samples to z. Must not be called if there is no encoder.
    fn encode(&mut self, _x: &Tensor<f32>, _condition: Conditions) -> Tensor<f32> {
        unreachable!("these networks have no encoder")
    }

    /// Describes the distribution of a pixel given z that [`log_density`](Self::log_density) uses.
    fn observation(&self, sigma: f64) -> String {
        format!("normal pixels of standard deviation {sigma} about the sample")
    }

    /// Converts images of a split to inputs of these networks. Binarises the images if the networks
    /// were trained on binarised images.
    fn prepare(&self, _x: &mut Tensor<f32>, _split: Split, _indices: &[usize]) {}

    /// Returns log p(x|z) for each row of x and the same row of z, `[N]`. If the model defines no
    /// density p(x|z), each pixel has a normal distribution about the pixel of the sample. Its
    /// standard deviation is `sigma`, in the pixel range of the model.
    ///
    /// # Panics
    /// If shapes do not fit the networks.
    #[track_caller]
    fn log_density(
        &mut self,
        x: &Var<f32>,
        z: &Var<f32>,
        condition: Option<&Var<f32>>,
        sigma: f64,
    ) -> Var<f32>;

    /// Draws x from the distribution p(x|z) that [`log_density`](Self::log_density) uses. `mean` is
    /// the mean of this distribution.
    fn observe(&self, mean: &Tensor<f32>, sigma: f64, stream: &mut Stream) -> Tensor<f32> {
        mean.zip(&stream.normal_tensor(mean.shape(), 0.0, sigma), |x, e| x + e)
    }

    /// Returns the bound on images of a set, if the model has one.
    ///
    /// # Errors
    /// If an image cannot be read.
    fn bound(&mut self, _set: &Dataset, _range: Range<usize>) -> Result<Option<BoundSummary>, DataError> {
        Ok(None)
    }

    /// Estimates log p(x) of an image of a set by importance sampling with this number of samples,
    /// if the model has a bound.
    ///
    /// # Errors
    /// If the image cannot be read.
    fn log_likelihood(
        &mut self,
        _set: &Dataset,
        _image: usize,
        _samples: usize,
    ) -> Result<Option<f64>, DataError> {
        Ok(None)
    }
}

impl<Q: Encoder<f32>, P: Decoder<f32>> Networks for LatentModel<Q, P> {
    fn decode(&mut self, z: &Tensor<f32>, condition: Conditions) -> Tensor<f32> {
        self.model.decode(z, condition)
    }

    fn encodes(&self) -> bool {
        true
    }

    fn encode(&mut self, x: &Tensor<f32>, condition: Conditions) -> Tensor<f32> {
        self.model.encode(x, condition)
    }

    fn observation(&self, _sigma: f64) -> String {
        self.args.observation()
    }

    fn prepare(&self, x: &mut Tensor<f32>, split: Split, indices: &[usize]) {
        self.binarize(x, (split, indices), MEASURED);
    }

    fn log_density(
        &mut self,
        x: &Var<f32>,
        z: &Var<f32>,
        condition: Option<&Var<f32>>,
        _sigma: f64,
    ) -> Var<f32> {
        self.model.log_density(x, z, condition)
    }

    fn observe(&self, mean: &Tensor<f32>, _sigma: f64, stream: &mut Stream) -> Tensor<f32> {
        self.model.observe(mean, stream)
    }

    fn bound(&mut self, set: &Dataset, range: Range<usize>) -> Result<Option<BoundSummary>, DataError> {
        // A plain autoencoder has no bound.
        if self.args.autoencoder { Ok(None) } else { self.bound(set, range, &|| false) }
    }

    fn log_likelihood(
        &mut self,
        set: &Dataset,
        image: usize,
        samples: usize,
    ) -> Result<Option<f64>, DataError> {
        if self.args.autoencoder { Ok(None) } else { self.log_likelihood(set, image, samples, &|| false) }
    }
}

/// A generator alone: no encoder and no bound.
pub(crate) struct GeneratorOnly<G>(pub(crate) G);

impl<G: Generator<f32>> Networks for GeneratorOnly<G> {
    fn decode(&mut self, z: &Tensor<f32>, condition: Conditions) -> Tensor<f32> {
        let (z, condition) = (Var::constant(z.clone()), condition.cloned().map(Var::constant));
        no_grad(|| self.0.generate(&z, condition.as_ref(), Mode::Eval).into_value())
    }

    fn log_density(
        &mut self,
        x: &Var<f32>,
        z: &Var<f32>,
        condition: Option<&Var<f32>>,
        sigma: f64,
    ) -> Var<f32> {
        let log_var = Var::constant(Tensor::scalar(2.0 * sigma.ln()));
        gaussian_log_likelihood(x, &self.0.generate(z, condition, Mode::Eval), &log_var)
    }
}
