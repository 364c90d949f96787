//! What must stay small: the program of a model, and the recorded answers of PyTorch.

use crate::workspace::members;
use std::fs;
use std::path::Path;

/// Lines of a trainer's program, all its files together.
const MOST_LINES: usize = 150;
/// Bytes of all fixtures.
const MOST_BYTES: u64 = 2_000_000;

fn lines(directory: &Path) -> usize {
    let files =
        fs::read_dir(directory).expect("a member has sources").map(|entry| entry.expect("an entry").path());
    files
        .map(|path| {
            if path.is_dir() {
                lines(&path)
            } else {
                fs::read_to_string(&path).map_or(0, |t| t.lines().count())
            }
        })
        .sum()
}

#[test]
fn a_trainer_is_its_flags_and_its_networks() {
    let members = members();
    let trainers: Vec<_> = members.iter().filter(|member| member.name.starts_with("train-")).collect();
    assert!(trainers.len() >= 4, "{} trainers", trainers.len());
    for trainer in trainers {
        let sources = trainer.roots[0].parent().expect("a file lies somewhere");
        let count = lines(sources);
        assert!(
            count < MOST_LINES,
            "{} has {count} lines; what is not its own belongs to the workbench",
            trainer.name
        );
    }
}

#[test]
fn fixtures_stay_small() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let sizes =
        fs::read_dir(fixtures).expect("there are fixtures").map(|file| file.and_then(|f| f.metadata()));
    let bytes: u64 = sizes.map(|file| file.expect("a file").len()).sum();
    assert!(bytes > 100_000 && bytes < MOST_BYTES, "{bytes} bytes");
}
