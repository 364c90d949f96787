//! Tests that each crate depends only on crates of lower layers, and that the builds of some layers
//! compile few crates.

use crate::workspace::{Member, members};

/// The layers on which the benches, and the tests that compare with PyTorch, may depend.
const MEASURED: &[&str] =
    &["models", "adversarial", "variational", "metrics", "data", "nn", "autodiff", "tensor", "kernels"];

/// Each layer, with the layers on which it may depend. Every layer must be in this table. No
/// library may depend on a program.
const ALLOWED: [(&str, &[&str]); 24] = [
    ("adjoint", &["adversarial", "variational", "models", "nn", "autodiff", "tensor", "kernels"]),
    ("files", &[]),
    ("kernels", &[]),
    ("tensor", &["kernels"]),
    ("autodiff", &["tensor", "kernels"]),
    ("nn", &["autodiff", "tensor", "kernels", "testing"]),
    ("adversarial", &["nn"]),
    ("variational", &["nn"]),
    ("models", &["adversarial", "variational", "nn", "autodiff", "tensor", "testing"]),
    ("raster", &["tensor"]),
    ("decode", &["raster"]),
    ("npy", &[]),
    ("data", &["raster", "npy", "tensor", "files", "decode"]),
    ("metrics", &["nn", "tensor", "testing"]),
    ("runs", &["nn", "tensor", "files", "testing"]),
    ("interop", &["runs", "models", "adversarial", "variational", "nn", "tensor"]),
    ("recipes", &["interop", "models", "runs", "data", "adversarial", "variational", "nn", "tensor"]),
    ("sampling", &["recipes", "runs", "data", "metrics", "adversarial", "nn", "tensor", "files"]),
    ("evaluation", &["recipes", "runs", "data", "metrics", "nn", "tensor", "files", "testing"]),
    ("commands", &["recipes", "sampling", "evaluation", "interop", "runs", "nn"]),
    ("testing", &[]),
    ("bins", &["recipes", "sampling", "evaluation", "commands"]),
    ("benches", MEASURED),
    ("conformance", MEASURED),
];

/// The largest number of crates that the build of a package in a layer may compile. The package
/// itself counts. Layers that are not listed have no limit.
const BUDGET: [(&str, usize); 6] =
    [("kernels", 20), ("tensor", 20), ("autodiff", 20), ("nn", 20), ("adjoint", 27), ("bins", 165)];

/// Third-party crates on which only kernels may depend. They are for threads and matrix products,
/// which only kernels implement.
const KERNELS_ONLY: [&str; 2] = ["rayon", "matrixmultiply"];

fn upward_edges(members: &[Member]) -> Vec<String> {
    let mut violations = vec![];
    for member in members {
        let Some((_, allowed)) = ALLOWED.iter().find(|(layer, _)| *layer == member.layer) else {
            violations.push(format!("{} is in layer {}, which has no rule", member.name, member.layer));
            continue;
        };
        for target in members.iter().filter(|target| member.direct.contains(&target.name)) {
            if !allowed.contains(&target.layer.as_str()) {
                violations.push(format!("{} may not depend on {}", member.name, target.name));
            }
        }
    }
    violations
}

/// Returns a violation for each package whose build includes `adjoint-testing`. Only tests may use
/// this package.
fn tests_in_builds(members: &[Member]) -> Vec<String> {
    let others = members.iter().filter(|member| member.layer != "testing");
    let found = others.filter(|member| member.built.iter().any(|id| id.starts_with("adjoint-testing ")));
    found.map(|member| format!("{} may depend on adjoint-testing in its tests only", member.name)).collect()
}

fn over_budget(members: &[Member]) -> Vec<String> {
    let mut violations = vec![];
    for member in members {
        let budget = BUDGET.iter().find(|(layer, _)| *layer == member.layer);
        if let Some((_, budget)) = budget.filter(|(_, budget)| member.built.len() > *budget) {
            let count = member.built.len();
            violations.push(format!(
                "{} builds {count} crates, more than {budget}: {:#?}",
                member.name, member.built
            ));
        }
    }
    violations
}

fn misplaced_foreign_crates(members: &[Member]) -> Vec<String> {
    let outside = members.iter().filter(|member| member.layer != "kernels");
    let found = outside.flat_map(|member| {
        let misplaced = KERNELS_ONLY.iter().filter(|name| member.direct.contains(**name));
        misplaced.map(|name| format!("{} may not depend on {name}: only kernels may", member.name))
    });
    found.collect()
}

#[track_caller]
fn assert_none(violations: Vec<String>) {
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

#[test]
fn arrows_between_crates_point_down() {
    assert_none(upward_edges(&members()));
}

#[test]
fn testing_is_for_tests() {
    let members = members();
    let in_tests = members.iter().filter(|member| member.direct.contains("adjoint-testing")).count();
    assert!(in_tests > 0, "the rule names a crate that is in use");
    assert_none(tests_in_builds(&members));
}

#[test]
fn dependency_trees_stay_small() {
    let members = members();
    assert!(
        members.iter().all(|member| member.built.iter().any(|id| id.contains("adjoint"))),
        "a member builds itself"
    );
    assert_none(over_budget(&members));
}

#[test]
fn threads_and_matrix_products_live_in_kernels_alone() {
    let members = members();
    let kernels =
        members.iter().find(|member| member.layer == "kernels").expect("there is a crate of kernels");
    assert!(
        KERNELS_ONLY.iter().all(|name| kernels.direct.contains(*name)),
        "the rule names crates that are in use"
    );
    assert_none(misplaced_foreign_crates(&members));
}

// The following tests call the rules with workspaces that break them.

fn member(layer: &str, direct: &[&str], built: usize) -> Member {
    Member {
        name: format!("adjoint-{layer}"),
        layer: layer.to_string(),
        direct: direct.iter().map(|name| name.to_string()).collect(),
        built: (0..built).map(|i| i.to_string()).collect(),
        ..Member::default()
    }
}

#[test]
fn an_arrow_that_points_up_is_found() {
    let down = [member("kernels", &[], 1), member("tensor", &["adjoint-kernels"], 2)];
    assert!(upward_edges(&down).is_empty());
    let up = [member("kernels", &["adjoint-tensor"], 2), member("tensor", &[], 1)];
    assert_eq!(upward_edges(&up), ["adjoint-kernels may not depend on adjoint-tensor"]);
    let sideways = [member("data", &["adjoint-runs"], 2), member("runs", &[], 1)];
    assert_eq!(upward_edges(&sideways), ["adjoint-data may not depend on adjoint-runs"]);
    let facade = Member { name: "adjoint".to_string(), ..member("adjoint", &["adjoint-nn"], 2) };
    let both = [facade, member("bins", &["adjoint"], 3), member("nn", &[], 1)];
    assert_eq!(upward_edges(&both), ["adjoint-bins may not depend on adjoint"]);
    assert_eq!(upward_edges(&[member("gui", &[], 1)]), ["adjoint-gui is in layer gui, which has no rule"]);
}

#[test]
fn a_build_with_tests_is_found() {
    let with = |id: &str| Member { built: [id.to_string()].into(), ..member("nn", &["adjoint-testing"], 0) };
    assert!(tests_in_builds(&[with("adjoint-nn 0.1.0"), member("testing", &[], 1)]).is_empty());
    assert_eq!(tests_in_builds(&[with("adjoint-testing 0.1.0")]).len(), 1);
}

#[test]
fn a_tree_that_grew_is_found() {
    assert!(
        over_budget(&[member("nn", &[], 20), member("bins", &[], 165), member("conformance", &[], 500)])
            .is_empty()
    );
    assert_eq!(over_budget(&[member("nn", &[], 21), member("bins", &[], 166)]).len(), 2);
}

#[test]
fn a_misplaced_foreign_crate_is_found() {
    assert!(misplaced_foreign_crates(&[member("kernels", &["rayon", "matrixmultiply"], 3)]).is_empty());
    assert_eq!(
        misplaced_foreign_crates(&[member("nn", &["rayon"], 2), member("bins", &["matrixmultiply"], 2)])
            .len(),
        2
    );
}
