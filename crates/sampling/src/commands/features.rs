//! What D's filters look at.

use crate::cli::Run;
use adjoint_data::{PixelRange, Split};
use adjoint_nn::cost::LayerCost;
use adjoint_nn::{Tensor, Var};
use adjoint_recipes::game::GameConfig;
use adjoint_recipes::limits;
use adjoint_recipes::{Model, load};
use adjoint_runs::values::whole;
use adjoint_runs::{BoxError, Grid, Image, settings_of_run};

/// Test images in which the strongest answers are sought.
const IMAGES: usize = 500;

/// D's filters.
#[derive(clap::Args, Debug)]
pub(crate) struct Features {
    /// Convolution of D to look at, from 1 at the image [default: the last but the one to the
    /// logit]
    #[arg(long, value_name = "N")]
    layer: Option<usize>,

    /// Filters, a row each: the first ones of the layer
    #[arg(long, value_name = "N", default_value = "12", value_parser = whole::<usize>(1..=100))]
    filters: usize,

    /// Images of each, those it answers to most
    #[arg(long, value_name = "N", default_value = "5", value_parser = whole::<usize>(1..=100))]
    images: usize,
}

/// What a filter says of an image where it says most.
struct Answer {
    value: f32,
    image: usize,
    /// The pixel of the layer, row by row.
    place: usize,
}

impl Answer {
    /// The strongest of one filter of `channels` in the features of image `image`.
    fn strongest(features: &[f32], (filter, channels): (usize, usize), image: usize) -> Self {
        let values = features.iter().skip(filter).step_by(channels).copied().enumerate();
        let (place, value) = values.max_by(|a, b| a.1.total_cmp(&b.1)).expect("an image has pixels");
        Answer { value, image, place }
    }
}

impl Run for Features {
    /// Guided backpropagation (Springenberg et al. 2015), as in figure 5 of the DCGAN's paper.
    fn draw(&self, model: &mut Model) -> Result<(Image, String), BoxError> {
        if model.kind != "dcgan" {
            return Err(model.refusal("this can't look into", "a run of train-dcgan"));
        }
        let settings: adjoint_recipes::dcgan::Settings = settings_of_run(&model.run)?;
        let mut d = settings.build(adjoint_adversarial::Settings::default())?.discriminator;
        load(&model.run, "discriminator", &mut d)?;
        let layers = d.depth();
        let layer = self.layer.unwrap_or(layers);
        if !(1..=layers).contains(&layer) {
            return Err(format!("--layer {layer}: there are 1 to {layers}").into());
        }
        let test = model.dataset(Split::Test)?;
        let images = IMAGES.min(test.len());
        // Large images, or wide layers, are not all in memory at once.
        let [_, costs] = settings.costs()?;
        let widest = costs.iter().map(LayerCost::outputs).max().unwrap_or(0) as usize;
        let part = limits::chunk(IMAGES, test.image_len().saturating_add(widest));
        let (mut answers, mut shape) = (vec![], [0; 3]);
        for part in limits::parts(0..images, part) {
            let start = part.start;
            let x = model.images(&test, &part.collect::<Vec<_>>());
            let features = d.features(&Var::constant(x), layer);
            let [_, h, w, channels] = features.value().shape().nhwc();
            shape = [h, w, channels];
            let filters = self.filters.min(channels);
            answers.resize_with(filters, Vec::new);
            for (i, features) in features.value().data().chunks_exact(h * w * channels).enumerate() {
                let strongest = |filter| Answer::strongest(features, (filter, channels), start + i);
                answers.iter_mut().enumerate().for_each(|(filter, all)| all.push(strongest(filter)));
            }
        }
        let ([h, w, channels], filters) = (shape, answers.len());
        model.fits(2 * filters * self.images)?;
        let mut rows = vec![];
        for (filter, mut answers) in answers.into_iter().enumerate() {
            answers.sort_by(|a, b| b.value.total_cmp(&a.value));
            for answer in answers.iter().take(self.images) {
                let image = model.images(&test, &[answer.image]);
                let seed = Tensor::build([1, h, w, channels], |g| {
                    g.fill(0.0);
                    g[answer.place * channels + filter] = 1.0;
                });
                rows.push(scaled(&d.guided_backpropagation(&image, layer, &seed)));
                rows.push(image);
            }
        }
        let tiles = Tensor::concat(&rows.iter().collect::<Vec<_>>(), 0);
        let grid = Grid {
            columns: 2 * self.images.min(images),
            ..Grid::square(rows.len(), model.common.image_size)
        };
        let what = format!(
            "{filters} filters of convolution {layer}, a row each: what they answer to in test images, beside these"
        );
        Ok((grid.draw(&tiles, PixelRange::Symmetric), what))
    }
}

/// Numbers of any size, so that the largest is 1 or -1.
fn scaled(x: &Tensor<f32>) -> Tensor<f32> {
    let largest = x.data().iter().fold(1e-12f32, |m, x| m.max(x.abs()));
    x.map(move |x| x / largest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_answer_is_found_where_it_is() {
        // Two pixels by two of three filters; of equal answers the last.
        let features = [1.0, 5.0, 0.0, 2.0, 4.0, 0.0, -3.0, 9.0, 0.0, 2.0, 8.0, 0.0];
        let found = [0, 1, 2].map(|filter| Answer::strongest(&features, (filter, 3), 7));
        assert_eq!(found.each_ref().map(|answer| answer.value), [2.0, 9.0, 0.0]);
        assert_eq!(found.each_ref().map(|answer| answer.place), [3, 2, 3]);
        assert!(found.iter().all(|answer| answer.image == 7));
    }
}
