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
        let (z, conditions) = (model.draw("neighbours", self.n), model.conditions(self.n)?);
        let x = model.decode(&z, conditions.as_ref());
        let train = model.dataset(Split::Train)?;
        let near = nearest(model, &x, &train, self.k);
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

/// The k images of a set nearest to each sample by the distance of their pixels, nearest first, with its square.
pub(crate) fn nearest(model: &Model, x: &Tensor<f32>, set: &Dataset, k: usize) -> Vec<Vec<(usize, f64)>> {
    let n = x.dims()[0];
    let pixels = x.len() / n.max(1);
    let flat = x.reshape([n, pixels]);
    let squares = |t: &Tensor<f32>| -> Vec<f64> {
        t.data().chunks(pixels).map(|row| row.iter().map(|&p| f64::from(p).powi(2)).sum()).collect()
    };
    let of_samples = squares(&flat);
    let samples = Var::constant(flat);
    let mut best: Vec<Vec<(usize, f64)>> = vec![vec![]; n];
    for start in (0..set.len()).step_by(CHUNK) {
        let indices: Vec<usize> = (start..(start + CHUNK).min(set.len())).collect();
        let images = model.images(set, &indices).reshape([indices.len(), pixels]);
        let of_images = squares(&images);
        // |a - b|^2 = |a|^2 + |b|^2 - 2 <a, b>
        let products = no_grad(|| samples.matmul_flags(false, &Var::constant(images), true)).into_value();
        for (i, row) in products.data().chunks(indices.len()).enumerate() {
            let square = |j: usize| (of_samples[i] + of_images[j] - 2.0 * f64::from(row[j])).max(0.0);
            best[i].extend((0..indices.len()).map(|j| (start + j, square(j))));
            best[i].sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
            best[i].truncate(k);
        }
    }
    best
}
