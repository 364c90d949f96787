//! The flags of the data.

use crate::data::Color;
use crate::{by_name, one_of};
use adjoint_data::{Digest, FitMode, Options, dataset_name, sources};
use adjoint_runs::values::{count, fraction};
use adjoint_runs::{Data, Preset, paths, preset};
use clap::ArgAction;
use serde::{Serialize, Serializer};
use std::path::{Path, PathBuf};

/// The defaults of [`DataArgs`].
pub const DATA: &[Preset] = &[
    preset("dataset", "glyphs"),
    preset("image_size", "28"),
    preset("background", "white"),
    preset("flip", "false"),
    preset("test_fraction", "0.1"),
];

/// The data of a training run. Each recipe flattens these flags into its settings.
#[derive(Clone, Debug, clap::Args, Serialize)]
pub struct DataArgs {
    /// Name of a dataset, or path of a folder of images or of an array (.npy, .npz)
    #[arg(long, value_name = "NAME|PATH", help_heading = "Data")]
    #[serde(serialize_with = "paths::serialize")]
    pub dataset: PathBuf,

    /// Directory of named datasets: MNIST is read from DIR/mnist [default: ADJOINT_DATA, or
    /// datasets/, or the user's cache directory]
    #[arg(long, value_name = "DIR", help_heading = "Data")]
    #[serde(serialize_with = "optional_path", skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,

    /// TOML file of further named datasets, in the format of datasets/manifest.toml
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    #[serde(serialize_with = "optional_path", skip_serializing_if = "Option::is_none")]
    pub manifest: Option<PathBuf>,

    /// Fetch missing dataset files into the data directory
    #[arg(long, help_heading = "Data")]
    pub download: bool,

    /// Never open a connection
    #[arg(long, conflicts_with = "download", help_heading = "Data")]
    pub offline: bool,

    /// Height and width of the images, in pixels
    #[arg(long, value_name = "PIXELS", help_heading = "Data", value_parser = count::<usize>)]
    pub image_size: usize,

    /// Values per pixel: 1 for grayscale or 3 for colour [default: 3 for a folder, or those of the
    /// array]
    #[arg(long, value_name = "N", help_heading = "Data", value_parser = channels)]
    pub channels: Option<usize>,

    /// How images of another size become squares [default: crop for a folder or an array]
    #[arg(long, value_name = "NAME", help_heading = "Data", value_parser = one_of(&FitMode::CHOICES))]
    #[serde(serialize_with = "optional_name", skip_serializing_if = "Option::is_none")]
    pub fit: Option<FitMode>,

    /// Colour behind transparent images and around padded ones: a name such as white, or #rrggbb
    #[arg(long, value_name = "COLOUR", help_heading = "Data", value_parser = Color::parse)]
    pub background: Color,

    /// Mirror half of the training images, at random in each epoch
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(help_heading = "Data", action = ArgAction::Set)]
    pub flip: bool,

    /// Use only N images per split, chosen at random
    #[arg(long, value_name = "N", help_heading = "Data", value_parser = count::<usize>)]
    pub limit: Option<usize>,

    /// Fraction of the images that are kept for testing, if the dataset has no test images
    #[arg(long, value_name = "X", help_heading = "Data", value_parser = fraction)]
    pub test_fraction: f64,

    /// Skip images of a folder that cannot be decoded
    #[arg(long, help_heading = "Data")]
    pub skip_broken: bool,

    /// Directory for the decoded images of folders and arrays [default: the user's cache directory]
    #[arg(long, value_name = "DIR", help_heading = "Data")]
    #[serde(serialize_with = "optional_path", skip_serializing_if = "Option::is_none")]
    pub cache_dir: Option<PathBuf>,

    /// Keep the decoded images of a folder or an array in memory only
    #[arg(long, conflicts_with = "cache_dir", help_heading = "Data")]
    pub no_cache: bool,

    /// Is the progress of loading hidden? This is `--quiet` of the run, and no flag of the data.
    #[arg(skip)]
    #[serde(skip)]
    pub quiet: bool,

    /// SHA-256 of the images of the run. The program records this setting and the next one, so that
    /// changed images are noticed and models can be opened without the images.
    #[arg(long, hide = true, value_name = "SHA256", value_parser = digest)]
    #[serde(serialize_with = "optional_text", skip_serializing_if = "Option::is_none")]
    pub dataset_sha256: Option<Digest>,

    /// Number of classes of the images of the run
    #[arg(long, hide = true, value_name = "N")]
    pub dataset_classes: Option<usize>,
}

impl Data for DataArgs {
    fn name(&self) -> String {
        dataset_name(&self.dataset)
    }

    fn free_on_resume(&self) -> Vec<&'static str> {
        let mut free = vec!["data_dir", "manifest", "download", "offline", "cache_dir", "no_cache"];
        // The digest of the images is fixed, so a folder or an array may have another place.
        if self.is_path() {
            free.extend(["dataset", "skip_broken"]);
        }
        free
    }

    fn found() -> &'static [&'static str] {
        &["dataset_sha256", "dataset_classes"]
    }
}

impl DataArgs {
    /// The settings that are for images and not for points.
    pub const OF_IMAGES: [&str; 14] = [
        "data_dir",
        "manifest",
        "download",
        "offline",
        "image_size",
        "channels",
        "fit",
        "background",
        "flip",
        "limit",
        "test_fraction",
        "skip_broken",
        "cache_dir",
        "no_cache",
    ];

    /// Returns whether the settings of a run name a folder or an array, and no named dataset. A run
    /// records an absolute path.
    pub fn is_path(&self) -> bool {
        self.dataset_sha256.is_some() && self.dataset.is_absolute()
    }

    /// Returns whether the dataset is one that the program knows without a user's manifest.
    pub fn is_built_in(&self) -> bool {
        sources(&Options::default()).iter().any(|(name, _)| self.dataset.as_os_str() == *name)
    }

    /// Returns whether two runs have the same images.
    pub fn same_images(&self, other: &Self) -> bool {
        let images = |data: &Self| {
            let of_flags = (data.image_size, data.channels, data.fit, data.background);
            (data.dataset.clone(), of_flags, data.limit, data.test_fraction.to_bits())
        };
        match (self.dataset_sha256, other.dataset_sha256) {
            (Some(one), Some(other_digest)) => one == other_digest && self.limit == other.limit,
            // Manifests may have different sets of one name.
            _ => images(self) == images(other) && (self.is_built_in() || self.manifest == other.manifest),
        }
    }
}

fn channels(text: &str) -> Result<usize, String> {
    match text {
        "1" => Ok(1),
        "3" => Ok(3),
        _ => Err("it is 1 (grayscale) or 3 (colour)".to_owned()),
    }
}

fn digest(text: &str) -> Result<Digest, String> {
    Digest::try_from(text.to_owned())
}

fn optional_path<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    paths::serialize(path.as_deref().unwrap_or(Path::new("")), serializer)
}

fn optional_name<S: Serializer>(mode: &Option<FitMode>, serializer: S) -> Result<S::Ok, S::Error> {
    by_name(&mode.unwrap_or(FitMode::Crop), serializer)
}

fn optional_text<S: Serializer>(digest: &Option<Digest>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&digest.map(|digest| digest.to_string()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args, Command};

    #[test]
    fn points_have_no_flag_of_the_data_but_the_dataset() {
        let command = DataArgs::augment_args(Command::new("data"));
        let flags = command.get_arguments().filter(|arg| !arg.is_hide_set() && arg.get_id() != "dataset");
        assert_eq!(flags.map(|arg| arg.get_id().as_str()).collect::<Vec<_>>(), DataArgs::OF_IMAGES);
    }
}
