//! What a trainer of a model with latent variables brings: its settings, two networks, and nothing
//! else.

use crate::limits;
use crate::variational::{Measures, VariationalArgs, VariationalTrainer};
use crate::{Model, Recipe};
use adjoint_nn::cost::LayerCost;
use adjoint_runs::{BoxError, Config, Launch, Summary, command};
use adjoint_variational::{Autoencoder, Decoder, Encoder, Settings, cost};

/// The settings of such a trainer. [`summary`] is what `--dry-run` prints, [`trainer`] what it
/// trains, [`recipe`] all of it for the registry.
pub trait VariationalConfig: Config {
    /// Its q(z|x).
    type Encoder: Encoder<f32> + 'static;
    /// Its p(x|z).
    type Decoder: Decoder<f32> + 'static;

    /// The flags of every such model.
    fn variational(&self) -> &VariationalArgs;

    /// The layers of the encoder and of the decoder.
    ///
    /// # Errors
    /// If flags contradict each other, or there is no such dataset.
    fn costs(&self) -> Result<[Vec<LayerCost>; 2], BoxError>;

    /// The model with its first weights, trained in this way.
    ///
    /// # Errors
    /// As [`costs`](Self::costs).
    fn build(&self, settings: Settings) -> Result<Autoencoder<f32, Self::Encoder, Self::Decoder>, BoxError>;
}

/// What `--dry-run` prints.
///
/// # Errors
/// If flags contradict each other.
pub fn summary(config: &impl VariationalConfig) -> Result<Summary, BoxError> {
    let (batch, args) = (config.common().batch_size, config.variational());
    limits::image_size(config.common())?;
    args.settings()?;
    let [encoder, decoder] = config.costs()?;
    let step_flops = cost::step_flops(&encoder, &decoder, batch, args.k);
    let step_bytes = cost::step_bytes(&encoder, &decoder, batch, args.k);
    Ok(Summary { networks: vec![("encoder", encoder), ("decoder", decoder)], step_flops, step_bytes })
}

/// The model with its first weights, and its data.
///
/// # Errors
/// If flags contradict each other or the data can't be had.
pub fn trainer<C: VariationalConfig>(
    config: &C,
) -> Result<VariationalTrainer<C::Encoder, C::Decoder>, BoxError> {
    // Flags first: a wrong one should not cost a download.
    let (common, args) = (config.common(), config.variational());
    limits::memory(summary(config)?.step_bytes)?;
    let measures = Measures::new(args.clone(), common.seed, &config.costs()?);
    VariationalTrainer::new(config.build(args.settings()?)?, measures, common)
}

/// The recipe of a model with these settings.
pub const fn recipe<C: VariationalConfig>() -> Recipe {
    Recipe {
        model: C::MODEL,
        command: command::<C>,
        train: |arguments| Launch::<C>::start(arguments)?.train(summary, trainer),
        open: Model::variational::<C>,
    }
}
