//! Tests that text contains no phrase that has a plainer replacement. The text is comments, names,
//! Markdown, `--help` and messages.

use crate::text::{TextFile, assert_none, text_files, violations};

/// The phrases in lower case, each with its replacement.
const PHRASES: [(&str, &str); 34] = [
    ("by itself", "by default; alone"),
    ("so many", "a number of; up to n; every n steps"),
    ("every so often", "every n steps"),
    ("asked for", "requested; required; needed"),
    ("lies in", "is in"),
    ("lie in", "are in"),
    ("lies where", "is where"),
    ("lies at", "is at"),
    ("lie at", "are at"),
    ("lies beside", "is beside"),
    ("datasets lie", "datasets are"),
    ("does nothing", "has no effect"),
    ("counts for nothing", "has no effect"),
    ("is refused", "is rejected; fails with an error"),
    ("are refused", "are rejected; fail with an error"),
    ("go on", "continue; resume"),
    ("goes on", "continues; resumes"),
    ("goes with", "is the default of; belongs to"),
    ("that is none", "that is not one; without"),
    ("is had", "is obtained"),
    ("are had", "are obtained"),
    ("to be had", "available"),
    ("nobody asked", "was not requested"),
    ("as many as there are", "all"),
    ("for whoever", "for callers that"),
    ("ask for lines", "prefetch"),
    ("ask for what comes next", "prefetch"),
    ("grey", "gray; grayscale"),
    ("odd tile out", "odd tile"),
    ("what halves", "network; layer; block"),
    ("lie apart", "do not share a cache"),
    ("what was learned", "weights"),
    ("what was made", "samples; results"),
    ("n-th step", "every n steps"),
];
/// The path of this source file. It is not tested, because it contains the phrases.
const THIS: &str = "crates/conformance/tests/architecture/phrases.rs";

/// Returns a line without its indentation and without the markers of comments and quotations.
fn without_marker(line: &str) -> &str {
    let line = line.trim_start();
    line.trim_start_matches(['/', '!', '#', '>']).trim()
}

/// Returns the phrases of [`PHRASES`] in a file. A phrase may extend over several lines, or be part
/// of a name.
fn phrases(file: &TextFile) -> Vec<String> {
    // `text` is all words of the file with one space between them. `starts` has the byte of `text`
    // at which each line of the file begins.
    let (mut text, mut starts) = (String::from(" "), vec![]);
    for line in file.text.lines() {
        starts.push(text.len());
        for word in without_marker(line).split_whitespace() {
            text.push_str(&word.to_lowercase().replace('_', " "));
            text.push(' ');
        }
    }
    let mut found = vec![];
    for (phrase, instead) in PHRASES {
        for (at, _) in text.match_indices(phrase) {
            let is_letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
            let (before, after) = (text[..at].chars().next_back(), text[at + phrase.len()..].chars().next());
            if !is_letter(before) && !is_letter(after) {
                let line = starts.partition_point(|&start| start <= at);
                found.push(format!("{line}: \"{phrase}\"; write: {instead}"));
            }
        }
    }
    found
}

#[test]
fn no_text_has_a_phrase_with_a_plainer_word() {
    let files: Vec<_> = text_files().into_iter().filter(|file| file.path != THIS).collect();
    assert_none(&violations(&files, phrases));
}

#[test]
fn phrases_are_found() {
    let found = |text: &str| phrases(&TextFile::new("a.rs", text));
    for (phrase, _) in PHRASES {
        assert_eq!(found(&format!("/// An x {phrase}.")).len(), 1, "{phrase}");
    }
    let expected = ["2: \"so many\"; write: a number of; up to n; every n steps"];
    assert_eq!(found("x();\n    /// Has so\n    /// many samples."), expected);
    assert_eq!(found("x();\n    Err(\"So many samples\")"), expected);
    assert_eq!(found("fn a_run_goes_on_later() {").len(), 1);
    assert!(found("/// Also manyfold; so manyfold; to go one further; go_one.").is_empty());
}
