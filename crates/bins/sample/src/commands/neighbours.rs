//! Samples beside the training images nearest to them.

use crate::cli::{Common, Run, tiles};
use crate::model::Model;
use adjoint_data::{Dataset, Split};
use adjoint_nn::{Tensor, Var, no_grad};
use adjoint_train::{BoxError, Grid, Image};

/// Training images that are compared at once.
const CHUNK: usize = 2_000;

/// Samples beside training images.
#[derive(clap::Args, Debug)]
pub(crate) struct Neighbours {
    #[command(flatten)]
    common: Common,

    /// Number of samples
    #[arg(long, value_name = "N", default_value = "10", value_parser = tiles)]
    n: usize,

    /// Training images beside each
    #[arg(long, value_name = "K", default_value = "7", value_parser = tiles)]
    k: usize,
}

impl Run for Neighbours {
    fn common(&self) -> &Common {
        &self.common
    }

    fn draw(&self, model: &mut Model) -> Result<(Image, String), BoxError> {
        model.needs_images()?;
        model.fits(self.n * (1 + self.k))?;
        let (z, conditions) = (model.draw("neighbours", self.n)?, model.conditions(0..self.n)?);
        let x = model.decode(&z, conditions.as_ref());
        let train = model.dataset(Split::Train)?;
        let near = nearest(model, &x, (&train, train.len()), self.k);
        let mut rows = vec![];
        for (i, near) in near.iter().enumerate() {
            rows.push(x.narrow(0, i, 1));
            rows.push(model.images(&train, &near.iter().map(|&(j, _)| j).collect::<Vec<_>>()));
        }
        let tiles = Tensor::concat(&rows.iter().collect::<Vec<_>>(), 0);
        let columns = 1 + near.first().map_or(0, Vec::len);
        let grid = Grid { columns, ..Grid::square(tiles.dims()[0], model.common.image_size) };
        let mean = near.iter().map(|near| near[0].1.sqrt()).sum::<f64>() / self.n as f64;
        let what = format!(
            "{} samples, each before its {} nearest training images; mean distance to the nearest {mean:.2}",
            self.n,
            columns - 1
        );
        Ok((grid.draw(&tiles, model.range), what))
    }
}

/// The k of the first `among` images of a set that are nearest to each sample by the distance of their pixels, nearest first, with
/// the square of that distance.
pub(crate) fn nearest(
    model: &Model,
    x: &Tensor<f32>,
    (set, among): (&Dataset, usize),
    k: usize,
) -> Vec<Vec<(usize, f64)>> {
    let n = x.dims()[0];
    let pixels = x.len() / n.max(1);
    let flat = x.reshape([n, pixels]);
    let squares = |t: &Tensor<f32>| -> Vec<f64> {
        t.data().chunks(pixels).map(|row| row.iter().map(|&p| f64::from(p).powi(2)).sum()).collect()
    };
    let of_samples = squares(&flat);
    let samples = Var::constant(flat);
    let mut best: Vec<Vec<(usize, f64)>> = vec![vec![]; n];
    for start in (0..among).step_by(CHUNK) {
        let indices: Vec<usize> = (start..(start + CHUNK).min(among)).collect();
        let images = model.images(set, &indices).reshape([indices.len(), pixels]);
        let of_images = squares(&images);
        // |a - b|^2 = |a|^2 + |b|^2 - 2 <a, b>
        let products = no_grad(|| samples.matmul_flags(false, &Var::constant(images), true)).into_value();
        for ((best, row), square) in
            best.iter_mut().zip(products.data().chunks(indices.len())).zip(&of_samples)
        {
            for (j, product) in row.iter().enumerate() {
                let distance = (square + of_images[j] - 2.0 * f64::from(*product)).max(0.0);
                keep(best, (start + j, distance), k);
            }
        }
    }
    best
}

/// Puts an image in its place among the k nearest so far, if it has one; of two at the same distance the first stays.
fn keep(best: &mut Vec<(usize, f64)>, image: (usize, f64), k: usize) {
    if best.len() == k && best.last().is_some_and(|last| last.1 <= image.1) {
        return;
    }
    best.insert(best.partition_point(|other| other.1 <= image.1), image);
    best.truncate(k);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_are_kept_in_order() {
        let mut best = vec![];
        for image in [5.0, 3.0, 9.0, 3.0, 1.0, 4.0].into_iter().enumerate() {
            keep(&mut best, image, 3);
        }
        assert_eq!(best, [(4, 1.0), (1, 3.0), (3, 3.0)]);
    }
}
