//! Compares two lists of the images of a folder.

use std::collections::BTreeMap;

/// The columns of a list besides the path, as a message names them.
const COLUMNS: [&str; 3] = ["split", "class", "pixels"];

/// Compares the list of the images that a run was trained on with that of the images now, both from
/// [`Dataset::file_list`](crate::Dataset::file_list). Returns the first difference in the order of
/// paths, on one line, or `None` if the lists are equal.
///
/// ```
/// use adjoint_data::first_difference;
///
/// let recorded = "train\thorse\t0123456789abcdef\thorse/12.jpg\n";
/// let changed = "train\thorse\t1123456789abcdef\thorse/12.jpg\n";
/// assert_eq!(first_difference(recorded, recorded), None);
/// assert_eq!(first_difference(recorded, changed).unwrap(), "horse/12.jpg has different pixels");
/// assert_eq!(first_difference(recorded, "").unwrap(), "horse/12.jpg is missing");
/// assert_eq!(first_difference("", recorded).unwrap(), "horse/12.jpg is new");
/// ```
pub fn first_difference(recorded: &str, present: &str) -> Option<String> {
    let [before, now] = [recorded, present].map(by_path);
    let changed = before.iter().filter_map(|(path, old)| match now.get(path) {
        None => Some((*path, "is missing".to_string())),
        Some(new) => Some((*path, difference(old, new)?)),
    });
    let added = now.keys().filter(|path| !before.contains_key(*path));
    let added = added.map(|path| (*path, "is new".to_string()));
    let mut differences: Vec<(&str, String)> = changed.chain(added).collect();
    let others = differences.len().checked_sub(1)?;
    let (_, (path, first), _) = differences.select_nth_unstable(0);
    let others = if others == 0 { String::new() } else { format!("; {others} more differ") };
    Some(format!("{path} {first}{others}"))
}

/// Returns the other columns of each path.
fn by_path(list: &str) -> BTreeMap<&str, &str> {
    list.lines().map(|line| line.rsplit_once('\t').map_or((line, ""), |(rest, path)| (path, rest))).collect()
}

/// Describes the first column that differs.
fn difference(old: &str, new: &str) -> Option<String> {
    if old == new {
        return None;
    }
    let columns = old.split('\t').zip(new.split('\t')).zip(COLUMNS);
    let changed = columns.into_iter().find(|((old, new), _)| old != new);
    Some(match changed {
        Some(((old, new), column)) if column != COLUMNS[2] => {
            format!("has the {column} {new} instead of {old}")
        }
        _ => "has different pixels".to_string(),
    })
}
