//! The networks of a run as graphs, for other programs.

use std::path::Path;

use adjoint_adversarial::{Condition, Settings};
use adjoint_interop::{Content, Facts, Graph, LAYOUT};
use adjoint_nn::{Module, Named as _};
use adjoint_runs::{BoxError, Config, Data as _, is_imported};

use super::open::{Open, has_weights, load, load_together, refuse_raw, settings};
use crate::data::{self, DataArgs};
use crate::game::GameConfig;
use crate::game::flags::Distribution;
use crate::variational::{LatentModel, VariationalConfig};

/// The trained networks of a run, and facts about them.
#[derive(Clone, Debug)]
pub struct Exported {
    /// The networks: a generator and a discriminator, or an encoder and a decoder. An imported run
    /// may have no discriminator.
    pub graphs: Vec<Graph>,
    /// The facts.
    pub facts: Facts,
}

/// Returns the networks of a game. The generator has the weights that `sample` uses.
pub(crate) fn of_game<C: GameConfig>(open: &Open) -> Result<Exported, BoxError> {
    let settings: C = settings(open)?;
    let mut game = settings.build(Settings::default())?;
    let (run, name) = (&open.run, generator_of(settings.game().ema, open));
    let is_alone = is_imported(run) && !has_weights(run, DISCRIMINATOR);
    let (generator, discriminator) = (&mut game.generator, &mut game.discriminator);
    let step = if is_alone {
        load(run, name, generator)?
    } else {
        load_together(run, [(name, generator), (DISCRIMINATOR, discriminator)])?
    };
    let noise = match settings.game().noise {
        Distribution::Uniform => Content::Uniform,
        Distribution::Gaussian => Content::Normal,
    };
    let states = [game.generator.state(), game.discriminator.state()];
    let graphs = settings.graphs(&states, noise)?.into_iter().take(if is_alone { 1 } else { 2 }).collect();
    let range = Content::SymmetricImage.pixel_range();
    let by_class = settings.condition() == Some(Condition::Class);
    let mut facts = facts(&settings, run, (step, noise, by_class))?;
    facts.pixel_range = range.filter(|_| settings.points().is_none());
    facts.averaged = name == AVERAGE;
    Ok(Exported { graphs, facts })
}

/// Returns the encoder and the decoder of a latent variable model.
pub(crate) fn of_latent_model<C: VariationalConfig>(open: &Open) -> Result<Exported, BoxError> {
    refuse_raw(open, C::MODEL)?;
    let settings: C = settings(open)?;
    let networks = &mut LatentModel::new(&settings)?.model.networks;
    let step =
        load_together(&open.run, [("encoder", &mut networks.encoder), ("decoder", &mut networks.decoder)])?;
    let states = [networks.encoder.state(), networks.decoder.state()];
    let graphs = settings.graphs(&states)?.into();
    let mut facts = facts(&settings, &open.run, (step, Content::Normal, settings.variational().conditional))?;
    facts.pixel_range = Content::UnitImage.pixel_range();
    Ok(Exported { graphs, facts })
}

/// Name of the weights of D.
const DISCRIMINATOR: &str = "discriminator";
/// Name of the moving average of the weights of G.
const AVERAGE: &str = "generator_ema";

/// Returns the name of the weights of G that a run is opened with.
pub(crate) fn generator_of(ema: f64, open: &Open) -> &'static str {
    if ema > 0.0 && !open.raw { AVERAGE } else { "generator" }
}

/// Returns the facts about any model. The range of pixels is not known.
fn facts<C: Config<Data = DataArgs>>(
    settings: &C,
    run: &Path,
    (step, noise, by_class): (Option<u64>, Content, bool),
) -> Result<Facts, BoxError> {
    let place = std::path::absolute(run).unwrap_or_else(|_| run.to_path_buf());
    Ok(Facts {
        model: C::MODEL.to_owned(),
        run: place.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        dataset: settings.data().name(),
        classes: if by_class { data::class_names(settings.data())? } else { vec![] },
        imported: is_imported(run),
        averaged: false,
        step,
        layout: LAYOUT.to_owned(),
        pixel_range: None,
        noise: noise.about().to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}
