//! Makes runs of networks that another program trained.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use adjoint_adversarial::Settings;
use adjoint_nn::{Module, NamedTensors};
use adjoint_runs::{BoxError, Config, create_imported, start, weights};

use crate::data::{self, DataArgs};
use crate::game::GameConfig;
use crate::variational::{LatentModel, VariationalConfig};

/// A network of another program: its name in a run, its weights with the names and layouts of the
/// engine, and the file that they are from.
pub type ImportedNetwork<'a> = (&'static str, NamedTensors, &'a Path);

/// Makes a run of a generator, and of a discriminator if there is one.
pub(crate) fn of_game<C: GameConfig>(
    arguments: &[OsString],
    networks: &[ImportedNetwork<'_>],
) -> Result<PathBuf, BoxError> {
    let config: C = start(arguments)?;
    let game = config.build(Settings::default())?;
    write(config, networks, &[("generator", &game.generator), ("discriminator", &game.discriminator)])
}

/// Makes a run of an encoder and a decoder.
pub(crate) fn of_latent_model<C: VariationalConfig>(
    arguments: &[OsString],
    networks: &[ImportedNetwork<'_>],
) -> Result<PathBuf, BoxError> {
    let config: C = start(arguments)?;
    let model = LatentModel::new(&config)?.model.networks;
    write(config, networks, &[("encoder", &model.encoder), ("decoder", &model.decoder)])
}

/// Writes the run. `expected` are the networks of these settings.
fn write<C: Config<Data = DataArgs>>(
    mut config: C,
    networks: &[ImportedNetwork<'_>],
    expected: &[(&str, &dyn Module<f32>)],
) -> Result<PathBuf, BoxError> {
    let mut fitting = vec![];
    for (name, found, path) in networks {
        let (_, network) = expected.iter().find(|(own, _)| own == name).expect("a network of this model");
        fitting.push((*name, weights::matched(path, found, &network.state())?));
    }
    let common = config.common().clone();
    let set = data::load_to_train(config.data_mut(), &common)?;
    let origin = networks.iter().map(|(name, _, path)| format!("{name}: {}\n", path.display()));
    Ok(create_imported(&config, &fitting, &data::records(&set), &origin.collect::<String>())?)
}
