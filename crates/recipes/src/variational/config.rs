//! The trait that the settings of a latent variable model implement, and the recipe of the model.

use crate::data::DataArgs;
use crate::limits;
use crate::model::{exported, imported};
use crate::variational::{VariationalArgs, VariationalTrainer};
use crate::{Model, Recipe};
use adjoint_interop::Graph;
use adjoint_nn::NamedTensors;
use adjoint_nn::cost::LayerCost;
use adjoint_runs::{BoxError, Config, Summary, command, start, train};
use adjoint_variational::{Autoencoder, Decoder, Encoder, Settings, cost};

/// The settings of a latent variable model. [`summary`] returns what `--dry-run` prints, and
/// [`VariationalTrainer::new`] returns the trainer. [`recipe`] combines both into the recipe of the
/// model.
pub trait VariationalConfig: Config<Data = DataArgs> {
    /// The encoder, q(z|x).
    type Encoder: Encoder<f32> + 'static;
    /// The decoder, p(x|z).
    type Decoder: Decoder<f32> + 'static;

    /// Returns the flags that all latent variable models have.
    fn variational(&self) -> &VariationalArgs;

    /// Returns the layers of the encoder and of the decoder, with their costs.
    ///
    /// # Errors
    /// If flags contradict each other, or there is no such dataset.
    fn costs(&self) -> Result<[Vec<LayerCost>; 2], BoxError>;

    /// Builds the model with its initial weights, to be trained with these settings.
    ///
    /// # Errors
    /// As [`costs`](Self::costs).
    fn build(&self, settings: Settings) -> Result<Autoencoder<f32, Self::Encoder, Self::Decoder>, BoxError>;

    /// Returns the encoder and the decoder with these states, as graphs.
    ///
    /// # Errors
    /// As [`costs`](Self::costs).
    fn graphs(&self, states: &[NamedTensors; 2]) -> Result<[Graph; 2], BoxError>;
}

/// Returns the summary that `--dry-run` prints.
///
/// # Errors
/// If flags contradict each other.
pub fn summary(config: &impl VariationalConfig) -> Result<Summary, BoxError> {
    let (batch, args) = (config.common().batch_size, config.variational());
    limits::image_size(config.data())?;
    args.settings()?;
    let [encoder, decoder] = config.costs()?;
    let step_flops = cost::step_flops(&encoder, &decoder, batch, args.k);
    let step_bytes = cost::step_bytes(&encoder, &decoder, batch, args.k);
    Ok(Summary { networks: vec![("encoder", encoder), ("decoder", decoder)], step_flops, step_bytes })
}

/// Returns the recipe of the model whose settings are `C`.
pub const fn recipe<C: VariationalConfig>() -> Recipe {
    Recipe {
        model: C::MODEL,
        command: command::<C>,
        train: |arguments| train(start::<C>(arguments)?, summary, VariationalTrainer::new),
        has_average: false,
        export: exported::of_latent_model::<C>,
        import: imported::of_latent_model::<C>,
        open: Model::variational::<C>,
        filters: |_| Ok(None),
    }
}
