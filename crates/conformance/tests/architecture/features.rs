//! Tests that `cargo build`, `run`, `bench` and `test --workspace` compile each dependency with the
//! same features. Otherwise cargo would compile a dependency again for the next command, and with
//! it the crates that depend on it.

use crate::workspace::members;
use std::collections::BTreeMap;
use std::process::Command;

/// Lists the crates of a build with `cargo tree`. Returns the features of each crate by its name
/// and version.
fn features(selection: &[&str]) -> BTreeMap<String, String> {
    let output = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["tree", "--locked", "--prefix", "none", "--no-dedupe", "--format", "{p}|{f}"])
        .args(selection)
        .output()
        .expect("cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("cargo writes UTF-8");
    let lines = text.lines().filter_map(|line| line.split_once('|'));
    lines.map(|(package, features)| (package.to_owned(), features.to_owned())).collect()
}

/// Returns the crates that both builds compile, but with different features.
fn differences(one: &BTreeMap<String, String>, other: &BTreeMap<String, String>) -> Vec<String> {
    let both = one.iter().filter_map(|(package, features)| Some((package, features, other.get(package)?)));
    let differing = both.filter(|(_, features, others)| features != others);
    differing.map(|(package, features, others)| format!("{package}: {features} and {others}")).collect()
}

#[test]
fn every_command_compiles_the_same_crates() {
    let tests = features(&["--workspace", "--edges", "normal,build,dev"]);
    let build = features(&["--workspace", "--edges", "normal,build"]);
    assert!(build.len() > 50 && tests.len() >= build.len(), "{} and {} crates", build.len(), tests.len());
    assert!(tests.keys().any(|package| package.starts_with("criterion ")), "benches are part of the tests");
    assert_eq!(differences(&build, &tests), [""; 0], "cargo build, cargo test");
    for program in members().iter().filter(|member| member.layer == "bins") {
        let run = features(&["--package", &program.name, "--edges", "normal,build"]);
        assert!(run.keys().any(|package| package.starts_with("adjoint-kernels ")), "{run:?}");
        assert_eq!(differences(&run, &tests), [""; 0], "cargo run -p {}, cargo test", program.name);
    }
}

#[test]
fn other_features_are_found() {
    let tree = |crates: &[(&str, &str)]| crates.iter().map(|&(p, f)| (p.to_owned(), f.to_owned())).collect();
    let (one, other) =
        (tree(&[("a v1", "std"), ("b v1", "")]), tree(&[("a v1", "std"), ("b v1", "alloc"), ("c v1", "")]));
    assert!(differences(&one, &one).is_empty());
    assert_eq!(differences(&one, &other), ["b v1:  and alloc"]);
}
