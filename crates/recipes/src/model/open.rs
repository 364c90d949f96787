//! Opens the model in a run's directory: finds its recipe, reads its settings and loads its
//! weights.

use crate::Model;
use crate::data::{DataArgs, Places};
use crate::game::flags::Distribution;
use crate::game::{Condition, GameArgs, GameConfig};
use crate::model::exported::generator_of;
use crate::model::networks::GeneratorOnly;
use crate::registry::Recipe;
use crate::variational::{LatentModel, VariationalConfig};
use adjoint_adversarial as adversarial;
use adjoint_data::PixelRange;
use adjoint_nn::Module;
use adjoint_runs::{BoxError, Config, Error, settings_of_run, weights};
use std::path::{Path, PathBuf};

/// The run to open, and options.
#[derive(Clone, Debug)]
pub struct Open {
    /// Directory of the run.
    pub run: PathBuf,
    /// Seed of all random numbers.
    pub seed: u64,
    /// Use G's last weights instead of their moving average.
    pub raw: bool,
    /// Where its data are now.
    pub places: Places,
}

impl Model {
    /// Opens a run.
    ///
    /// # Errors
    /// If there is no run, its model is unknown, or its weights are missing or don't fit its
    /// settings.
    pub fn open(open: &Open) -> Result<Self, BoxError> {
        (Recipe::of_run(&open.run)?.open)(open)
    }

    pub(crate) fn variational<C: VariationalConfig>(open: &Open) -> Result<Self, BoxError> {
        refuse_raw(open, C::MODEL)?;
        let settings: C = settings(open)?;
        let mut latent = LatentModel::new(&settings)?;
        let networks = &mut latent.model.networks;
        load_together(&open.run, [("encoder", &mut networks.encoder), ("decoder", &mut networks.decoder)])?;
        Ok(Model {
            kind: C::MODEL,
            autoencoder: latent.args.autoencoder,
            latent: latent.args.latent,
            noise: Distribution::Gaussian,
            range: PixelRange::Unit,
            points: None,
            condition: latent.args.conditional.then_some(Condition::Class),
            run: open.run.clone(),
            seed: open.seed,
            sets: Default::default(),
            data: settings.data().clone(),
            networks: Box::new(latent),
        })
    }

    pub(crate) fn game<C: GameConfig>(open: &Open) -> Result<Self, BoxError> {
        let settings: C = settings(open)?;
        let mut generator = settings.build(adversarial::Settings::default())?.generator;
        load(&open.run, generator_of(settings.game().ema, open), &mut generator)?;
        let GameArgs { latent, noise, .. } = *settings.game();
        Ok(Model {
            kind: C::MODEL,
            autoencoder: false,
            latent,
            noise,
            range: PixelRange::Symmetric,
            points: settings.points(),
            condition: settings.condition(),
            data: settings.data().clone(),
            run: open.run.clone(),
            seed: open.seed,
            sets: Default::default(),
            networks: Box::new(GeneratorOnly(generator)),
        })
    }
}

/// Rejects `--raw` for a model without a moving average of its weights.
pub(super) fn refuse_raw(open: &Open, model: &str) -> Result<(), Error> {
    if !open.raw {
        return Ok(());
    }
    let problem = format!("a {model} keeps no moving average of its weights; leave out --raw");
    Err(Error::file(&open.run, problem))
}

/// Reads the settings of a run, with the present places of its data.
pub(super) fn settings<C: Config<Data = DataArgs>>(open: &Open) -> Result<C, BoxError> {
    let mut settings: C = settings_of_run(&open.run)?;
    open.places.apply(&open.run, settings.data_mut())?;
    Ok(settings)
}

/// Loads two networks of a run. Fails if their weights were saved after different training steps.
/// Such weights occur while a run writes its weights, and if the run was stopped after it wrote
/// only one of the two files. Returns the training step, if the files contain it.
pub(super) fn load_together(
    run: &Path,
    networks: [(&str, &mut dyn Module<f32>); 2],
) -> Result<Option<u64>, BoxError> {
    let [(a, one), (b, other)] = networks;
    match (load(run, a, one)?, load(run, b, other)?) {
        (Some(one), Some(other)) if one != other => {
            let problem = format!(
                "its {a} is of step {one} and its {b} is of step {other}, because the run is writing its weights or was stopped while writing; try again, or resume the run"
            );
            Err(Error::file(run, problem).into())
        }
        (one, other) => Ok(one.or(other)),
    }
}

fn weights_of(run: &Path, name: &str) -> PathBuf {
    run.join(format!("{name}.safetensors"))
}

/// Does the run have weights with this name?
pub(super) fn has_weights(run: &Path, name: &str) -> bool {
    weights_of(run, name).is_file()
}

/// Loads RUN/NAME.safetensors into a network. Returns the training step after which the weights
/// were saved, if the file contains it.
///
/// # Errors
/// If the file is missing, damaged or belongs to another network.
pub(crate) fn load(run: &Path, name: &str, network: &mut dyn Module<f32>) -> Result<Option<u64>, BoxError> {
    let path = weights_of(run, name);
    if !has_weights(run, name) {
        let problem = "the run has no such weights yet; they are written with its checkpoints";
        return Err(Error::file(&path, problem).into());
    }
    let found = weights::import(&path, &network.state())?;
    network.load_state(&found.weights)?;
    Ok(found.step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use adjoint_nn::layers::Linear;
    use adjoint_nn::{Scheme, Slot, SlotMut};

    /// A network that calls a function when weights are loaded into it.
    struct CallWhileLoading<F>(Linear<f32>, F);

    impl<F: FnMut()> Module<f32> for CallWhileLoading<F> {
        fn visit<'a>(&'a self, path: &str, visitor: &mut dyn FnMut(&str, Slot<'a, f32>)) {
            self.0.visit(path, visitor);
        }

        fn visit_mut(&mut self, path: &str, visitor: &mut dyn FnMut(&str, SlotMut<'_, f32>)) {
            self.1();
            self.0.visit_mut(path, visitor);
        }
    }

    /// The steps that are compared belong to the weights that were loaded. They are not read from
    /// the files later, when the run may have replaced the files.
    #[test]
    fn networks_of_different_steps_are_rejected_while_a_run_writes_them() {
        let run = tempfile::tempdir().unwrap();
        let network = || {
            let mut network = Linear::<f32>::new(2, 3);
            Scheme::dcgan().apply(&mut network, "network", 1);
            network
        };
        let export = |name: &str, step| {
            let path = run.path().join(format!("{name}.safetensors"));
            weights::export(&path, Some(step), &network().state()).unwrap();
        };
        export("encoder", 3);
        export("decoder", 6);
        let (mut encoder, mut decoder) = (network(), CallWhileLoading(network(), || export("encoder", 6)));
        let error = load_together(run.path(), [("encoder", &mut encoder), ("decoder", &mut decoder)]);
        let error = error.unwrap_err().to_string();
        assert!(error.contains("its encoder is of step 3 and its decoder is of step 6"), "{error}");
        load_together(run.path(), [("encoder", &mut encoder), ("decoder", &mut decoder)]).unwrap();
    }
}
