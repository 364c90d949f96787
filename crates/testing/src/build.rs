//! Builds the programs of the workspace once, with the `cargo` that runs the tests.

use cargo_metadata::Message;
use std::collections::BTreeMap;
use std::env;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The packages of all programs. One command builds all programs, so that tests that run at the
/// same time wait for one build.
const PROGRAMS: [&str; 7] =
    ["adjoint-cli", "evaluate", "sample", "train-cgan", "train-dcgan", "train-gan", "train-vae"];

/// Returns the path of the program called `name`. The first call builds all programs.
///
/// # Panics
/// If there is no such program, or if it cannot be built.
pub(crate) fn executable(name: &str) -> &'static Path {
    static BUILT: OnceLock<BTreeMap<String, PathBuf>> = OnceLock::new();
    BUILT.get_or_init(build).get(name).unwrap_or_else(|| panic!("{name} is none of {PROGRAMS:?}"))
}

/// Builds all programs with the development profile, as `cargo build` does.
fn build() -> BTreeMap<String, PathBuf> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR")).args(["build", "--message-format=json-render-diagnostics"]);
    cargo.args(PROGRAMS.iter().flat_map(|name| ["--package", name]));
    // Cargo sets variables that describe the package under test. If the build got them, build
    // scripts that watch them would run again.
    for (name, _) in env::vars_os() {
        let of_package = ["CARGO_PKG_", "CARGO_MANIFEST_"]
            .map(|prefix| name.to_str().is_some_and(|name| name.starts_with(prefix)));
        if of_package.contains(&true) {
            cargo.env_remove(name);
        }
    }
    let mut child = cargo.stdout(Stdio::piped()).spawn().expect("cargo starts");
    let messages = Message::parse_stream(BufReader::new(child.stdout.take().expect("it is piped")));
    let built = messages.filter_map(|message| match message.expect("cargo writes messages") {
        Message::CompilerArtifact(artifact) => Some((artifact.target.name, artifact.executable?.into())),
        _ => None,
    });
    let built = built.collect();
    assert!(child.wait().expect("cargo ends").success(), "cargo build fails");
    built
}
