//! Estimates of how likely a model makes the test images. A model with an encoder has a variational
//! bound, and importance sampling estimates the likelihood. Annealed importance sampling needs only
//! a decoder.

use crate::table::Subject;
use adjoint_data::{Dataset, PixelRange, Split};
use adjoint_metrics::Estimate;
use adjoint_metrics::annealed::{Annealing, Prior, lower_bound, upper_bound};
use adjoint_nn::{Stream, Tensor, Var};
use adjoint_recipes::Model;
use adjoint_recipes::game::{Condition, flags::Distribution};
use adjoint_recipes::{labels, limits};
use adjoint_runs::values::{positive, whole};
use adjoint_runs::{BoxError, note};

/// Settings of annealed importance sampling. At most `GROUP` images are annealed at once, each with
/// `CHAINS` chains. A chain makes `LEAPFROG` leapfrog steps at each temperature.
const GROUP: usize = 8;
const CHAINS: usize = 16;
const LEAPFROG: usize = 10;

/// How likelihoods are estimated.
#[derive(clap::Args, Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Samples of z per test image for the likelihood by importance sampling (models with an
    /// encoder); 0 disables it
    #[arg(long, value_name = "K", default_value = "500")]
    pub(crate) nll_samples: usize,

    /// Number of test images for --nll-samples, from the first
    #[arg(long, value_name = "N", default_value = "1000")]
    pub(crate) nll_images: usize,

    /// Number of test images for the likelihood by annealed importance sampling (slow); 0 disables
    /// it
    #[arg(long, value_name = "N", default_value = "0", value_parser = whole::<usize>(0..=10_000))]
    pub(crate) ais_images: usize,

    /// Number of temperatures for --ais-images; more give a tighter bound
    #[arg(long, value_name = "N", default_value = "500", requires = "ais_images")]
    #[arg(value_parser = whole::<usize>(1..=1_000_000))]
    pub(crate) ais_temperatures: usize,

    /// Standard deviation of pixels in [0, 1] about a generator's samples, which defines their
    /// likelihood
    #[arg(long, value_name = "X", default_value = "0.1", requires = "ais_images", value_parser = positive)]
    pub(crate) ais_sigma: f64,
}

/// Adds to `subject` the variational bound on the test set, the KL term of the bound, the number of
/// active latent variables, and the negative log-likelihood by importance sampling. A model without
/// a bound gets none of these numbers.
///
/// # Errors
/// If an image cannot be read, or an estimate is not finite.
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

/// Adds to `subject` two numbers by annealed importance sampling. One is a lower bound on log p(x)
/// of test images. The other is a gap, measured on images that the model samples: an upper bound on
/// their log p(x) minus the lower bound. On these images, the mean error of the lower bound is
/// between 0 and the gap. Models of points, plain autoencoders and models with image conditions get
/// neither number.
///
/// # Errors
/// If the test set can't be loaded or read.
pub(crate) fn annealed(subject: &mut Subject, model: &mut Model, effort: Effort) -> Result<(), BoxError> {
    let by_image = model.condition.is_some_and(Condition::is_image);
    if effort.ais_images == 0 || model.points.is_some() || model.autoencoder || by_image {
        return Ok(());
    }
    let test = model.dataset(Split::Test)?;
    let images = effort.ais_images;
    let by_class = model.condition == Some(Condition::Class);
    let prior = match model.noise {
        Distribution::Gaussian => Prior::Normal,
        Distribution::Uniform => Prior::Uniform,
    };
    let (sigma, constant) = in_unit_range(model.range, effort.ais_sigma, test.image_len());
    let (seed, latent) = (model.seed, model.latent);
    let group = limits::chunk(GROUP, test.image_len() * CHAINS * 8);
    let (mut real_bounds, mut gaps) = (vec![], vec![]);
    let mut annealing = None;
    for first in (0..images).step_by(group) {
        let last = (first + group).min(images);
        note(format_args!("{}: annealing images {first} to {} of {images}", subject.name, last - 1));
        let indices: Vec<usize> = (first..last).collect();
        let labels = by_class.then(|| labels::of_images(&test, &indices));
        let real = model.prepared_images(&test, &indices)?;
        let z = model.noise.draw(seed, "annealing/simulated", first as u64, [indices.len(), latent]);
        let mean = model.decode(&z, labels.as_ref())?;
        let mut stream = Stream::new(seed, "annealing/observed", first as u64);
        let simulated = model.networks.observe(&mean, sigma, &mut stream);
        let labels = labels.map(|labels| Var::constant(repeat_per_chain(&labels)));
        let (labels, rows, seed) = (labels.as_ref(), indices.len() * CHAINS, seed.wrapping_add(first as u64));
        // The step sizes are tuned on the first group of images and reused for the other groups.
        let annealing = annealing.get_or_insert_with(|| {
            let tempo = (effort.ais_temperatures, LEAPFROG);
            Annealing::tuned((prior, latent), tempo, rows, log_density(model, &real, labels, sigma), seed)
        });
        let bounds = |weights: Vec<f64>, bound: fn(&[f64]) -> f64| -> Vec<f64> {
            weights.chunks_exact(CHAINS).map(|weights| bound(weights) + constant).collect()
        };
        real_bounds.extend(bounds(
            annealing.forward(rows, log_density(model, &real, labels, sigma), seed),
            lower_bound,
        ));
        let of_simulated = annealing.forward(rows, log_density(model, &simulated, labels, sigma), seed);
        let below = bounds(of_simulated, lower_bound);
        let above =
            annealing.reverse(repeat_per_chain(&z), log_density(model, &simulated, labels, sigma), seed);
        gaps.extend(bounds(above, upper_bound).iter().zip(&below).map(|(a, b)| a - b));
    }
    subject.note("ais", Estimate::of(&real_bounds));
    subject.note("ais_gap", Estimate::of(&gaps));
    Ok(())
}

/// Converts the standard deviation `sigma` of pixels from [0, 1] to the pixel range of a model.
/// Also returns a constant. The log-density of an image in the model's range plus this constant is
/// the log-density of the image in \[0, 1\].
fn in_unit_range(range: PixelRange, sigma: f64, pixels: usize) -> (f64, f64) {
    match range {
        PixelRange::Unit => (sigma, 0.0),
        // The range [-1, 1] is twice as wide as [0, 1], so the density of each pixel is halved.
        PixelRange::Symmetric => (2.0 * sigma, pixels as f64 * 2.0f64.ln()),
    }
}

/// Returns the function that maps z to log p(x|z), with one value per chain. Each image of `x` has
/// [`CHAINS`] chains. `labels`, if there are any, have one row per chain.
fn log_density<'a>(
    model: &'a mut Model,
    x: &Tensor<f32>,
    labels: Option<&'a Var<f32>>,
    sigma: f64,
) -> impl FnMut(&Var<f32>) -> Var<f32> + 'a {
    let x = Var::constant(repeat_per_chain(x));
    move |z| model.networks.log_density(&x, z, labels, sigma)
}

/// Repeats each row [`CHAINS`] times. The copies of a row are adjacent.
fn repeat_per_chain(x: &Tensor<f32>) -> Tensor<f32> {
    let (n, [_, len]) = (x.dims()[0], x.shape().around(0));
    x.reshape([n, 1, len]).expand([n, CHAINS, len]).reshape(x.shape().with(0, n * CHAINS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use adjoint_nn::objective::gaussian_log_likelihood;

    /// Converts the log-density of an image from [-1, 1] to [0, 1] and compares it with the
    /// log-density that is computed in [0, 1].
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
        let rows = repeat_per_chain(&x);
        assert_eq!(rows.dims(), [2 * CHAINS, 1, 2, 1]);
        assert_eq!(rows.data()[2 * CHAINS - 2..2 * CHAINS + 2], [1.0, 2.0, 3.0, 4.0]);
    }
}
