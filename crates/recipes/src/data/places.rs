//! The present places of the data of a run.

use super::DataArgs;
use adjoint_runs::Error;
use std::path::{Path, PathBuf};

/// The places of a run's data, where they differ from those that the run recorded. The commands
/// that open a run have these flags.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Places {
    /// Directory of datasets [default: the directory that the run used]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,

    /// TOML file of further named datasets [default: the file that the run used]
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,

    /// Place of the folder or the array that the run was trained on [default: where it was then]
    #[arg(long, value_name = "PATH")]
    pub dataset: Option<PathBuf>,

    /// Directory for the decoded images of the folder [default: the directory that the run used]
    #[arg(long, value_name = "DIR")]
    pub cache_dir: Option<PathBuf>,

    /// Keep the decoded images of the folder in memory only
    #[arg(long, conflicts_with = "cache_dir")]
    pub no_cache: bool,
}

impl Places {
    /// Changes the settings of the data of `run`.
    ///
    /// # Errors
    /// If there is a place of a folder or an array, and the run was trained on a named dataset.
    pub(crate) fn apply(&self, run: &Path, data: &mut DataArgs) -> Result<(), Error> {
        let of_paths = [
            (self.dataset.is_some(), "--dataset"),
            (self.cache_dir.is_some(), "--cache-dir"),
            (self.no_cache, "--no-cache"),
        ];
        if let Some((_, flag)) = of_paths.iter().find(|(is_given, _)| *is_given && !data.is_path()) {
            return Err(Error::file(run, format!("trained on a named dataset; leave out {flag}")));
        }
        for (place, recorded) in [(&self.data_dir, &mut data.data_dir), (&self.manifest, &mut data.manifest)]
        {
            if place.is_some() {
                recorded.clone_from(place);
            }
        }
        if let Some(dataset) = &self.dataset {
            data.dataset.clone_from(dataset);
        }
        if self.cache_dir.is_some() || self.no_cache {
            data.cache_dir.clone_from(&self.cache_dir);
            data.no_cache = self.no_cache;
        }
        Ok(())
    }
}
