//! Games of a generator and a discriminator as programs: the flags, the trainer and the kinds of
//! data that they share.
//!
//! * [`flags`]: the flags; [`presets`]: their defaults.
//! * [`config`]: the trait that the settings of a program implement.
//! * [`filters`]: access to the features of a discriminator.
//! * [`GameTrainer`]: a game with its data, for the training loop.
//! * [`game_data`]: data, conditions and pictures; [`images`] and [`points`] are the two kinds.

pub mod config;
pub mod filters;
pub mod flags;
pub mod game_data;
mod game_trainer;
pub mod images;
pub mod points;
pub mod presets;

pub use adjoint_adversarial::Condition;
pub use config::{GameConfig, recipe, summary};
pub use filters::Filters;
pub use flags::{ConditionArgs, GameArgs, HiddenArgs};
pub use game_data::{GameData, Play};
pub use game_trainer::GameTrainer;
pub use images::ImageData;
pub use points::PointData;
