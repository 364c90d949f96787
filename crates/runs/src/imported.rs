//! Runs of models that another program trained. They have settings and weights, but no state of an
//! optimiser, so they can be opened and not resumed.

use std::fs;
use std::path::{Path, PathBuf};

use crate::config::{self, Config, Data};
use crate::{Error, NamedTensors, RunDir, weights, write_file};

/// The file that marks such a run. It names the files that the weights are from.
const MARK: &str = "imported.txt";

/// Writes a run with these settings, weights and records (names and contents of further files).
/// `origin` says where the weights are from. Returns the run's directory.
///
/// # Errors
/// If the run exists, the disk is full or a file can't be written. Nothing stays of the run then.
pub fn create_imported<C: Config>(
    config: &C,
    networks: &[(&str, NamedTensors)],
    records: &[(&str, String)],
    origin: &str,
) -> Result<PathBuf, Error> {
    let common = config.common();
    let stem = format!("{}-{}", C::MODEL, config.data().name());
    let run = RunDir::create(&common.out, common.name.as_deref(), &stem)?;
    // The mark is first and the settings are last: without settings, this is no run.
    let write = || {
        let text =
            |name: &str, content: &str| write_file(&run.file(name), |out| out.write_all(content.as_bytes()));
        text(MARK, origin)?;
        for (name, network) in networks {
            weights::export(&run.weights(name), None, network)?;
        }
        records.iter().try_for_each(|(name, content)| text(name, content))?;
        text("config.toml", &config::to_toml(config))
    };
    let written = write();
    if written.is_err() {
        // Errors are ignored, because the first error is reported.
        let _ = fs::remove_dir_all(&run.path);
    }
    written.map(|()| run.path.clone())
}

/// Was the model of this run trained by another program?
pub fn is_imported(run: &Path) -> bool {
    run.join(MARK).is_file()
}
