//! The flags of the data.

use adjoint_runs::values::count;
use adjoint_runs::{Data, Preset, paths, preset};
use serde::Serialize;
use std::path::PathBuf;

/// The defaults of [`DataArgs`].
pub const DATA: &[Preset] =
    &[preset("dataset", "glyphs"), preset("data_dir", "datasets"), preset("image_size", "28")];

/// The data of a training run. Each recipe flattens these flags into its settings.
#[derive(Clone, Debug, clap::Args, Serialize)]
pub struct DataArgs {
    /// Name of the dataset
    #[arg(long, value_name = "NAME", help_heading = "Data")]
    pub dataset: String,

    /// Directory of datasets: MNIST is read from DIR/mnist
    #[arg(long, value_name = "DIR", help_heading = "Data")]
    #[serde(serialize_with = "paths::serialize")]
    pub data_dir: PathBuf,

    /// Fetch missing dataset files into the data directory
    #[arg(long, help_heading = "Data")]
    pub download: bool,

    /// Height and width of the images, in pixels
    #[arg(long, value_name = "PIXELS", help_heading = "Data", value_parser = count::<usize>)]
    pub image_size: usize,
}

impl Data for DataArgs {
    fn name(&self) -> String {
        self.dataset.clone()
    }

    fn free_on_resume(&self) -> Vec<&'static str> {
        vec!["data_dir", "download"]
    }
}
