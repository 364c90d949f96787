//! What an adversarial trainer brings: its settings, two networks, and nothing else.

use crate::game::{Condition, GameArgs, GameTrainer, ImageStage, PointStage, Stage};
use crate::limits;
use crate::{Model, Recipe};
use adjoint_adversarial::{Discriminator, Game, Generator, Settings, cost};
use adjoint_data::points::Points;
use adjoint_nn::cost::{LayerCost, flops};
use adjoint_runs::{BoxError, Config, Launch, Summary, command, warn};

/// The settings of an adversarial trainer. [`summary`] is what `--dry-run` prints, [`trainer`]
/// what it trains, [`recipe`] all of it for the registry.
pub trait GameConfig: Config {
    /// Its G.
    type Generator: Generator<f32> + 'static;
    /// Its D.
    type Discriminator: Discriminator<f32> + 'static;

    /// The flags of every game.
    fn game(&self) -> &GameArgs;

    /// The layers of G and of D.
    ///
    /// # Errors
    /// If flags contradict each other, or there is no such dataset.
    fn costs(&self) -> Result<[Vec<LayerCost>; 2], BoxError>;

    /// The game with first weights, played by these rules but for what the model knows better, such
    /// as the step size that suits its width.
    ///
    /// # Errors
    /// As [`costs`](Self::costs).
    fn build(&self, settings: Settings) -> Result<Game<f32, Self::Generator, Self::Discriminator>, BoxError>;

    /// What both are told, if anything.
    fn condition(&self) -> Option<Condition> {
        None
    }

    /// The distribution of points that samples are of, if they are no images.
    fn points(&self) -> Option<Points> {
        None
    }
}

/// What `--dry-run` prints.
///
/// # Errors
/// If flags contradict each other.
pub fn summary(config: &impl GameConfig) -> Result<Summary, BoxError> {
    let (common, game) = (config.common(), config.game());
    limits::image_size(common)?;
    game.settings(1)?;
    let [g, d] = config.costs()?;
    let step_flops = cost::step_flops(&g, &d, common.batch_size, game.d_steps);
    let step_bytes = cost::step_bytes(&g, &d, common.batch_size, game.has_penalty());
    Ok(Summary { networks: vec![("generator", g), ("discriminator", d)], step_flops, step_bytes })
}

/// The model with its first weights, and its data.
///
/// # Errors
/// If flags contradict each other or the data can't be had.
pub fn trainer<C: GameConfig>(config: &C) -> Result<GameTrainer<C::Generator, C::Discriminator>, BoxError> {
    // Flags first: a wrong one should not cost a download.
    let (common, game, summary) = (config.common(), config.game(), summary(config)?);
    game.remarks().for_each(warn);
    limits::memory(summary.step_bytes)?;
    let stage: Box<dyn Stage> = match config.points() {
        Some(points) => Box::new(PointStage::new(points, common, game.loss)),
        None => Box::new(ImageStage::load(common, config.condition())?),
    };
    let settings = game.settings(stage.batches_per_epoch() / game.d_steps as u64)?;
    GameTrainer::new((config.build(settings)?, flops(&summary.networks[0].1)), stage, game, common)
}

/// The recipe of a model with these settings.
pub const fn recipe<C: GameConfig>() -> Recipe {
    Recipe {
        model: C::MODEL,
        command: command::<C>,
        train: |arguments| Launch::<C>::start(arguments)?.train(summary, trainer),
        open: Model::game::<C>,
    }
}
