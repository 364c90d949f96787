//! The commands `grid`, `classes` and `reconstruct`, which draw many samples in one picture.

use crate::cli::Run;
use adjoint_data::Split;
use adjoint_nn::Tensor;
use adjoint_recipes::Model;
use adjoint_recipes::game::{Condition, images, points};
use adjoint_recipes::{labels, pictures};
use adjoint_runs::values::whole;
use adjoint_runs::{BoxError, Image};

/// Samples side by side.
#[derive(clap::Args, Debug)]
pub(crate) struct Grid {
    /// Number of samples [default: 64 images, or 2000 points]
    #[arg(long, value_name = "N", value_parser = whole::<usize>(1..=1_000_000))]
    n: Option<usize>,
}

impl Run for Grid {
    fn draw(&self, model: &mut Model) -> Result<(Image, String), BoxError> {
        let n = self.n.unwrap_or(if model.points.is_some() { points::SHOWN } else { 64 });
        if model.points.is_none() {
            model.fits(n)?;
        }
        let (z, conditions) = (model.draw("grid", n)?, model.conditions(0..n)?);
        let x = model.decode(&z, conditions.as_ref())?;
        if let Some(points) = model.points {
            return Ok((
                points::scatter(points, model.seed, &x, None),
                format!("{n} samples over {n} points of {points}"),
            ));
        }
        let caution =
            if model.autoencoder { " (of a plain autoencoder, which has no distribution of z)" } else { "" };
        Ok((pictures::square(&x, model.range), format!("{n} samples{caution}")))
    }
}

/// One row per class.
#[derive(clap::Args, Debug)]
pub(crate) struct Classes {
    /// Number of samples per class
    #[arg(long, value_name = "N", default_value = "10", value_parser = whole::<usize>(1..=100))]
    n: usize,
}

impl Run for Classes {
    fn draw(&self, model: &mut Model) -> Result<(Image, String), BoxError> {
        if model.condition != Some(Condition::Class) {
            let instead = "a run of train-cgan, or of train-vae --conditional";
            return Err(model.refusal("is not conditioned on classes", instead));
        }
        let (n, classes) = (self.n, model.classes()?);
        model.fits(classes * n)?;
        let [z, labels] = pictures::row_per_class(&model.draw("classes", n)?, classes);
        let x = model.decode(&z, Some(&labels))?;
        Ok((
            pictures::rows(&x, n, model.range),
            format!("{classes} classes, one per row; all samples in a column have the same noise"),
        ))
    }
}

/// Test images above their reconstructions, or with their conditions and samples.
#[derive(clap::Args, Debug)]
pub(crate) struct Reconstruct {
    /// Number of test images
    #[arg(long, value_name = "N", default_value = "32", value_parser = whole::<usize>(1..=1_000_000))]
    n: usize,

    /// Index of the first test image
    #[arg(long, value_name = "N", default_value = "0")]
    from: usize,
}

impl Run for Reconstruct {
    fn draw(&self, model: &mut Model) -> Result<(Image, String), BoxError> {
        model.needs_images()?;
        let image_condition = model.condition.filter(|condition| condition.is_image());
        if !model.networks.encodes() && image_condition.is_none() {
            return Err(
                model.refusal("has no encoder", "a run of train-vae, or of train-cgan --task inpaint")
            );
        }
        let test = model.dataset(Split::Test)?;
        let indices: Vec<usize> = (self.from..test.len()).take(self.n).collect();
        if indices.is_empty() {
            return Err(format!("--from {}: there are {} test images", self.from, test.len()).into());
        }
        model.fits(3 * indices.len())?;
        let x = model.prepared_images(&test, &indices)?;
        let (rows, what): (Vec<Tensor<f32>>, _) = if let Some(condition) = image_condition {
            let y = images::conditions_of_tests(condition, &x, self.from, model.seed);
            let fake = model.decode(&model.draw("reconstruct", indices.len())?, Some(&y))?;
            (vec![y, fake, x], "conditions, samples and the test images themselves")
        } else {
            let by_class = model.condition == Some(Condition::Class);
            let labels = by_class.then(|| labels::of_images(&test, &indices));
            let z = model.encode(&x, labels.as_ref())?;
            let y = model.decode(&z, labels.as_ref())?;
            (vec![x, y], "test images above their reconstructions")
        };
        let n = indices.len();
        let picture = pictures::series(&rows.iter().collect::<Vec<_>>(), model.range);
        Ok((picture, format!("{n} {what}")))
    }
}
