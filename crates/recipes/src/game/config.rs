//! The trait that the settings of an adversarial trainer implement, and the recipe of the trainer.

use crate::data::DataArgs;
use crate::game::filters::{self, Filters};
use crate::game::{Condition, GameArgs, GameTrainer};
use crate::limits;
use crate::model::{exported, imported};
use crate::{Model, Recipe};
use adjoint_adversarial::{Discriminator, Game, Generator, Penalty, Settings, cost};
use adjoint_data::points::Points;
use adjoint_interop::{Content, Graph};
use adjoint_nn::NamedTensors;
use adjoint_nn::cost::LayerCost;
use adjoint_runs::{BoxError, Config, Summary, command, start, train};

/// The settings of an adversarial trainer. [`summary`] returns what `--dry-run` prints, and
/// [`GameTrainer::new`] returns the trainer. [`recipe`] combines both into the recipe of the model.
pub trait GameConfig: Config<Data = DataArgs> {
    /// The generator.
    type Generator: Generator<f32> + 'static;
    /// The discriminator.
    type Discriminator: Discriminator<f32> + 'static;

    /// Returns the flags that all games have.
    fn game(&self) -> &GameArgs;

    /// Returns the layers of G and of D, with their costs.
    ///
    /// # Errors
    /// If flags contradict each other, or there is no such dataset.
    fn costs(&self) -> Result<[Vec<LayerCost>; 2], BoxError>;

    /// Builds the game with initial weights. `settings` are the settings that the flags request. A
    /// model can adapt them, for example the learning rate to the width of its layers.
    ///
    /// # Errors
    /// As [`costs`](Self::costs).
    fn build(&self, settings: Settings) -> Result<Game<f32, Self::Generator, Self::Discriminator>, BoxError>;

    /// Returns G and D with these states, as graphs. `noise` says how z is distributed.
    ///
    /// # Errors
    /// As [`costs`](Self::costs).
    fn graphs(&self, states: &[NamedTensors; 2], noise: Content) -> Result<[Graph; 2], BoxError>;

    /// Returns the condition of both networks, if the model is conditional.
    fn condition(&self) -> Option<Condition> {
        None
    }

    /// Returns the distribution of the data, if the data are points instead of images.
    fn points(&self) -> Option<Points> {
        None
    }

    /// Returns the discriminator as [`Filters`], if it implements them.
    fn filters(_discriminator: Self::Discriminator) -> Option<Box<dyn Filters>> {
        None
    }
}

/// Returns the summary that `--dry-run` prints.
///
/// # Errors
/// If flags contradict each other.
pub fn summary(config: &impl GameConfig) -> Result<Summary, BoxError> {
    let (common, game) = (config.common(), config.game());
    limits::image_size(config.data())?;
    game.settings(1)?;
    let [g, d] = config.costs()?;
    let step_flops = cost::step_flops(&g, &d, common.batch_size, game.d_steps);
    let step_bytes = cost::step_bytes(&g, &d, common.batch_size, game.penalty != Penalty::None);
    Ok(Summary { networks: vec![("generator", g), ("discriminator", d)], step_flops, step_bytes })
}

/// Returns the recipe of the model whose settings are `C`.
pub const fn recipe<C: GameConfig>() -> Recipe {
    Recipe {
        model: C::MODEL,
        command: command::<C>,
        train: |arguments| train(start::<C>(arguments)?, summary, GameTrainer::new),
        has_average: true,
        export: exported::of_game::<C>,
        import: imported::of_game::<C>,
        open: Model::game::<C>,
        filters: filters::open::<C>,
    }
}
