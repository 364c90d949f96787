//! What the filters of a discriminator respond to.

use crate::game::GameConfig;
use crate::load;
use adjoint_adversarial::Settings;
use adjoint_nn::cost::LayerCost;
use adjoint_nn::{Module, Tensor, Var};
use adjoint_runs::{BoxError, settings_of_run};
use std::path::Path;

/// A discriminator whose features can be read. Layers are counted from 1 at the image.
pub trait Filters: Module<f32> {
    /// Returns the number of layers that have features.
    fn depth(&self) -> usize;

    /// Returns the features of images (N, H, W, C) in a layer: (N, h, w, channels).
    ///
    /// # Panics
    /// If there is no such layer, or the images do not fit the network.
    fn features(&mut self, x: &Var<f32>, layer: usize) -> Var<f32>;

    /// Computes which pixels of the images x increase the features of a layer, weighted by `seed`
    /// (guided backpropagation, Springenberg et al. 2015, section 3.4).
    ///
    /// # Panics
    /// If there is no such layer, or a shape does not fit the network.
    fn guided_backpropagation(&mut self, x: &Tensor<f32>, layer: usize, seed: &Tensor<f32>) -> Tensor<f32>;
}

/// A trained discriminator and the costs of its layers.
pub type FiltersAndCosts = (Box<dyn Filters>, Vec<LayerCost>);

/// Loads the discriminator of a run. Returns None if this model has no [`Filters`].
pub(crate) fn open<C: GameConfig>(run: &Path) -> Result<Option<FiltersAndCosts>, BoxError> {
    let settings: C = settings_of_run(run)?;
    let Some(mut d) = C::filters(settings.build(Settings::default())?.discriminator) else { return Ok(None) };
    load(run, "discriminator", &mut *d)?;
    let [_, costs] = settings.costs()?;
    Ok(Some((d, costs)))
}
