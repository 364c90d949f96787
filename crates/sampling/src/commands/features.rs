//! The command `features`: shows what the filters of D respond to.

use crate::cli::Run;
use adjoint_data::{PixelRange, Split};
use adjoint_nn::cost::LayerCost;
use adjoint_nn::{Tensor, Var};
use adjoint_recipes::{Model, limits};
use adjoint_runs::values::whole;
use adjoint_runs::{BoxError, Grid, Image};

/// Number of test images that are searched for the strongest activations.
const IMAGES: usize = 500;

/// D's filters.
#[derive(clap::Args, Debug)]
pub(crate) struct Features {
    /// Convolution of D, counted from 1 at the image [default: the last before the logit's]
    #[arg(long, value_name = "N")]
    layer: Option<usize>,

    /// Number of filters, one per row, from the first of the layer
    #[arg(long, value_name = "N", default_value = "12", value_parser = whole::<usize>(1..=100))]
    filters: usize,

    /// Number of images per filter: those with the strongest activations
    #[arg(long, value_name = "N", default_value = "5", value_parser = whole::<usize>(1..=100))]
    images: usize,
}

/// The strongest activation of a filter in an image.
struct Activation {
    value: f32,
    image: usize,
    /// Index of the activation's pixel in the layer's output, row by row.
    place: usize,
}

impl Activation {
    /// Finds the strongest activation of a filter in an image. `features` are the outputs of all
    /// `channels` filters for this image.
    fn strongest(features: &[f32], (filter, channels): (usize, usize), image: usize) -> Self {
        let values = features.iter().skip(filter).step_by(channels).copied().enumerate();
        let (place, value) = values.max_by(|a, b| a.1.total_cmp(&b.1)).expect("an image has pixels");
        Activation { value, image, place }
    }
}

impl Run for Features {
    /// Draws test images beside their guided backpropagation (Springenberg et al. 2015), as in
    /// figure 5 of the paper on DCGANs.
    fn draw(&self, model: &mut Model) -> Result<(Image, String), BoxError> {
        let (mut d, costs) = model.filters()?;
        let layers = d.depth();
        let layer = self.layer.unwrap_or(layers);
        if !(1..=layers).contains(&layer) {
            return Err(format!("--layer {layer}: there are 1 to {layers}").into());
        }
        let test = model.dataset(Split::Test)?;
        let images = IMAGES.min(test.len());
        // Images are read in parts, because all features of large images or wide layers may not fit
        // into memory.
        let widest = costs.iter().map(LayerCost::outputs).max().unwrap_or(0) as usize;
        let part = limits::chunk(IMAGES, test.image_len().saturating_add(widest));
        let (mut activations, mut shape) = (vec![], [0; 3]);
        for part in limits::parts(0..images, part) {
            let start = part.start;
            let x = model.images(&test, &part.collect::<Vec<_>>())?;
            let features = d.features(&Var::constant(x), layer);
            let [_, h, w, channels] = features.value().shape().nhwc();
            shape = [h, w, channels];
            let filters = self.filters.min(channels);
            activations.resize_with(filters, Vec::new);
            for (i, features) in features.value().data().chunks_exact(h * w * channels).enumerate() {
                let strongest = |filter| Activation::strongest(features, (filter, channels), start + i);
                activations.iter_mut().enumerate().for_each(|(filter, all)| all.push(strongest(filter)));
            }
        }
        let ([h, w, channels], filters) = (shape, activations.len());
        model.fits(2 * filters * self.images)?;
        let mut rows = vec![];
        for (filter, mut activations) in activations.into_iter().enumerate() {
            activations.sort_by(|a, b| b.value.total_cmp(&a.value));
            for activation in activations.iter().take(self.images) {
                let image = model.images(&test, &[activation.image])?;
                let seed = Tensor::build([1, h, w, channels], |g| {
                    g.fill(0.0);
                    g[activation.place * channels + filter] = 1.0;
                });
                rows.push(scaled(&d.guided_backpropagation(&image, layer, &seed)));
                rows.push(image);
            }
        }
        let tiles = Tensor::concat(&rows.iter().collect::<Vec<_>>(), 0);
        let grid =
            Grid { columns: 2 * self.images.min(images), ..Grid::square(rows.len(), model.data.image_size) };
        let what = format!(
            "{filters} filters of convolution {layer}, one per row: guided backpropagation beside the test image"
        );
        Ok((grid.draw(&tiles, PixelRange::Symmetric), what))
    }
}

/// Returns x scaled so that its largest absolute value is 1.
fn scaled(x: &Tensor<f32>) -> Tensor<f32> {
    let largest = x.data().iter().fold(1e-12f32, |m, x| m.max(x.abs()));
    x.map(move |x| x / largest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_answer_is_found_where_it_is() {
        // 2 x 2 pixels of three filters. Of equal activations, the last is found.
        let features = [1.0, 5.0, 0.0, 2.0, 4.0, 0.0, -3.0, 9.0, 0.0, 2.0, 8.0, 0.0];
        let found = [0, 1, 2].map(|filter| Activation::strongest(&features, (filter, 3), 7));
        assert_eq!(found.each_ref().map(|activation| activation.value), [2.0, 9.0, 0.0]);
        assert_eq!(found.each_ref().map(|activation| activation.place), [3, 2, 3]);
        assert!(found.iter().all(|activation| activation.image == 7));
    }
}
