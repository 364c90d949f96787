//! What is known about a dataset before it is loaded: its channels and classes.

use adjoint_data::{Kind, source};
use adjoint_runs::{BoxError, Error};

use super::{DataArgs, options};

/// Maximum number of classes of a conditional model. Label planes have one channel per class.
const MOST_CLASSES: usize = 1_000;

/// Returns the number of channels of the dataset that the flags name, without loading it.
///
/// # Errors
/// If there is no such dataset.
pub fn channels(data: &DataArgs) -> Result<usize, BoxError> {
    match (data.dataset_sha256, data.channels) {
        (Some(_), Some(recorded)) => Ok(recorded),
        _ => Ok(source(&data.dataset, &options(data)?)?.channels()),
    }
}

/// Gives images this number of channels.
///
/// # Errors
/// If there is no such dataset, or it has another number of channels, which cannot be converted.
pub(crate) fn need_channels(data: &mut DataArgs, wanted: usize) -> Result<(), BoxError> {
    let options = options(data)?;
    let source = source(&data.dataset, &options)?;
    if matches!(source.kind(), Kind::Folder | Kind::Array) {
        data.channels.get_or_insert(wanted);
    }
    let found = data.channels.unwrap_or(source.channels());
    if found != wanted {
        let problem = format!(
            "images with {found} channels, and the networks have {wanted}; name a dataset of such images"
        );
        return Err(Error::file(&data.dataset, problem).into());
    }
    Ok(())
}

/// Returns the number of classes of the dataset that the flags name, for a model that is
/// conditioned on them. Does not load the dataset.
///
/// # Errors
/// If there is no such dataset, its images have no labels, or it has more than 1,000 classes.
pub fn classes(data: &DataArgs) -> Result<usize, BoxError> {
    let classes = match data.dataset_classes {
        Some(recorded) => recorded,
        None => source(&data.dataset, &options(data)?)?.classes()?.len(),
    };
    if classes == 0 {
        let advice = "give each class a folder, or put the labels beside an array";
        let problem = format!("its images have no labels, which a conditional model needs; {advice}");
        return Err(Error::file(&data.dataset, problem).into());
    }
    if classes > MOST_CLASSES {
        let problem = format!("it has {classes} classes, and a conditional model at most {MOST_CLASSES}");
        return Err(Error::file(&data.dataset, format!("{problem}; leave out classes")).into());
    }
    Ok(classes)
}

/// Returns the names of the classes that [`classes`] counts. If the folder or the array is not
/// there, the names are the numbers of the classes.
///
/// # Errors
/// As [`classes`].
pub fn class_names(data: &DataArgs) -> Result<Vec<String>, BoxError> {
    let count = classes(data)?;
    let found = options(data).and_then(|options| Ok(source(&data.dataset, &options)?.classes()?));
    let names = found.ok().filter(|names| names.len() == count);
    Ok(names.unwrap_or_else(|| (0..count).map(|class| class.to_string()).collect()))
}
