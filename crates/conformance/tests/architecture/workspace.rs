//! Reads the members of the workspace and their dependencies from `cargo metadata`. The rules of
//! the architecture are applied to them.

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

/// A package of the workspace.
#[derive(Default)]
pub(crate) struct Member {
    pub(crate) name: String,
    /// The layer of the package: the first directory of its path under `crates/`, such as
    /// "kernels", "models" or "bins"; or "benches".
    pub(crate) layer: String,
    pub(crate) directory: PathBuf,
    /// The root source files of the package's library and programs.
    pub(crate) roots: Vec<PathBuf>,
    /// The names of the direct dependencies of any kind, including those of tests only.
    pub(crate) direct: BTreeSet<String>,
    /// Does the package have a program?
    pub(crate) has_programs: bool,
    /// Does the package have integration tests?
    pub(crate) has_integration_tests: bool,
    /// The root source files of libraries and programs that `cargo test` skips.
    pub(crate) untested: Vec<PathBuf>,
    /// The names and versions of all crates that a build of the package compiles on this platform.
    /// The package itself is included; dependencies of tests are not.
    pub(crate) built: BTreeSet<String>,
}

/// Returns the members of this workspace.
pub(crate) fn members() -> Vec<Member> {
    let metadata = MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .other_options(["--locked".into(), "--filter-platform".into(), host()])
        .exec()
        .expect("cargo metadata describes the workspace");
    let graph = dependency_graph(&metadata);
    metadata
        .workspace_packages()
        .into_iter()
        .map(|package| {
            let directory = package.manifest_path.parent().expect("a manifest is in a directory");
            let inside =
                directory.strip_prefix(&metadata.workspace_root).expect("members are inside the workspace");
            let layer =
                inside.iter().find(|&part| part != "crates").expect("no member is the root").to_string();
            let is_root = |t: &&cargo_metadata::Target| t.is_lib() || t.is_bin();
            Member {
                name: package.name.to_string(),
                layer,
                directory: directory.into(),
                roots: package.targets.iter().filter(is_root).map(|t| t.src_path.clone().into()).collect(),
                direct: package.dependencies.iter().map(|d| d.name.clone()).collect(),
                has_programs: package.targets.iter().any(|t| t.is_bin()),
                has_integration_tests: package.targets.iter().any(|t| t.is_test()),
                untested: package
                    .targets
                    .iter()
                    .filter(|t| is_root(t) && !t.test)
                    .map(|t| t.src_path.clone().into())
                    .collect(),
                built: reachable(&graph, &package.id).into_iter().map(|id| label(&metadata[id])).collect(),
            }
        })
        .collect()
}

fn label(package: &Package) -> String {
    format!("{} {}", package.name, package.version)
}

/// Returns the target triple of this machine. Dependencies that are only for other platforms are
/// not counted.
fn host() -> String {
    let version = Command::new(env!("CARGO")).arg("-vV").output().expect("cargo tells its version");
    let text = String::from_utf8(version.stdout).expect("cargo speaks UTF-8");
    text.lines().find_map(|line| line.strip_prefix("host: ")).expect("cargo names its host").to_string()
}

/// Returns the dependencies of each package in a build: normal dependencies and those of build
/// scripts.
fn dependency_graph(metadata: &Metadata) -> BTreeMap<&PackageId, Vec<&PackageId>> {
    let resolve = metadata.resolve.as_ref().expect("metadata comes with the resolved graph");
    let is_built = |kind: &DependencyKind| matches!(kind, DependencyKind::Normal | DependencyKind::Build);
    let edges = resolve.nodes.iter().map(|node| {
        let built = node.deps.iter().filter(|dep| dep.dep_kinds.iter().any(|k| is_built(&k.kind)));
        (&node.id, built.map(|dep| &dep.pkg).collect())
    });
    edges.collect()
}

fn reachable<'a>(
    graph: &BTreeMap<&PackageId, Vec<&'a PackageId>>,
    from: &'a PackageId,
) -> BTreeSet<&'a PackageId> {
    let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(id) = open.pop() {
        if seen.insert(id) {
            open.extend(graph.get(id).into_iter().flatten());
        }
    }
    seen
}
