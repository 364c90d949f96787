//! Loads the datasets that flags name.

use adjoint_data::{Dataset, Downloader, Options, Progress, Split, is_built_in, source};
use adjoint_runs::{BoxError, CommonArgs, UnusedFlag, note, unused_if};

fn options(common: &CommonArgs) -> Options {
    Options { data_dir: common.data_dir.clone(), image_size: common.image_size, ..Options::default() }
}

/// Loads a split of the dataset that the flags name, and prints each file that it downloads.
///
/// # Errors
/// If there is no such dataset, or its files are missing, can't be fetched or are damaged.
pub fn load(common: &CommonArgs, split: Split) -> Result<Dataset, BoxError> {
    let mut last = String::new();
    let mut downloader = Downloader::new(|Progress { file, url, total, .. }| {
        if last != url {
            note(format!("fetching {file} ({:.1} MB) from {url}", total as f64 / 1e6));
            last = url.to_owned();
        }
    });
    let downloader = if common.download { Some(&mut downloader) } else { None };
    Ok(Dataset::load(&common.dataset, split, &options(common), downloader)?)
}

/// Loads the training set of a run. If the run is an epoch or longer, all glyphs are drawn now, on
/// all processors; a shorter run draws the images that it needs.
///
/// # Errors
/// As [`load`].
pub fn load_to_train(common: &CommonArgs) -> Result<Dataset, BoxError> {
    let set = load(common, Split::Train)?;
    let epoch = (set.len() / common.batch_size.max(1)) as u64;
    if common.total_steps(epoch) >= epoch {
        set.draw_all();
    }
    Ok(set)
}

/// Returns the flags that have no effect for a built-in dataset.
pub fn unused_flags(common: &CommonArgs) -> Vec<UnusedFlag> {
    let built_in = is_built_in(&common.dataset);
    unused_if(built_in, "a dataset from files, such as --dataset mnist", ["data_dir", "download"])
}

/// Returns the number of channels of the dataset that the flags name, without loading it.
///
/// # Errors
/// If there is no such dataset.
pub fn channels(common: &CommonArgs) -> Result<usize, BoxError> {
    Ok(source(&common.dataset, &options(common))?.channels())
}

/// Returns the number of classes of the dataset that the flags name, without loading it.
///
/// # Errors
/// If there is no such dataset.
pub fn classes(common: &CommonArgs) -> Result<usize, BoxError> {
    Ok(source(&common.dataset, &options(common))?.classes().len())
}
