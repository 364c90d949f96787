//! The flags of the data, and the datasets that they name.

mod flags;

pub use flags::{DATA, DataArgs};

use adjoint_data::points::Points;
use adjoint_data::{Dataset, Downloader, Options, Progress, Split, source, sources};
use adjoint_runs::{BoxError, CommonArgs, UnusedFlag, either, note, unused_if};
use clap::Arg;

fn options(data: &DataArgs) -> Options {
    Options { data_dir: data.data_dir.clone(), image_size: data.image_size, ..Options::default() }
}

/// Loads a split of the dataset that the flags name, and prints each file that it downloads.
///
/// # Errors
/// If there is no such dataset, or its files are missing, can't be fetched or are damaged.
pub fn load(data: &DataArgs, split: Split) -> Result<Dataset, BoxError> {
    let mut last = String::new();
    let mut downloader = Downloader::new(|Progress { file, url, total, .. }| {
        if last != url {
            note(format!("fetching {file} ({:.1} MB) from {url}", total as f64 / 1e6));
            last = url.to_owned();
        }
    });
    let downloader = if data.download { Some(&mut downloader) } else { None };
    Ok(Dataset::load(&data.dataset, split, &options(data), downloader)?)
}

/// Loads the training set of a run. If the run has at least as many steps as an epoch, all images
/// of a built-in dataset are drawn now, on all processors. A shorter run draws only the images that
/// it needs.
///
/// # Errors
/// As [`load`].
pub fn load_to_train(data: &DataArgs, common: &CommonArgs) -> Result<Dataset, BoxError> {
    let set = load(data, Split::Train)?;
    let epoch = (set.len() / common.batch_size.max(1)) as u64;
    if common.total_steps(epoch) >= epoch {
        set.draw_all();
    }
    Ok(set)
}

/// Sets the help text of `--dataset`, which lists the datasets.
pub(crate) fn help(dataset: Arg) -> Arg {
    let options = Options::default();
    let names = |stored| {
        let all = sources(&options).into_iter().filter(|(_, source)| source.is_stored() == stored);
        either(&all.map(|(name, _)| name).collect::<Vec<_>>())
    };
    dataset.help(format!("Dataset: {} (built in), {} (files)", names(false), names(true)))
}

/// Sets the help text of `--dataset` for a model that also learns points in the plane.
pub(crate) fn help_with_points(dataset: Arg) -> Arg {
    let dataset = help(dataset);
    let images = dataset.get_help().map(ToString::to_string).unwrap_or_default();
    dataset.help(format!("{images}, or the points {}", either(&Points::ALL.map(Points::name))))
}

/// Returns the flags that have no effect if the dataset is built in: `--data-dir` and `--download`.
/// Returns none if the dataset comes from files.
pub fn unused_flags(data: &DataArgs) -> Vec<UnusedFlag> {
    let built_in = source(&data.dataset, &options(data)).is_ok_and(|source| !source.is_stored());
    unused_if(built_in, "a dataset from files, such as --dataset mnist", ["data_dir", "download"])
}

/// Returns the number of channels of the dataset that the flags name, without loading it.
///
/// # Errors
/// If there is no such dataset.
pub fn channels(data: &DataArgs) -> Result<usize, BoxError> {
    Ok(source(&data.dataset, &options(data))?.channels())
}

/// Returns the number of classes of the dataset that the flags name, without loading it.
///
/// # Errors
/// If there is no such dataset, or if it is a folder that cannot be listed.
pub fn classes(data: &DataArgs) -> Result<usize, BoxError> {
    Ok(source(&data.dataset, &options(data))?.classes()?.len())
}
