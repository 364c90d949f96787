//! Compares two lists of the images of a folder.

use std::collections::HashMap;

/// The columns of a list besides the path, as a message names them.
const COLUMNS: [&str; 3] = ["split", "class", "pixels"];

/// Compares the list of the images that a run was trained on with that of the images now, both from
/// [`Dataset::file_list`](crate::Dataset::file_list). Returns the first difference in the order of
/// the lists, on one line, or `None` if the lists have the same lines. Images that are missing are
/// before images that are new at their place.
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
    let [before, now] = [recorded, present].map(rows);
    let [old, new] = [&before, &now].map(|rows| rows.iter().copied().collect::<HashMap<_, _>>());
    let mut present = now.into_iter();
    let is_added = |path: &str| !old.contains_key(path);
    let mut differences = Vec::new();
    for (path, row) in before {
        let Some(new) = new.get(path) else {
            differences.push(format!("{path} is missing"));
            continue;
        };
        let until = present.by_ref().map(|(other, _)| other).take_while(|other| *other != path);
        differences.extend(until.filter(|other| is_added(other)).map(is_new));
        differences.extend(difference(row, new).map(|difference| format!("{path} {difference}")));
    }
    differences.extend(present.map(|(other, _)| other).filter(|other| is_added(other)).map(is_new));
    let others = match differences.len().checked_sub(1)? {
        0 => String::new(),
        others => format!("; {others} more differ"),
    };
    Some(format!("{}{others}", differences[0]))
}

fn is_new(path: &str) -> String {
    format!("{path} is new")
}

/// Splits each line into the path and the other columns.
fn rows(list: &str) -> Vec<(&str, &str)> {
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
