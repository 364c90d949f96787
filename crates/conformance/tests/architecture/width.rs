//! Tests that lines of comments and Markdown have at most 100 columns. Tables, code blocks and
//! links may be wider.

use crate::text::{TextFile, assert_none, text_files, violations};

const MOST_COLUMNS: usize = 100;
/// The delimiter of a Python docstring.
const QUOTES: &str = "\"\"\"";

/// Returns the byte at which the comment of a line of Rust begins. The `//` in a string does not
/// begin a comment.
fn comment_start(line: &str) -> Option<usize> {
    let (mut in_string, mut escaped) = (false, false);
    for (at, c) in line.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = in_string,
            '"' => in_string = !in_string,
            '/' if !in_string && line[at..].starts_with("//") => return Some(at),
            _ => {}
        }
    }
    None
}

/// Returns the prose in the lines of a file, with the index of each line and without comment
/// markers. Prose is all lines of a Markdown file, the comments of other files, and Python
/// docstrings.
fn prose(file: &TextFile) -> Vec<(usize, &str)> {
    // `None` outside of triple quotes. Inside, true if the string in these quotes is a docstring.
    let mut in_docstring = None;
    let part = |line| match file.kind() {
        "md" => Some(line),
        "rs" => comment_start(line).map(|at| line[at..].trim_start_matches(['/', '!'])),
        "py" => {
            let text = str::trim_start(line);
            let (begins, quotes) = (text.starts_with(QUOTES), text.matches(QUOTES).count());
            let is_docstring = in_docstring.unwrap_or(begins);
            if quotes % 2 == 1 {
                in_docstring = if in_docstring.is_none() { Some(begins) } else { None };
            }
            if is_docstring { Some(line) } else { text.strip_prefix('#') }
        }
        _ => line.trim_start().strip_prefix('#'),
    };
    let parts: Vec<_> = file.text.lines().map(part).collect();
    parts.into_iter().enumerate().filter_map(|(index, part)| part.map(|part| (index, part))).collect()
}

/// Returns true if a line cannot be shorter: the link at its end begins within the limit, or its
/// prose is a single word.
fn is_unbreakable(line: &str, part: &str) -> bool {
    let last = part.split_whitespace().next_back().unwrap_or_default();
    let width = |text: &str| text.chars().count();
    let is_link = last.contains("](") || last.contains("://");
    let begins_inside = width(line) - width(last) < MOST_COLUMNS;
    (is_link && begins_inside) || part.trim() == last
}

/// Returns the lines of a file whose prose is too wide.
fn wide_lines(file: &TextFile) -> Vec<String> {
    let lines: Vec<&str> = file.text.lines().collect();
    let mut in_code = false;
    let mut wide = vec![];
    for (index, part) in prose(file) {
        let (line, text) = (lines[index], part.trim_start());
        in_code ^= text.starts_with("```");
        let columns = line.chars().count();
        let may_be_wide = in_code || text.starts_with('|') || is_unbreakable(line, part);
        if columns > MOST_COLUMNS && !may_be_wide {
            wide.push(format!("{}: {columns} columns", index + 1));
        }
    }
    wide
}

#[test]
fn comments_and_markdown_have_at_most_100_columns() {
    assert_none(&violations(&text_files(), wide_lines));
}

#[test]
fn wide_comments_and_markdown_are_found() {
    let long = "word ".repeat(25);
    let wide = |path: &str, text: String| wide_lines(&TextFile::new(path, &text)).len();
    for text in [format!("// {long}"), format!("    /// {long}"), format!("let x = \"a\\\"//\"; // {long}")] {
        assert_eq!(wide("a.rs", text.clone()), 1, "{text}");
    }
    assert_eq!(wide("a.rs", format!("let x = \"https://{long}\";")), 0, "a string");
    assert_eq!(wide("a.rs", format!("/// ```\n/// {long}\n/// ```\n/// {long}")), 1, "after a code block");
    assert_eq!(wide("a.rs", format!("/// | {long} |")), 0, "a table");
    assert_eq!(wide("a.py", format!("# {long}\nx = [{long}]\n\"\"\"One.\n{long}\n\"\"\"\n{long}")), 2);
    assert_eq!(wide("a.py", format!("x = f\"\"\"\n{long}\n\"\"\"\n# {long}")), 1, "not a docstring");
    for path in ["a.toml", "a.yml", ".ci/run"] {
        assert_eq!(wide(path, format!("# {long}\n{long}")), 1, "{path}");
    }
    assert_eq!(wide("a.md", format!("{long}\n\n| {long} |\n```\n{long}\n```\n{long}")), 2);
    let url = "x".repeat(120);
    assert_eq!(wide("a.md", format!("[a link](https://{url}).\n{url}")), 0, "not to be broken");
    assert_eq!(wide("a.md", format!("{long} [a link](https://{url}).")), 1, "a break before the link");
    assert_eq!(wide("a.md", format!("[a link](https://{url}), {long}")), 1, "a break after the link");
    assert_eq!(wide("a.md", "é".repeat(50) + &" é".repeat(25)), 0, "columns are not bytes");
}
