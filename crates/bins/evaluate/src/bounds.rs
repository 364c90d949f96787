//! Likelihoods: the bound and importance sampling where there is an encoder, annealed importance sampling for any decoder.

use crate::table::Subject;
use adjoint_data::{Dataset, Split};
use adjoint_metrics::Estimate;
use adjoint_metrics::annealed::{Annealing, Prior, lower_bound, upper_bound};
use adjoint_nn::{Stream, Tensor, Var};
use adjoint_train::{BoxError, Range, note};
use adjoint_trained::Model;
use adjoint_workbench::game::{Condition, flags::Distribution};
use adjoint_workbench::labels;

/// Chains of each image, and leapfrog steps at each temperature.
const CHAINS: usize = 16;
const LEAPFROG: usize = 10;

/// What is estimated, from how many samples, for how many test images.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    pub(crate) nll_samples: usize,
    pub(crate) nll_images: usize,
    pub(crate) ais_images: usize,
    pub(crate) ais_temperatures: usize,
    /// Standard deviation of pixels in [0, 1] about the samples of a model without a likelihood of its own.
    pub(crate) sigma: f64,
}

/// The bound on the test set, its parts, and the likelihood by importance sampling; of models with an encoder.
pub(crate) fn variational(subject: &mut Subject, model: &mut Model, test: &Dataset, effort: Effort) {
    let Some(bound) = model.bound(test, 0..test.len()) else { return };
    subject.note("elbo", bound.elbo());
    subject.note("kl", bound.kl());
    subject.note("active_units", bound.active_units() as f64);
    subject.kl_by_dimension = Some(bound.kl_by_dimension());
    let images = effort.nll_images.min(test.len());
    if effort.nll_samples > 0 && images > 0 {
        let (name, samples) = (&subject.name, effort.nll_samples);
        note(format_args!("{name}: {samples} samples of z for each of {images} test images"));
        let value = |i| model.log_likelihood(test, i, samples).map(|log_p| -log_p);
        let values: Vec<f64> = (0..images).filter_map(value).collect();
        subject.note("nll", Estimate::of(&values));
    }
}

/// log p(x) of test images from below, and the gap between both bounds on images that the model made itself: the lower bound's mean
/// error is between 0 and that. For models that are told nothing, or classes.
///
/// # Errors
/// If the test set can't be had.
pub(crate) fn annealed(subject: &mut Subject, model: &mut Model, effort: Effort) -> Result<(), BoxError> {
    let told_images = model.condition.is_some_and(Condition::is_image);
    if effort.ais_images == 0 || model.points.is_some() || model.autoencoder || told_images {
        return Ok(());
    }
    let test = model.dataset(Split::Test)?;
    let images = effort.ais_images.min(test.len());
    let indices: Vec<usize> = (0..images).collect();
    let classes: Vec<usize> = indices.iter().map(|&i| usize::from(test.labels()[i])).collect();
    let told =
        (model.condition == Some(Condition::Class)).then(|| labels::one_hot(&classes, test.classes().len()));
    let prior = match model.noise {
        Distribution::Gaussian => Prior::Normal,
        Distribution::Uniform => Prior::Uniform,
    };
    // In the range of the model; a density over [-1, 1] is lower by a factor of 2 a pixel.
    let (sigma, per_pixel) = match model.range {
        Range::Unit => (effort.sigma, 0.0),
        Range::Signed => (2.0 * effort.sigma, 2.0f64.ln()),
    };
    let (latent, seed) = (model.latent, model.seed);
    note(format_args!("{}: annealing {images} test images", subject.name));
    let real = model.seen(&test, &indices);
    let z = model.noise.draw(seed, "annealing/simulated", 0, [images, latent]);
    let mean = model.decode(&z, told.as_ref());
    let simulated = model.observe(&mean, sigma, &mut Stream::new(seed, "annealing/observed", 0));
    let told = told.map(|told| Var::constant(each(&told)));
    let constant = per_pixel * test.image_len() as f64;
    let tempo = (effort.ais_temperatures, LEAPFROG);

    let told = told.as_ref();
    let rows = images * CHAINS;
    let way = Annealing::tuned((prior, latent), tempo, rows, log_density(model, &real, told, sigma), seed);
    let bounds = |weights: Vec<f64>, bound: fn(&[f64]) -> f64| -> Vec<f64> {
        weights.chunks_exact(CHAINS).map(|weights| bound(weights) + constant).collect()
    };
    let lower = bounds(way.forward(rows, log_density(model, &real, told, sigma), seed), lower_bound);
    subject.note("ais", Estimate::of(&lower));
    note(format_args!("{}: annealing {images} images of its own from both sides", subject.name));
    let below = bounds(way.forward(rows, log_density(model, &simulated, told, sigma), seed), lower_bound);
    let above = bounds(way.reverse(each(&z), log_density(model, &simulated, told, sigma), seed), upper_bound);
    subject.note("ais_gap", Estimate::of(&above.iter().zip(&below).map(|(a, b)| a - b).collect::<Vec<_>>()));
    Ok(())
}

/// log p(x|z) of each chain, for images x and conditions that are each the matter of several.
fn log_density<'a>(
    model: &'a mut Model,
    x: &Tensor<f32>,
    told: Option<&'a Var<f32>>,
    sigma: f64,
) -> impl FnMut(&Var<f32>) -> Var<f32> + 'a {
    let x = Var::constant(each(x));
    move |z| model.log_density(&x, z, told, sigma)
}

/// Each row for each of its chains.
fn each(x: &Tensor<f32>) -> Tensor<f32> {
    let n = x.dims()[0];
    let [_, len] = x.shape().around(0);
    let rows: Vec<usize> = (0..n * CHAINS).map(|i| i / CHAINS).collect();
    x.reshape([n, len]).gather_rows(&rows).reshape(x.shape().with(0, n * CHAINS))
}
