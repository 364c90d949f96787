//! Reads the text files that people write: sources, scripts, Markdown and settings.

use std::fs;
use std::path::Path;

/// The directories with text files, relative to the root of the workspace. The flag is true if
/// their subdirectories are included. `datasets` and the root may contain files of the user, so
/// their subdirectories are not.
const PLACES: [(&str, bool); 8] = [
    ("", false),
    (".ci", true),
    (".github", true),
    ("benches", true),
    ("crates", true),
    ("datasets", false),
    ("docs", true),
    ("scripts", true),
];
/// Beginnings of the paths of files that programs write.
const GENERATED: [&str; 2] = ["crates/testing/fixtures/runs/0.", "docs/performance/paper-table.md"];

/// A text file.
pub(crate) struct TextFile {
    /// The path relative to the root of the workspace, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl TextFile {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// The file name extension, such as "rs" or "md"; "" for a shell script without an extension.
    pub(crate) fn kind(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        name.rsplit_once('.').map_or("", |(_, extension)| extension)
    }
}

/// Returns all hand-written text files of this workspace.
pub(crate) fn text_files() -> Vec<TextFile> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = vec![];
    for (place, recursive) in PLACES {
        collect(&root, place, recursive, &mut files);
    }
    assert!(files.len() > 300, "{} files are found", files.len());
    files
}

fn collect(root: &Path, place: &str, recursive: bool, files: &mut Vec<TextFile>) {
    for entry in fs::read_dir(root.join(place)).expect("a directory can be read") {
        let entry = entry.expect("an entry can be read");
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if place.is_empty() { name.clone() } else { format!("{place}/{name}") };
        if GENERATED.iter().any(|prefix| path.starts_with(prefix)) {
            continue;
        }
        if entry.path().is_dir() {
            if recursive && !["target", "venv", "__pycache__"].contains(&name.as_str()) {
                collect(root, &path, true, files);
            }
        } else if path == ".ci/run"
            || [".rs", ".md", ".py", ".toml", ".yml"].iter().any(|end| name.ends_with(end))
        {
            let text = fs::read_to_string(entry.path()).unwrap_or_else(|error| panic!("{path}: {error}"));
            files.push(TextFile { path, text });
        }
    }
}

/// Applies `rule` to all files. Returns a message for each violation.
pub(crate) fn violations(files: &[TextFile], rule: impl Fn(&TextFile) -> Vec<String>) -> Vec<String> {
    let of_file = |file| rule(file).into_iter().map(|violation| format!("{}:{violation}", file.path));
    files.iter().flat_map(of_file).collect()
}

/// Fails if there are violations. Prints one violation per line.
#[track_caller]
pub(crate) fn assert_none(violations: &[String]) {
    assert!(violations.is_empty(), "{} violations:\n{}", violations.len(), violations.join("\n"));
}

#[test]
fn a_violation_names_its_file() {
    let files = [TextFile::new("a.md", "bad"), TextFile::new("b.md", "good"), TextFile::new("c.md", "bad")];
    let rule = |file: &TextFile| if file.text == "bad" { vec!["1: bad".to_owned()] } else { vec![] };
    assert_eq!(violations(&files, rule), ["a.md:1: bad", "c.md:1: bad"]);
}

#[test]
fn the_text_of_the_workspace_is_found() {
    let paths: Vec<String> = text_files().into_iter().map(|file| file.path).collect();
    for path in [
        "README.md",
        ".ci/run",
        ".github/workflows/ci.yml",
        "crates/conformance/tests/architecture/text.rs",
        "crates/runs/src/lib.rs",
        "scripts/paper_table.py",
        "benches/peers/Cargo.toml",
    ] {
        assert!(paths.iter().any(|found| found == path), "{path}");
    }
    assert!(!paths.iter().any(|path| path.contains("/target/") || path.ends_with("paper-table.md")));
}
