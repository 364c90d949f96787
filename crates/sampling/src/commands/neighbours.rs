//! The command `neighbours`: draws samples beside the training images nearest to them.

use crate::cli::Run;
use adjoint_data::{DataError, Dataset, Split};
use adjoint_metrics::neighbours::{Neighbour, Search};
use adjoint_metrics::rows_of;
use adjoint_nn::Tensor;
use adjoint_recipes::Model;
use adjoint_recipes::{limits, pictures};
use adjoint_runs::values::whole;
use adjoint_runs::{BoxError, Image};

/// Number of training images that are compared with the samples at once; fewer if images are large.
const CHUNK: usize = 2_000;

/// Samples beside training images.
#[derive(clap::Args, Debug)]
pub(crate) struct Neighbours {
    /// Number of samples
    #[arg(long, value_name = "N", default_value = "10", value_parser = whole::<usize>(1..=100))]
    n: usize,

    /// Number of training images beside each sample
    #[arg(long, value_name = "K", default_value = "7", value_parser = whole::<usize>(1..=100))]
    k: usize,
}

impl Run for Neighbours {
    fn draw(&self, model: &mut Model) -> Result<(Image, String), BoxError> {
        model.needs_images()?;
        model.fits(self.n * (1 + self.k))?;
        let (z, conditions) = (model.draw("neighbours", self.n)?, model.conditions(0..self.n)?);
        let x = model.decode(&z, conditions.as_ref())?;
        let train = model.dataset(Split::Train)?;
        let near = nearest(model, &x, (&train, train.len()), self.k)?;
        let mut rows = vec![];
        for (i, near) in near.iter().enumerate() {
            rows.push(x.narrow(0, i, 1));
            rows.push(model.images(&train, &near.iter().map(|other| other.index).collect::<Vec<_>>())?);
        }
        let tiles = Tensor::concat(&rows.iter().collect::<Vec<_>>(), 0);
        let columns = 1 + near.first().map_or(0, Vec::len);
        let mean = near.iter().map(|near| near[0].squared.sqrt()).sum::<f64>() / self.n as f64;
        let what = format!(
            "{} samples, each followed by its {} nearest training images; mean distance to the nearest {mean:.2}",
            self.n,
            columns - 1
        );
        Ok((pictures::rows(&tiles, columns, model.range), what))
    }
}

/// Finds the k images nearest to each sample among the first `among` images of a set. The distance
/// is the Euclidean distance of the pixels. The nearest image comes first.
///
/// # Errors
/// If an image cannot be read.
pub(crate) fn nearest(
    model: &Model,
    x: &Tensor<f32>,
    (set, among): (&Dataset, usize),
    k: usize,
) -> Result<Vec<Vec<Neighbour>>, DataError> {
    let samples = rows_of(x);
    let mut search = Search::new(&samples, k);
    for part in limits::parts(0..among, limits::chunk(CHUNK, set.image_len())) {
        let start = part.start;
        search.among(&rows_of(&model.images(set, &part.collect::<Vec<_>>())?), start);
    }
    Ok(search.found())
}
