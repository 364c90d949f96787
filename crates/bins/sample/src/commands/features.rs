//! What D's filters look at.

use crate::cli::{Common, Run, tiles};
use adjoint_data::Split;
use adjoint_nn::{Tensor, Var};
use adjoint_train::{BoxError, Error, Grid, Image, Range, settings_of_run};
use adjoint_trained::{Model, load};
use adjoint_workbench::game::GameConfig;

/// Test images in which the strongest answers are sought.
const IMAGES: usize = 500;

/// D's filters.
#[derive(clap::Args, Debug)]
pub(crate) struct Features {
    #[command(flatten)]
    common: Common,

    /// Convolution of D to look at, from 1 at the image [default: the last but the one to the logit]
    #[arg(long, value_name = "N")]
    layer: Option<usize>,

    /// Filters, a row each: the first ones of the layer
    #[arg(long, value_name = "N", default_value = "12", value_parser = tiles)]
    filters: usize,

    /// Images of each, those it answers to most
    #[arg(long, value_name = "N", default_value = "5", value_parser = tiles)]
    images: usize,
}

impl Run for Features {
    fn common(&self) -> &Common {
        &self.common
    }

    /// Guided backpropagation (Springenberg et al. 2015), as in figure 5 of the DCGAN's paper.
    fn draw(&self, model: &mut Model) -> Result<(Image, String), BoxError> {
        if model.kind != "dcgan" {
            return Err(model.refusal("this can't look into", "a run of train-dcgan"));
        }
        let settings: train_dcgan::Settings = settings_of_run(&model.run)?;
        let mut d = settings.build(adjoint_adversarial::Settings::default())?.discriminator;
        load(&model.run, "discriminator", &mut d)?;
        let layers = d.depth();
        let layer = self.layer.unwrap_or(layers);
        if !(1..=layers).contains(&layer) {
            return Err(Error::Flags(format!("--layer {layer}: there are 1 to {layers}")).into());
        }
        let test = model.dataset(Split::Test)?;
        let x = model.images(&test, &(0..IMAGES.min(test.len())).collect::<Vec<_>>());
        let features = d.features(&Var::constant(x.clone()), layer);
        let [n, h, w, channels] = features.value().shape().nhwc();
        let mut rows = vec![];
        let filters = self.filters.min(channels);
        model.fits(2 * filters * self.images)?;
        for filter in 0..filters {
            // The strongest answer of each image, and where it is.
            let answer = |i: usize| {
                let at = |p: usize| features.value().data()[(i * h * w + p) * channels + filter];
                (0..h * w)
                    .map(|p| (at(p), p))
                    .max_by(|a, b| a.0.total_cmp(&b.0))
                    .expect("an image has pixels")
            };
            let mut images: Vec<(f32, usize, usize)> =
                (0..n).map(|i| (answer(i).0, i, answer(i).1)).collect();
            images.sort_by(|a, b| b.0.total_cmp(&a.0));
            images.truncate(self.images);
            for &(_, i, place) in &images {
                let image = x.narrow(0, i, 1);
                let seed = Tensor::build([1, h, w, channels], |g| {
                    g.fill(0.0);
                    g[place * channels + filter] = 1.0;
                });
                rows.push(scaled(&d.guided_backpropagation(&image, layer, &seed)));
                rows.push(image);
            }
        }
        let tiles = Tensor::concat(&rows.iter().collect::<Vec<_>>(), 0);
        let grid =
            Grid { columns: 2 * self.images.min(n), ..Grid::square(rows.len(), model.common.image_size) };
        let what = format!(
            "{filters} filters of convolution {layer}, a row each: what they answer to in test images, beside these"
        );
        Ok((grid.draw(&tiles, Range::Signed), what))
    }
}

/// Numbers of any size, so that the largest is 1 or -1.
fn scaled(x: &Tensor<f32>) -> Tensor<f32> {
    let largest = x.data().iter().fold(1e-12f32, |m, x| m.max(x.abs()));
    x.map(move |x| x / largest)
}
