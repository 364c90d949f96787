//! Tests that the keyword `unsafe` is only in the matrix-product, SIMD and Winograd modules of
//! kernels, and where its storage comes from the system. The rule is also for tests.

use crate::workspace::members;
use std::fs;
use std::path::{Path, PathBuf};

/// The beginnings of the paths of files that may contain `unsafe`, relative to the root of the
/// kernels crate.
const ALLOWED_IN_KERNELS: [&str; 4] =
    ["src/gemm", "src/simd", "src/conv2d/winograd", "src/memory/storage.rs"];

/// Returns true if the code of `source` contains the keyword `unsafe` or an attribute that allows
/// this keyword. Line comments are ignored.
fn uses_unsafe(source: &str) -> bool {
    source.lines().any(|line| {
        let code = line.split("//").next().unwrap_or_default();
        let mut words = code.split(|c: char| !c.is_alphanumeric() && c != '_');
        words.any(|word| word == "unsafe")
            || ["allow(unsafe_code", "expect(unsafe_code"].iter().any(|s| code.contains(s))
    })
}

fn forbids_unsafe(source: &str) -> bool {
    source.lines().any(|line| line == "#![forbid(unsafe_code)]")
}

fn may_use_unsafe(layer: &str, path_in_crate: &str) -> bool {
    layer == "kernels" && ALLOWED_IN_KERNELS.iter().any(|prefix| path_in_crate.starts_with(prefix))
}

pub(crate) fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let mut files = vec![];
    for entry in fs::read_dir(directory).expect("a member's directory can be read") {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() && !path.ends_with("target") {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_crate_but_kernels_forbids_unsafe_code() {
    for member in members().iter().filter(|member| member.layer != "kernels") {
        for root in &member.roots {
            assert!(forbids_unsafe(&read(root)), "{} lacks #![forbid(unsafe_code)]", root.display());
        }
    }
}

#[test]
fn unsafe_stands_in_the_listed_modules_of_kernels_alone() {
    let mut uses = 0;
    for member in members() {
        for file in rust_files(&member.directory).into_iter().filter(|file| uses_unsafe(&read(file))) {
            let inside = file.strip_prefix(&member.directory).expect("a member's file is in its directory");
            let inside = inside.to_str().expect("our file names are UTF-8").replace('\\', "/");
            // This file contains the keyword in its tests.
            if file.ends_with("conformance/tests/architecture/unsafe_code.rs") {
                continue;
            }
            assert!(may_use_unsafe(&member.layer, &inside), "{} may not use `unsafe`", file.display());
            uses += 1;
        }
    }
    assert!(uses > 0, "the matrix product does use it: the search finds nothing");
}

#[test]
fn the_search_finds_what_it_should() {
    for code in [
        "unsafe { f() }",
        "    unsafe fn f()",
        "pub(crate) unsafe impl",
        "#![allow(unsafe_code)]",
        "x; unsafe{y}",
    ] {
        assert!(uses_unsafe(code), "{code}");
    }
    for code in [
        "// unsafe { f() }",
        "#![forbid(unsafe_code)]",
        "#![deny(unsafe_op_in_unsafe_fn)]",
        "let unsafely = 1;",
    ] {
        assert!(!uses_unsafe(code), "{code}");
    }
    assert!(may_use_unsafe("kernels", "src/gemm.rs") && may_use_unsafe("kernels", "src/simd/avx2.rs"));
    assert!(!may_use_unsafe("kernels", "src/memory.rs") && !may_use_unsafe("tensor", "src/gemm.rs"));
    assert!(
        forbids_unsafe("//! Docs.\n#![forbid(unsafe_code)]\n") && !forbids_unsafe("#![deny(unsafe_code)]")
    );
}
