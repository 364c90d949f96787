//! Makes runs of networks that another program trained.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use adjoint_adversarial::Settings;
use adjoint_interop::examples::ForeignNetwork;
use adjoint_nn::Module;
use adjoint_runs::{BoxError, Config, create_imported, start, weights};

use crate::data::{self, DataArgs};
use crate::game::GameConfig;
use crate::variational::{LatentModel, VariationalConfig};

/// Networks of another program, each with the file that it is from, and the number of channels of
/// their images.
#[derive(Clone, Copy, Debug)]
pub struct Import<'a> {
    /// The networks.
    pub networks: &'a [(ForeignNetwork, &'a Path)],
    /// The number of channels.
    pub channels: usize,
}

/// Makes a run of a generator, and of a discriminator if there is one.
pub(crate) fn of_game<C: GameConfig>(
    arguments: &[OsString],
    import: Import<'_>,
) -> Result<PathBuf, BoxError> {
    let config: C = configured(arguments, import)?;
    let game = config.build(Settings::default())?;
    write(config, import, &[("generator", &game.generator), ("discriminator", &game.discriminator)])
}

/// Makes a run of an encoder and a decoder.
pub(crate) fn of_latent_model<C: VariationalConfig>(
    arguments: &[OsString],
    import: Import<'_>,
) -> Result<PathBuf, BoxError> {
    let config: C = configured(arguments, import)?;
    let model = LatentModel::new(&config)?.model.networks;
    write(config, import, &[("encoder", &model.encoder), ("decoder", &model.decoder)])
}

/// Parses the arguments of a trainer. The images have the number of channels of the networks.
fn configured<C: Config<Data = DataArgs>>(arguments: &[OsString], import: Import<'_>) -> Result<C, BoxError> {
    let mut config: C = start(arguments)?;
    data::need_channels(config.data_mut(), import.channels)?;
    Ok(config)
}

/// Writes the run. `expected` are the networks of these settings.
fn write<C: Config<Data = DataArgs>>(
    mut config: C,
    Import { networks, .. }: Import<'_>,
    expected: &[(&str, &dyn Module<f32>)],
) -> Result<PathBuf, BoxError> {
    let (mut fitting, mut problems) = (vec![], vec![]);
    for (found, path) in networks {
        let (name, expected) =
            expected.iter().find(|(own, _)| *own == found.name).expect("a network of this model");
        let matched = |network: &dyn Module<f32>| {
            weights::matched(path, &found.weights, &network.state(), |name| found.foreign_name(name))
        };
        match matched(*expected) {
            Ok(weights) => fitting.push((*name, weights)),
            Err(problem) => problems.push(problem.to_string()),
        }
    }
    if !problems.is_empty() {
        return Err(problems.join("; ").into());
    }
    let common = config.common().clone();
    let set = data::load_to_train(config.data_mut(), &common)?;
    let origin = networks.iter().map(|(network, path)| format!("{}: {}\n", network.name, path.display()));
    Ok(create_imported(&config, &fitting, &data::records(&set), &origin.collect::<String>())?)
}
