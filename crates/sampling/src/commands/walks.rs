//! The commands `interpolate`, `traverse` and `manifold`, which walk through latent space.

use crate::cli::Run;
use crate::latent::{between, quantile, rows};
use adjoint_nn::Tensor;
use adjoint_recipes::Model;
use adjoint_recipes::game::flags::Distribution;
use adjoint_recipes::pictures;
use adjoint_runs::values::whole;
use adjoint_runs::{BoxError, Grid, Image};

/// A traversal changes a latent variable from this quantile to the quantile at 1 minus this.
const LOW: f64 = 0.01;
/// Number of latent variables that a traversal shows by default.
const DIMENSIONS: usize = 10;

/// Walks between latent vectors.
#[derive(clap::Args, Debug)]
pub(crate) struct Interpolate {
    /// Number of rows
    #[arg(long, value_name = "N", default_value = "8", value_parser = whole::<usize>(1..=100))]
    rows: usize,

    /// Number of latent vectors that a row passes through
    #[arg(long, value_name = "K", default_value = "2", value_parser = whole::<usize>(1..=100))]
    through: usize,

    /// Minimum number of images per row; raised if needed to show every latent vector of the row
    #[arg(long, value_name = "N", default_value = "10", value_parser = whole::<usize>(2..=100))]
    steps: usize,

    /// Class of all images (class-conditional models) [default: 0]
    #[arg(long, value_name = "N")]
    class: Option<usize>,

    /// Latent vector as comma-separated numbers; repeat the flag for one row through all these
    /// vectors [default: random vectors]
    #[arg(long, value_name = "X,X", allow_hyphen_values = true, conflicts_with_all = ["rows", "through"])]
    z: Vec<String>,
}

impl Interpolate {
    /// Returns for each row of the picture the latent vectors that it passes through.
    fn waypoints(&self, model: &Model) -> Result<Vec<Vec<Vec<f32>>>, BoxError> {
        let given = self.z.iter().map(|text| vector(text, model.latent)).collect::<Result<Vec<_>, _>>()?;
        match given.len() {
            0 => {}
            1 => return Err("--z: a walk needs two latent vectors or more; repeat the flag".into()),
            _ => return Ok(vec![given]),
        }
        if self.through < 2 {
            return Err("--through: a walk needs 2 latent vectors or more".into());
        }
        let z = model.draw("interpolate", self.rows * self.through)?;
        let vectors: Vec<Vec<f32>> = z.data().chunks(model.latent).map(<[f32]>::to_vec).collect();
        Ok(vectors.chunks(self.through).map(<[Vec<f32>]>::to_vec).collect())
    }
}

fn vector(text: &str, latent: usize) -> Result<Vec<f32>, BoxError> {
    let numbers: Result<Vec<f32>, _> = text.split(',').map(|n| n.trim().parse::<f32>()).collect();
    match numbers {
        Ok(numbers) if numbers.len() == latent && numbers.iter().all(|x| x.is_finite()) => Ok(numbers),
        _ => Err(format!("--z {text}: {latent} numbers between commas are required").into()),
    }
}

/// Returns the number of images of a walk through this many waypoints. It is at least `requested`.
/// Every leg between two waypoints gets the same number of images, so that every waypoint is shown.
fn images(requested: usize, waypoints: usize) -> usize {
    let legs = waypoints - 1;
    legs * (requested - 1).div_ceil(legs) + 1
}

/// Returns `images` latent vectors at equal steps of the path through all waypoints.
fn walk(waypoints: &[Vec<f32>], images: usize, noise: Distribution) -> Vec<Vec<f32>> {
    let leg = (images - 1) / (waypoints.len() - 1);
    let mut points = vec![];
    for pair in waypoints.windows(2) {
        points.extend((0..leg).map(|i| between(&pair[0], &pair[1], i as f64 / leg as f64, noise)));
    }
    points.extend(waypoints.last().cloned());
    points
}

impl Run for Interpolate {
    fn draw(&self, model: &mut Model) -> Result<(Image, String), BoxError> {
        model.needs_images()?;
        let waypoints = self.waypoints(model)?;
        let steps = images(self.steps, waypoints[0].len());
        model.fits(waypoints.len() * steps)?;
        let z: Vec<Vec<f32>> = waypoints.iter().flat_map(|row| walk(row, steps, model.noise)).collect();
        let conditions = model.one_condition(self.class, z.len())?;
        let x = model.decode(&rows(&z), conditions.as_ref())?;
        let what = format!("{} walks of {steps} images between latent vectors", waypoints.len());
        Ok((pictures::rows(&x, steps, model.range), what))
    }
}

/// One latent variable from low to high.
#[derive(clap::Args, Debug)]
pub(crate) struct Traverse {
    /// Indices of the latent variables, from 0 [default: the ten that change the image most]
    #[arg(long, value_name = "N,N", value_delimiter = ',')]
    dimensions: Vec<usize>,

    /// Number of images per row
    #[arg(long, value_name = "N", default_value = "11", value_parser = whole::<usize>(2..=100))]
    steps: usize,

    /// Class of all images (class-conditional models) [default: 0]
    #[arg(long, value_name = "N")]
    class: Option<usize>,
}

impl Traverse {
    fn dimensions(&self, model: &mut Model, start: &[f32]) -> Result<Vec<usize>, BoxError> {
        if let Some(d) = self.dimensions.iter().find(|&&d| d >= model.latent) {
            let latent = model.latent;
            return Err(format!("--dimensions {d}: there are 0 to {}", latent - 1).into());
        }
        if !self.dimensions.is_empty() {
            return Ok(self.dimensions.clone());
        }
        let change = change(model, start, self.class)?;
        let mut order: Vec<usize> = (0..model.latent).collect();
        order.sort_by(|&a, &b| change[b].total_cmp(&change[a]));
        order.truncate(DIMENSIONS);
        Ok(order)
    }
}

/// Returns how much each latent variable changes the image of `start`. The variable is moved to its
/// low and to its high quantile. The change is the sum of the squared differences between the
/// pixels of the two images.
fn change(model: &mut Model, start: &[f32], class: Option<usize>) -> Result<Vec<f64>, BoxError> {
    let conditions = model.one_condition(class, 2)?;
    let mut changes = vec![];
    for d in 0..model.latent {
        let ends = [LOW, 1.0 - LOW].map(|p| moved(start, d, p, model.noise));
        let x = model.decode(&rows(&ends), conditions.as_ref())?;
        let (low, high) = x.data().split_at(x.len() / 2);
        changes.push(low.iter().zip(high).map(|(a, b)| f64::from(a - b).powi(2)).sum());
    }
    Ok(changes)
}

/// Returns the latent vector `start` with variable `d` replaced by the p-quantile of its
/// distribution.
fn moved(start: &[f32], d: usize, p: f64, noise: Distribution) -> Vec<f32> {
    let mut vector = start.to_vec();
    vector[d] = quantile(p, noise) as f32;
    vector
}

impl Run for Traverse {
    fn draw(&self, model: &mut Model) -> Result<(Image, String), BoxError> {
        model.needs_images()?;
        let start = model.draw("traverse", 1)?.data().to_vec();
        let (dimensions, steps) = (self.dimensions(model, &start)?, self.steps);
        model.fits(dimensions.len() * steps)?;
        let mut z = vec![];
        for &d in &dimensions {
            for i in 0..steps {
                let p = LOW + (1.0 - 2.0 * LOW) * i as f64 / (steps - 1) as f64;
                z.push(moved(&start, d, p, model.noise));
            }
        }
        let conditions = model.one_condition(self.class, z.len())?;
        let x = model.decode(&rows(&z), conditions.as_ref())?;
        let names: Vec<String> = dimensions.iter().map(usize::to_string).collect();
        Ok((
            pictures::rows(&x, steps, model.range),
            format!("latent variables {}, one per row, from low to high", names.join(", ")),
        ))
    }
}

/// The plane of a model with two latent variables.
#[derive(clap::Args, Debug)]
pub(crate) struct Manifold {
    /// Number of images along each side
    #[arg(long, value_name = "N", default_value = "20", value_parser = whole::<usize>(1..=100))]
    n: usize,

    /// Class of all images (class-conditional models) [default: 0]
    #[arg(long, value_name = "N")]
    class: Option<usize>,
}

impl Run for Manifold {
    /// Draws samples at a square grid of latent vectors. Both coordinates of the grid are quantiles
    /// at equal steps of the probability (Kingma & Welling 2014, appendix A).
    fn draw(&self, model: &mut Model) -> Result<(Image, String), BoxError> {
        model.needs_images()?;
        if model.latent != 2 {
            let lack = format!("has {} latent variables", model.latent);
            return Err(model.refusal(&lack, "a run with --latent 2"));
        }
        let n = self.n;
        model.fits(n * n)?;
        let at = |i: usize| quantile((i as f64 + 0.5) / n as f64, model.noise) as f32;
        let z: Vec<Vec<f32>> = (0..n * n).map(|i| vec![at(i % n), at(n - 1 - i / n)]).collect();
        let conditions = model.one_condition(self.class, z.len())?;
        let x: Tensor<f32> = model.decode(&rows(&z), conditions.as_ref())?;
        let grid = Grid { columns: n, margin: 0, ..Grid::square(z.len(), model.data.image_size) };
        Ok((grid.draw(&x, model.range), format!("the latent plane at {n} x {n} quantiles")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_shows_every_station() {
        let waypoints: Vec<Vec<f32>> = (0..6).map(|i| vec![i as f32, (i * i) as f32 - 7.0]).collect();
        for (count, requested) in [(2, 2), (2, 10), (3, 10), (4, 10), (6, 2), (5, 100)] {
            for noise in [Distribution::Uniform, Distribution::Gaussian] {
                let n = images(requested, count);
                assert!(n >= requested && n < requested + count, "{n} for {requested}");
                let points = walk(&waypoints[..count], n, noise);
                assert_eq!(points.len(), n);
                for (i, waypoint) in waypoints[..count].iter().enumerate() {
                    let there = &points[i * (n - 1) / (count - 1)];
                    let near = there.iter().zip(waypoint).all(|(a, b)| (a - b).abs() < 1e-5);
                    assert!(near, "{there:?} instead of {waypoint:?}");
                }
            }
        }
    }
}
