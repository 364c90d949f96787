//! Access to the features of a discriminator, to show what its filters respond to.

use crate::game::GameConfig;
use crate::load;
use adjoint_adversarial::Settings;
use adjoint_nn::cost::LayerCost;
use adjoint_nn::{Module, Tensor, Var};
use adjoint_runs::{BoxError, settings_of_run};
use std::path::Path;

/// A discriminator that gives access to the features of its layers. Layer 1 reads the image.
pub trait Filters: Module<f32> {
    /// Returns the number of layers that have features.
    fn depth(&self) -> usize;

    /// Computes the features of a layer for images of shape (N, H, W, C). The result has the shape
    /// (N, h, w, channels).
    ///
    /// # Panics
    /// If there is no such layer, or the images do not fit the network.
    fn features(&mut self, x: &Var<f32>, layer: usize) -> Var<f32>;

    /// Computes which pixels of the images `x` increase the features of a layer. `seed` has a
    /// weight for each feature. The method is guided backpropagation (Springenberg et al. 2015,
    /// section 3.4).
    ///
    /// # Panics
    /// If there is no such layer, or a shape does not fit the network.
    fn guided_backpropagation(&mut self, x: &Tensor<f32>, layer: usize, seed: &Tensor<f32>) -> Tensor<f32>;
}

/// A trained discriminator and the costs of its layers.
pub type FiltersAndCosts = (Box<dyn Filters>, Vec<LayerCost>);

/// Loads the discriminator of a run, with the costs of its layers. Returns None if the
/// discriminator of this kind of model does not implement [`Filters`].
pub(crate) fn open<C: GameConfig>(run: &Path) -> Result<Option<FiltersAndCosts>, BoxError> {
    let settings: C = settings_of_run(run)?;
    let Some(mut d) = C::filters(settings.build(Settings::default())?.discriminator) else { return Ok(None) };
    load(run, "discriminator", &mut *d)?;
    let [_, costs] = settings.costs()?;
    Ok(Some((d, costs)))
}
