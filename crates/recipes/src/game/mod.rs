//! The game of a generator and a discriminator as a program: its flags, the trainer of all such
//! games, and what they are played about.
//!
//! * [`flags`]: the variants of the game as flags; [`presets`] are their defaults.
//! * [`config`]: what a program brings to make of them a trainer.
//! * [`GameTrainer`]: any game in the hands of the training loop.
//! * [`stage`]: data, conditions and pictures; [`images`] and [`points`] are the two kinds.

pub mod config;
pub mod flags;
mod game_trainer;
pub mod images;
pub mod points;
pub mod presets;
pub mod stage;

pub use adjoint_adversarial::Condition;
pub use config::{GameConfig, recipe, summary, trainer};
pub use flags::{ConditionArgs, GameArgs, HiddenArgs};
pub use game_trainer::GameTrainer;
pub use images::ImageStage;
pub use points::PointStage;
pub use stage::{Play, Stage};
