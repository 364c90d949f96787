//! Compares the settings of a run with those of its checkpoint, and with those that a user requests
//! when the run is resumed.

use std::path::Path;

use toml::{Table, Value};

use crate::Error;
use crate::args::FREE_ON_RESUME;
use crate::config::{Config, Data, flag};

/// A setting that differs between two configurations: its key and both values.
pub(crate) type Difference = (String, String, String);
/// Compares the settings in the text of a file with those of this run. Returns a setting that
/// differs and that must not change on resume.
pub(crate) type Comparison<'a> = &'a dyn Fn(&Path, &str) -> Result<Option<Difference>, Error>;

/// Fails if the command line changes a setting that is fixed for a resumed run. Repeating the value
/// of the run is allowed.
pub(crate) fn refuse_changes<C: Config>(recorded: &C, requested: &C) -> Result<(), Error> {
    let Some((key, old, new)) = difference(recorded, requested) else { return Ok(()) };
    let free: Vec<_> = FREE_ON_RESUME.into_iter().chain(recorded.data().free_on_resume()).map(flag).collect();
    let (flag, free) = (flag(&key), free.join(", "));
    let rule =
        format!("a resumed run can only change {free}, --threads and --quiet; otherwise start a new run");
    Err(Error::Other(format!("{flag} {new} contradicts the run, which has {old}; {rule}")))
}

/// Returns the first setting that differs between two configurations. Ignores settings that may
/// change on resume.
pub(crate) fn difference<C: Config>(one: &C, other: &C) -> Option<Difference> {
    let free = [&FREE_ON_RESUME[..], &one.data().free_on_resume()].concat();
    let [one, other] = [one, other].map(|config| Table::try_from(config).expect("settings are plain values"));
    let is_fixed = |key: &&String| !free.contains(&key.as_str());
    let keys = one.keys().chain(other.keys()).filter(is_fixed);
    let show = |value: Option<&Value>| value.map_or("none".to_owned(), Value::to_string);
    keys.map(|key| (key.clone(), one.get(key), other.get(key)))
        .find(|(_, one, other)| one != other)
        .map(|(key, one, other)| (key, show(one), show(other)))
}
