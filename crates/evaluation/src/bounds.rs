//! Likelihoods: the bound and importance sampling where there is an encoder, annealed importance
//! sampling for any decoder.

use crate::table::Subject;
use adjoint_data::{Dataset, PixelRange, Split};
use adjoint_metrics::Estimate;
use adjoint_metrics::annealed::{Annealing, Prior, lower_bound, upper_bound};
use adjoint_nn::{Stream, Tensor, Var};
use adjoint_recipes::Model;
use adjoint_recipes::game::{Condition, flags::Distribution};
use adjoint_recipes::{labels, limits};
use adjoint_runs::{BoxError, note};

/// Images at a time, chains of each, and leapfrog steps at each temperature.
const GROUP: usize = 8;
const CHAINS: usize = 16;
const LEAPFROG: usize = 10;

/// How the bounds are estimated: numbers of samples, test images and temperatures.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    pub(crate) nll_samples: usize,
    pub(crate) nll_images: usize,
    pub(crate) ais_images: usize,
    pub(crate) ais_temperatures: usize,
    /// Standard deviation of pixels in [0, 1] about the samples of a model without a likelihood of
    /// its own.
    pub(crate) sigma: f64,
}

/// The bound on the test set, its parts, and the likelihood by importance sampling; of models with
/// an encoder.
///
/// # Errors
/// If they are not finite.
pub(crate) fn variational(
    subject: &mut Subject,
    model: &mut Model,
    test: &Dataset,
    effort: Effort,
) -> Result<(), BoxError> {
    let Some(bound) = model.bound(test, 0..test.len())? else { return Ok(()) };
    subject.note("elbo", bound.elbo());
    subject.note("kl", bound.kl());
    subject.note("active_units", bound.active_units() as f64);
    subject.kl_by_dimension = Some(bound.kl_by_dimension());
    let images = effort.nll_images;
    if effort.nll_samples > 0 && images > 0 {
        let (name, samples) = (&subject.name, effort.nll_samples);
        note(format_args!("{name}: {samples} samples of z for each of {images} test images"));
        let mut values = vec![];
        for i in 0..images {
            values.extend(model.log_likelihood(test, i, samples)?.map(|log_p| -log_p));
        }
        subject.note("nll", Estimate::of(&values));
    }
    Ok(())
}

/// log p(x) of test images from below, and the gap between both bounds on images that the model
/// made itself: the lower bound's mean error on those is between 0 and that. For models that are
/// told nothing, or classes.
///
/// # Errors
/// If the test set can't be had.
pub(crate) fn annealed(subject: &mut Subject, model: &mut Model, effort: Effort) -> Result<(), BoxError> {
    let told_images = model.condition.is_some_and(Condition::is_image);
    if effort.ais_images == 0 || model.points.is_some() || model.autoencoder || told_images {
        return Ok(());
    }
    let test = model.dataset(Split::Test)?;
    let images = effort.ais_images;
    let told_classes = model.condition == Some(Condition::Class);
    let prior = match model.noise {
        Distribution::Gaussian => Prior::Normal,
        Distribution::Uniform => Prior::Uniform,
    };
    let (sigma, constant) = in_unit_range(model.range, effort.sigma, test.image_len());
    let (seed, latent) = (model.seed, model.latent);
    let group = limits::chunk(GROUP, test.image_len() * CHAINS * 8);
    let (mut real_bounds, mut gaps) = (vec![], vec![]);
    let mut annealing = None;
    for first in (0..images).step_by(group) {
        let last = (first + group).min(images);
        note(format_args!("{}: annealing images {first} to {} of {images}", subject.name, last - 1));
        let indices: Vec<usize> = (first..last).collect();
        let told = told_classes.then(|| labels::of_images(&test, &indices));
        let real = model.seen(&test, &indices);
        let z = model.noise.draw(seed, "annealing/simulated", first as u64, [indices.len(), latent]);
        let mean = model.decode(&z, told.as_ref())?;
        let mut stream = Stream::new(seed, "annealing/observed", first as u64);
        let simulated = model.networks.observe(&mean, sigma, &mut stream);
        let told = told.map(|told| Var::constant(each(&told)));
        let (told, rows, seed) = (told.as_ref(), indices.len() * CHAINS, seed.wrapping_add(first as u64));
        // Steps that suit the first images suit the others.
        let annealing = annealing.get_or_insert_with(|| {
            let tempo = (effort.ais_temperatures, LEAPFROG);
            Annealing::tuned((prior, latent), tempo, rows, log_density(model, &real, told, sigma), seed)
        });
        let bounds = |weights: Vec<f64>, bound: fn(&[f64]) -> f64| -> Vec<f64> {
            weights.chunks_exact(CHAINS).map(|weights| bound(weights) + constant).collect()
        };
        real_bounds.extend(bounds(
            annealing.forward(rows, log_density(model, &real, told, sigma), seed),
            lower_bound,
        ));
        let of_simulated = annealing.forward(rows, log_density(model, &simulated, told, sigma), seed);
        let below = bounds(of_simulated, lower_bound);
        let above = annealing.reverse(each(&z), log_density(model, &simulated, told, sigma), seed);
        gaps.extend(bounds(above, upper_bound).iter().zip(&below).map(|(a, b)| a - b));
    }
    subject.note("ais", Estimate::of(&real_bounds));
    subject.note("ais_gap", Estimate::of(&gaps));
    Ok(())
}

/// The standard deviation of pixels in the range of a model, and what turns its log-densities of an
/// image into those over \[0, 1\].
fn in_unit_range(range: PixelRange, sigma: f64, pixels: usize) -> (f64, f64) {
    match range {
        PixelRange::Unit => (sigma, 0.0),
        // Twice as wide: densities are half as high, in each pixel.
        PixelRange::Symmetric => (2.0 * sigma, pixels as f64 * 2.0f64.ln()),
    }
}

/// log p(x|z) of each chain, for images x and conditions that are each the matter of several.
fn log_density<'a>(
    model: &'a mut Model,
    x: &Tensor<f32>,
    told: Option<&'a Var<f32>>,
    sigma: f64,
) -> impl FnMut(&Var<f32>) -> Var<f32> + 'a {
    let x = Var::constant(each(x));
    move |z| model.networks.log_density(&x, z, told, sigma)
}

/// Each row for each of its chains.
fn each(x: &Tensor<f32>) -> Tensor<f32> {
    let n = x.dims()[0];
    let [_, len] = x.shape().around(0);
    let rows: Vec<usize> = (0..n * CHAINS).map(|i| i / CHAINS).collect();
    x.reshape([n, len]).gather_rows(&rows).reshape(x.shape().with(0, n * CHAINS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use adjoint_nn::objective::gaussian_log_likelihood;

    /// The density of one image, in either range.
    #[test]
    fn a_density_does_not_depend_on_the_range() {
        let density = |x: &[f32], mean: &[f32], sigma: f64| {
            let [x, mean] = [x, mean].map(|x| Var::constant(Tensor::from_slice([1, 3], x)));
            gaussian_log_likelihood(&x, &mean, &Var::constant(Tensor::scalar(2.0 * sigma.ln())))
                .value()
                .data()[0]
        };
        let (x, mean) = ([0.2, 0.9, 0.5], [0.1, 1.0, 0.5]);
        let signed = |x: [f32; 3]| x.map(|x| 2.0 * x - 1.0);
        let (sigma, constant) = in_unit_range(PixelRange::Symmetric, 0.1, 3);
        let got = f64::from(density(&signed(x), &signed(mean), sigma)) + constant;
        let want = f64::from(density(&x, &mean, 0.1));
        assert!((got - want).abs() < 1e-5, "{got} for {want}");
        assert_eq!(in_unit_range(PixelRange::Unit, 0.1, 3), (0.1, 0.0));
    }

    #[test]
    fn chains_of_an_image_stand_together() {
        let x = Tensor::from_slice([2, 1, 2, 1], &[1.0, 2.0, 3.0, 4.0]);
        let rows = each(&x);
        assert_eq!(rows.dims(), [2 * CHAINS, 1, 2, 1]);
        assert_eq!(rows.data()[2 * CHAINS - 2..2 * CHAINS + 2], [1.0, 2.0, 3.0, 4.0]);
    }
}
