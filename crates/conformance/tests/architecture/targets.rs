//! Tests which targets `cargo test` builds.

use crate::unsafe_code::rust_files;
use crate::workspace::{Member, members};
use std::fs;

/// Returns the packages that have both a program and integration tests. For such a package, `cargo
/// test` replaces the program in target/debug with a program that has debug assertions. A user
/// could then run this slower program. The tests of programs are therefore in the package
/// `adjoint-testing`.
fn overwritten_programs(members: &[Member]) -> Vec<String> {
    let both = members.iter().filter(|member| member.has_programs && member.has_integration_tests);
    both.map(|member| format!("{} has a program and tests/", member.name)).collect()
}

#[test]
fn no_test_overwrites_a_program() {
    let members = members();
    assert!(members.iter().filter(|member| member.has_programs).count() >= 6, "programs are found");
    assert!(members.iter().any(|member| member.has_integration_tests), "so are tests");
    assert_eq!(overwritten_programs(&members), [""; 0]);
}

/// `cargo test` skips a target with `test = false`, so its files must contain no tests.
#[test]
fn what_is_not_tested_has_no_tests() {
    let mut untested = 0;
    for member in members() {
        for source in &member.untested {
            // A library has several files. A program has a single file.
            let is_library = source.ends_with("lib.rs");
            let files = if is_library {
                rust_files(source.parent().expect("a directory"))
            } else {
                vec![source.clone()]
            };
            for file in files {
                let text = fs::read_to_string(&file).expect("a source can be read");
                assert!(!text.contains("#[test]") && !text.contains("cfg(test)"), "{}", file.display());
            }
            untested += 1;
        }
    }
    assert!(untested > 0, "adjoint-testing has such a library");
}

/// Returns the libraries whose documentation has no example. Test tools need no example. Programs
/// need none either, because their commands are the examples.
fn without_doc_tests(members: &[Member], sources: impl Fn(&Member) -> Vec<String>) -> Vec<&str> {
    const EXEMPT: [&str; 4] = ["benches", "bins", "conformance", "testing"];
    let libraries = members.iter().filter(|member| !EXEMPT.contains(&member.layer.as_str()));
    let silent = libraries.filter(|member| !sources(member).iter().any(|text| has_doc_test(text)));
    silent.map(|member| member.name.as_str()).collect()
}

/// Returns true if a doc comment in `source` has a block of Rust that is compiled and run.
fn has_doc_test(source: &str) -> bool {
    let docs = source.lines().map(str::trim_start).filter_map(|line| {
        let text = line.strip_prefix("//!").or_else(|| line.strip_prefix("///"))?;
        text.trim().strip_prefix("```")
    });
    // Every second fence ends a block, so only the others have the kind of a block.
    docs.step_by(2).any(|kind| ["", "rust", "should_panic"].contains(&kind))
}

#[test]
fn every_library_has_a_doc_test() {
    let sources = |member: &Member| {
        let files = rust_files(&member.directory.join("src"));
        files.iter().map(|file| fs::read_to_string(file).expect("a source can be read")).collect()
    };
    assert_eq!(without_doc_tests(&members(), sources), [""; 0]);
}

#[test]
fn a_library_without_a_doc_test_is_found() {
    let member =
        |name: &str, layer: &str| Member { name: name.into(), layer: layer.into(), ..Member::default() };
    let members = [member("adjoint-data", "data"), member("sample", "bins")];
    let text = |text: &'static str| move |_: &Member| vec![text.to_owned()];
    let run = "/// ```text\n/// a\n/// ```\nfn f() {}\n//! ```\n//! f();\n//! ```";
    assert_eq!(without_doc_tests(&members, text(run)), [""; 0]);
    for not_run in ["", "/// ```text\n/// f();\n/// ```", "// ```\n// f();\n// ```"] {
        assert_eq!(without_doc_tests(&members, text(not_run)), ["adjoint-data"], "{not_run}");
    }
}

#[test]
fn a_program_beside_tests_is_found() {
    let member = |programs, tests| Member {
        has_programs: programs,
        has_integration_tests: tests,
        ..Member::default()
    };
    assert!(overwritten_programs(&[member(true, false), member(false, true)]).is_empty());
    assert_eq!(overwritten_programs(&[member(true, true)]).len(), 1);
}
