//! The networks of a run as graphs, for other programs.

use std::path::Path;

use adjoint_adversarial::{Condition, Settings};
use adjoint_data::PixelRange;
use adjoint_interop::{Facts, Graph, LAYOUT};
use adjoint_nn::Module;
use adjoint_runs::{BoxError, Config, Data as _};

use super::open::{Open, load_together, refuse_raw, settings};
use crate::data::{self, DataArgs};
use crate::game::GameConfig;
use crate::game::flags::Distribution;
use crate::variational::{LatentModel, VariationalConfig};

/// The trained networks of a run, and facts about them.
#[derive(Clone, Debug)]
pub struct Exported {
    /// The networks: a generator and a discriminator, or an encoder and a decoder.
    pub graphs: Vec<Graph>,
    /// The facts.
    pub facts: Facts,
}

/// Returns both networks of a game. The generator has the weights that `sample` uses.
pub(crate) fn of_game<C: GameConfig>(open: &Open) -> Result<Exported, BoxError> {
    let settings: C = settings(open)?;
    let mut game = settings.build(Settings::default())?;
    let (generator, run) = (generator_of(settings.game().ema, open), &open.run);
    let step =
        load_together(run, [(generator, &mut game.generator), ("discriminator", &mut game.discriminator)])?;
    let noise = settings.game().noise;
    let states = [game.generator.state(), game.discriminator.state()];
    let graphs = settings.graphs(&states, described(noise))?.into();
    let is_image = settings.points().is_none();
    let range = is_image.then(|| pixel_range(PixelRange::Symmetric));
    let by_class = settings.condition() == Some(Condition::Class);
    Ok(Exported { graphs, facts: facts(&settings, run, step, (noise, range, by_class))? })
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
    let range = Some(pixel_range(PixelRange::Unit));
    let by_class = settings.variational().conditional;
    let facts = facts(&settings, &open.run, step, (Distribution::Gaussian, range, by_class))?;
    Ok(Exported { graphs, facts })
}

/// Returns the name of the weights of G that a run is opened with.
pub(crate) fn generator_of(ema: f64, open: &Open) -> &'static str {
    if ema > 0.0 && !open.raw { "generator_ema" } else { "generator" }
}

/// Describes the latent variables.
fn described(noise: Distribution) -> &'static str {
    match noise {
        Distribution::Uniform => "independent numbers, uniform on [-1, 1)",
        Distribution::Gaussian => "independent standard normal numbers",
    }
}

/// The values of black and white.
fn pixel_range(range: PixelRange) -> [f32; 2] {
    match range {
        PixelRange::Unit => [0.0, 1.0],
        PixelRange::Symmetric => [-1.0, 1.0],
    }
}

fn facts<C: Config<Data = DataArgs>>(
    settings: &C,
    run: &Path,
    step: Option<u64>,
    (noise, pixel_range, by_class): (Distribution, Option<[f32; 2]>, bool),
) -> Result<Facts, BoxError> {
    let place = std::path::absolute(run).unwrap_or_else(|_| run.to_path_buf());
    Ok(Facts {
        model: C::MODEL.to_owned(),
        run: place.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        dataset: settings.data().name(),
        classes: if by_class { data::class_names(settings.data())? } else { vec![] },
        step,
        layout: LAYOUT.to_owned(),
        pixel_range,
        noise: described(noise).to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}
