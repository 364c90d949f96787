//! The flags of the data, and the datasets that they name.

mod color;
mod facts;
mod flags;
mod places;

pub use color::Color;
pub(crate) use facts::need_channels;
pub use facts::{channels, class_names, classes};
pub use flags::{DATA, DataArgs};
pub use places::Places;

use adjoint_data::FitMode;
use adjoint_data::points::Points;
use adjoint_data::{
    DataError, Dataset, Decoding, Downloader, Kind, Manifest, Options, Progress, Report, Split, cache_dir,
    data_dir, first_difference, source, sources,
};
use adjoint_runs::{
    BoxError, CommonArgs, Error, Loading, Unit, UnusedFlag, either, grouped, note, say, unused_if,
};
use clap::Arg;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The file of a run that lists its images, if they come from a folder or an array. It names the
/// images that changed if the digest of the images is another one.
const LIST: &str = "images.txt";

fn options(data: &DataArgs) -> Result<Options, BoxError> {
    let manifest = match &data.manifest {
        Some(file) => Manifest::default().merge(Manifest::read(file)?)?,
        None => Manifest::default(),
    };
    let loading = Mutex::new(Loading::default());
    let report = Report::new(move |Decoding { done, total, .. }| {
        let mut loading = loading.lock().unwrap_or_else(PoisonError::into_inner);
        loading.show("decoding images", [done, total].map(|images| images as u64), Unit::Images);
    });
    Ok(Options {
        data_dir: data_dir(data.data_dir.as_deref()),
        image_size: data.image_size,
        manifest,
        channels: data.channels,
        fit: data.fit,
        background: data.background.0,
        test_fraction: data.test_fraction,
        limit: data.limit,
        skip_broken: data.skip_broken,
        cache_dir: if data.no_cache { None } else { cache_dir(data.cache_dir.as_deref()) },
        report: if data.quiet { Report::default() } else { report },
        ..Options::default()
    })
}

/// Loads a split of the dataset that the flags name, and shows the progress of downloads and of
/// decoding. `run` is the run that was trained on it, if there is one.
///
/// # Errors
/// If there is no such dataset, or its files are missing, can't be fetched or are damaged. If the
/// images of a folder or an array are not those of the run.
pub fn load(data: &DataArgs, split: Split, run: Option<&Path>) -> Result<Dataset, BoxError> {
    let [set] = load_by(data, run, |path, options, downloader| {
        Ok([Dataset::load(path, split, options, downloader)?])
    })?;
    Ok(set)
}

/// Loads the training split and the test split. Splits of a folder or an array share their memory.
///
/// # Errors
/// As [`load`].
pub fn load_splits(data: &DataArgs, run: Option<&Path>) -> Result<[Dataset; 2], BoxError> {
    load_by(data, run, |path, options, downloader| Dataset::load_splits(path, options, downloader))
}

fn load_by<const N: usize>(
    data: &DataArgs,
    run: Option<&Path>,
    load: impl FnOnce(&Path, &Options, Option<&mut Downloader<'_>>) -> Result<[Dataset; N], DataError>,
) -> Result<[Dataset; N], BoxError> {
    let mut loading = Loading::default();
    let mut last = String::new();
    let mut downloader = Downloader::new(|Progress { file, url, received, total, .. }| {
        if data.quiet {
            return;
        }
        if last != url {
            note(format!("fetching {file} ({:.1} MB) from {url}", total as f64 / 1e6));
            last = url.to_owned();
        }
        loading.show(file, [received, total], Unit::Bytes);
    });
    let mut offline = Downloader::offline();
    let downloader = match (data.offline, data.download) {
        (true, _) => Some(&mut offline),
        (false, true) => Some(&mut downloader),
        (false, false) => None,
    };
    refuse_a_moved_path(data)?;
    let sets = load(&data.dataset, &options(data)?, downloader)?;
    sets.iter().try_for_each(|set| refuse_other_images(data, set, run))?;
    let notes: BTreeSet<&String> = sets.iter().flat_map(Dataset::notes).collect();
    notes.into_iter().for_each(note);
    Ok(sets)
}

/// Fails if the flags are those of a run, and its folder or array is not where it was.
fn refuse_a_moved_path(data: &DataArgs) -> Result<(), Error> {
    if !data.is_path() || data.dataset.exists() {
        return Ok(());
    }
    let advice = "if they are elsewhere now, give their path with --dataset";
    Err(Error::file(&data.dataset, format!("the images of the run are not there; {advice}")))
}

/// Fails if the flags have the digest of images, and the set has another digest.
fn refuse_other_images(data: &DataArgs, set: &Dataset, run: Option<&Path>) -> Result<(), BoxError> {
    let Some(recorded) = data.dataset_sha256 else { return Ok(()) };
    if set.fingerprint() == Some(recorded) {
        return Ok(());
    }
    let list = run.and_then(|run| fs::read_to_string(run.join(LIST)).ok());
    let first = list.zip(set.file_list()).and_then(|(old, new)| first_difference(&old, &new));
    let difference = first.unwrap_or_else(|| "their SHA-256 is another one".to_owned());
    let problem = format!("not the images of the run: {difference}; restore them, or start a new run");
    Err(Error::file(&data.dataset, problem).into())
}

/// Loads the training set of a run. Records in the flags the absolute places of the data, and, if
/// the set has a digest, this and the numbers of its channels and classes. If the run has at least
/// as many steps as an epoch, all images of a built-in dataset are drawn now, on all processors. A
/// shorter run draws only the images that it needs.
///
/// # Errors
/// As [`load`].
pub fn load_to_train(data: &mut DataArgs, common: &CommonArgs) -> Result<Dataset, BoxError> {
    data.quiet = common.quiet;
    refuse_runs_among_images(data, common)?;
    let set = load(data, Split::Train, common.resume.as_deref())?;
    prepare(&set, data, common)?;
    Ok(set)
}

/// Loads both splits of a run, as [`load_to_train`] loads the training set.
///
/// # Errors
/// As [`load`]. Also if there is no test image.
pub fn load_both_to_train(data: &mut DataArgs, common: &CommonArgs) -> Result<[Dataset; 2], BoxError> {
    data.quiet = common.quiet;
    refuse_runs_among_images(data, common)?;
    let [train, test] = load_splits(data, common.resume.as_deref())?;
    refuse_no_tests(data, &test)?;
    prepare(&train, data, common)?;
    Ok([train, test])
}

/// Records what was found, prints it, and draws built-in images.
fn prepare(set: &Dataset, data: &mut DataArgs, common: &CommonArgs) -> Result<(), BoxError> {
    // A run of an earlier version recorded no digest of a set that the user's manifest verifies.
    // Its settings stay as they are.
    let is_older = common.resume.is_some() && data.dataset_sha256.is_none();
    let is_unchecked = is_older && set.kind() == Kind::Stored && !data.is_built_in();
    if let Some(digest) = set.fingerprint().filter(|_| !is_unchecked) {
        data.dataset_sha256 = Some(digest);
        data.dataset_classes = Some(set.classes().len());
        data.channels = Some(set.channels());
        if matches!(set.kind(), Kind::Folder | Kind::Array) {
            data.dataset = absolute(&data.dataset)?;
            data.fit.get_or_insert(FitMode::Crop);
        }
    }
    for place in [&mut data.data_dir, &mut data.manifest, &mut data.cache_dir].into_iter().flatten() {
        *place = absolute(place)?;
    }
    if !common.quiet {
        say(describe(set));
    }
    let epoch = (set.len() / common.batch_size.max(1)) as u64;
    if common.total_steps(epoch) >= epoch {
        set.draw_all();
    }
    Ok(())
}

/// Describes what was loaded: "cats: 1,089 training images of 3 classes, 64x64 in colour".
fn describe(set: &Dataset) -> String {
    let (name, images, size) = (set.name(), grouped(set.len() as u64), set.image_size());
    let classes = match set.classes().len() {
        0 => "without labels".to_owned(),
        1 => "of one class".to_owned(),
        classes => format!("of {classes} classes"),
    };
    let color = if set.channels() == 1 { "in gray" } else { "in colour" };
    format!("{name}: {images} training images {classes}, {size}x{size} {color}")
}

fn absolute(place: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(place).map_err(Error::io("find", place))
}

/// Fails if the directory of runs is inside the folder of images. The pictures of a run would
/// become images of the folder.
fn refuse_runs_among_images(data: &DataArgs, common: &CommonArgs) -> Result<(), BoxError> {
    match (fs::canonicalize(&data.dataset), resolved(&common.out)) {
        (Ok(images), Ok(out)) if common.resume.is_none() && out.starts_with(&images) => {
            let advice = "name a directory elsewhere with --out";
            Err(Error::file(&common.out, format!("it is inside the folder of images; {advice}")).into())
        }
        _ => Ok(()),
    }
}

/// Returns a path without links and `..`. What does not exist yet is no link.
fn resolved(path: &Path) -> Result<PathBuf, Error> {
    let mut real = PathBuf::new();
    for part in absolute(path)?.components() {
        if part == Component::ParentDir {
            real.pop();
        } else {
            real.push(part);
        }
        real = fs::canonicalize(&real).unwrap_or(real);
    }
    Ok(real)
}

/// Fails if a test set is empty.
///
/// # Errors
/// If there is no test image.
pub fn refuse_no_tests(data: &DataArgs, test: &Dataset) -> Result<(), Error> {
    if !test.is_empty() {
        return Ok(());
    }
    let problem = "it has no test images, which are needed here; give a larger --test-fraction";
    Err(Error::file(&data.dataset, problem))
}

/// Returns the files that a run keeps about its training set: the list of its images, if they come
/// from a folder or an array.
pub fn records(set: &Dataset) -> Vec<(&'static str, String)> {
    set.file_list().map(|list| (LIST, list)).into_iter().collect()
}

/// Sets the help text of `--dataset`, which lists the datasets.
pub(crate) fn help(dataset: Arg) -> Arg {
    let options = Options::default();
    let names = |stored| {
        let all =
            sources(&options).into_iter().filter(|(_, source)| (source.kind() == Kind::Stored) == stored);
        either(&all.map(|(name, _)| name).collect::<Vec<_>>())
    };
    dataset.help(format!(
        "Dataset: {} (built in), {} (files), or the path of a folder of images or of an array (.npy, .npz)",
        names(false),
        names(true)
    ))
}

/// Sets the help text of `--dataset` for a model that also learns points in the plane.
pub(crate) fn help_with_points(dataset: Arg) -> Arg {
    let dataset = help(dataset);
    let images = dataset.get_help().map(ToString::to_string).unwrap_or_default();
    dataset.help(format!("{images}; or the points {}", either(&Points::ALL.map(Points::name))))
}

/// Returns the flags that have no effect for the kind of the dataset.
pub fn unused_flags(data: &DataArgs) -> Vec<UnusedFlag> {
    let Ok(options) = options(data) else { return vec![] };
    let Ok(source) = source(&data.dataset, &options) else { return vec![] };
    let kind = source.kind();
    let is_path = matches!(kind, Kind::Folder | Kind::Array);
    [
        unused_if(
            kind != Kind::Stored,
            "a named dataset from files, such as --dataset mnist",
            ["data_dir", "download"],
        ),
        unused_if(!source.has_mirrors(), "a dataset with mirrors in its manifest", ["download"]),
        unused_if(kind == Kind::Drawn, "a dataset from files, such as --dataset mnist", ["fit"]),
        unused_if(kind == Kind::Drawn, "a dataset without test images", ["test_fraction"]),
        unused_if(
            !is_path,
            "a folder of images or an array",
            ["channels", "background", "cache_dir", "no_cache"],
        ),
        unused_if(kind != Kind::Folder, "a folder of images", ["skip_broken"]),
    ]
    .concat()
}

#[cfg(test)]
mod tests;
