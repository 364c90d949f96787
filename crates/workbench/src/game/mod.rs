//! The game of a generator and a discriminator as a program: its flags, the trainer of all such games, and what they are
//! played about.
//!
//! * [`flags`]: the variants of the game as flags.
//! * [`trainer`]: any game in the hands of the training loop.
//! * [`stage`]: data, conditions and pictures; [`images`] and [`points`] are the two kinds.

pub mod flags;
pub mod images;
pub mod points;
pub mod stage;
pub mod trainer;

pub use flags::{GameArgs, GameConfig};
pub use images::{Condition, ImageStage};
pub use points::PointStage;
pub use stage::{Play, Stage};
pub use trainer::GameTrainer;
