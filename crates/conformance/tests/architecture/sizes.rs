//! Tests the size limits of source files, programs, recipes of models, examples of the crate
//! `adjoint`, and fixtures from PyTorch.

use crate::text::{TextFile, assert_none, text_files, violations};
use crate::unsafe_code::rust_files;
use crate::workspace::{Member, members};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The largest number of lines in a source file or a script.
const MOST_LINES_OF_A_FILE: usize = 350;
/// The largest number of lines in a program. Programs are short because tests can call only the
/// code of libraries.
const MOST_LINES_OF_A_PROGRAM: usize = 10;
/// The largest number of lines in a recipe. A recipe has the flags and the networks of a model.
const MOST_LINES_OF_A_RECIPE: usize = 170;
/// The layers whose files may name a model only in its recipe, in the registry and in its program.
const CODE: [&str; 7] = ["runs", "interop", "recipes", "sampling", "evaluation", "commands", "bins"];
/// The largest number of lines in an example of the crate `adjoint`. Users read and copy these
/// examples.
const MOST_LINES_OF_AN_EXAMPLE: usize = 80;
/// The largest total size of the fixtures from PyTorch, in bytes.
const MOST_BYTES: u64 = 2_000_000;

fn lines(file: &Path) -> usize {
    fs::read_to_string(file).expect("a source can be read").lines().count()
}

/// Returns a violation if a source file or a script has too many lines.
fn too_long(file: &TextFile) -> Vec<String> {
    let lines = file.text.lines().count();
    let is_code = !["md", "toml", "yml"].contains(&file.kind());
    if is_code && lines > MOST_LINES_OF_A_FILE { vec![format!(" {lines} lines")] } else { vec![] }
}

/// A newcomer reads these pages first, from beginning to end.
#[test]
fn the_first_pages_are_short() {
    let files = text_files();
    for (path, most) in [("README.md", 130), ("ARCHITECTURE.md", 100)] {
        let page = files.iter().find(|file| file.path == path).expect("the page");
        let lines = page.text.lines().count();
        assert!(lines <= most, "{path} has {lines} lines, more than {most}");
    }
}

#[test]
fn files_have_at_most_350_lines() {
    assert_none(&violations(&text_files(), too_long));
}

#[test]
fn long_files_are_found() {
    let of = |path: &str, lines| too_long(&TextFile::new(path, &"x\n".repeat(lines)));
    for path in ["a.rs", "a.py", ".ci/run"] {
        assert_eq!(of(path, 351), [" 351 lines"], "{path}");
        assert_eq!(of(path, 350), [""; 0], "{path}");
    }
    assert!(of("CHANGELOG.md", 1_000).is_empty(), "prose may be long");
}

/// `game.rs` contains Algorithm 1 of Goodfellow et al. 2014. Its limit is stricter than that of
/// other files, because people read it from beginning to end.
#[test]
fn the_game_has_fewer_than_250_lines() {
    let members = members();
    let crate_of_game = members.iter().find(|member| member.layer == "adversarial").expect("the crate");
    assert!(lines(&crate_of_game.directory.join("src/game.rs")) < 250);
}

#[test]
fn a_program_is_a_few_lines() {
    let members = members();
    let programs: Vec<_> = members.iter().filter(|member| member.layer == "bins").collect();
    assert!(programs.len() >= 6, "{} programs", programs.len());
    for program in programs {
        let files = rust_files(&program.directory);
        assert_eq!(files, program.roots, "{} is one file", program.name);
        let count = lines(&files[0]);
        assert!(count <= MOST_LINES_OF_A_PROGRAM, "{} has {count} lines", program.name);
    }
}

#[test]
fn a_recipe_is_its_flags_and_its_networks() {
    let members = members();
    let of_layer = |layer| members.iter().filter(move |member| member.layer == layer);
    let recipes = of_layer("recipes").next().expect("there are recipes").directory.join("src");
    let models: Vec<_> = of_layer("models").collect();
    assert!(models.len() >= 4, "{} models", models.len());
    for model in models {
        let name = model.name.strip_prefix("adjoint-").expect("our crates have our name");
        let recipe = recipes.join(name).with_extension("rs");
        let count = lines(&recipe);
        assert!(
            count <= MOST_LINES_OF_A_RECIPE,
            "{} has {count} lines; move code that other recipes can share to another file",
            recipe.display()
        );
    }
}

/// Returns true if the code in `text` names this model: its crate, its recipe or its kind. Comments
/// do not count.
fn names(text: &str, name: &str) -> bool {
    let words = [format!("adjoint_{name}"), format!("::{name}::"), format!("\"{name}\"")];
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.map(|line| line.split(" // ").next().expect("a part"))
        .any(|line| words.iter().any(|word| line.contains(word)))
}

#[test]
fn code_that_names_a_model_is_found() {
    for line in ["use adjoint_vae::Vae;", "x: a::vae::Settings", "a.kind != \"vae\" && b", "a; // b\n\"vae\""]
    {
        assert!(names(line, "vae"), "{line}");
    }
    for line in
        ["/// adjoint_vae", "    // \"vae\"", "a(); // such as \"vae\"", "\"a run of train-vae\"", "cvae::b"]
    {
        assert!(!names(line, "vae"), "{line}");
    }
}

/// Returns the files of libraries and programs that name a model outside of their tests. The paths
/// are relative to the root of the workspace.
fn files_of_a_model(members: &[Member], name: &str) -> BTreeSet<String> {
    let root = members[0].directory.ancestors().find(|d| d.join("Cargo.lock").is_file()).expect("a root");
    let code = members.iter().filter(|member| CODE.contains(&member.layer.as_str()));
    let files = code.flat_map(|member| rust_files(&member.directory));
    let naming = files.filter(|file| !file.ends_with("tests.rs")).filter(|file| {
        let text = fs::read_to_string(file).expect("a source can be read");
        names(text.split("#[cfg(test)]").next().expect("some text"), name)
    });
    let path = |file: PathBuf| file.strip_prefix(root).expect("inside").to_string_lossy().into_owned();
    naming.map(path).collect()
}

/// A new model consists of its networks, their graphs, a recipe, a line in the registry and a
/// program. No other code names it. "Add a model" in CONTRIBUTING.md lists all these parts.
#[test]
fn a_model_is_its_networks_a_recipe_and_a_line() {
    let members = members();
    let registry = "crates/recipes/src/registry.rs";
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(registry));
    let text = text.expect("there is a registry");
    let models: Vec<_> = members.iter().filter(|member| member.layer == "models").collect();
    for model in &models {
        let name = model.name.strip_prefix("adjoint-").expect("our crates have our name");
        let (recipe, program) =
            (format!("crates/recipes/src/{name}.rs"), format!("crates/bins/train-{name}/src/main.rs"));
        let graphs = format!("crates/interop/src/networks/{name}.rs");
        let wanted: BTreeSet<String> = [recipe, graphs, registry.to_owned(), program].into();
        assert_eq!(files_of_a_model(&members, name), wanted, "{name}");
        let lines = text.lines().filter(|line| line.contains(&format!("::{name}::RECIPE"))).count();
        assert_eq!(lines, 1, "{name} in {registry}");
    }
    let contributing = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../CONTRIBUTING.md");
    let guide = fs::read_to_string(contributing).expect("there is a guide");
    for place in [
        "crates/models/NAME",
        "crates/recipes/src/NAME.rs",
        "crates/interop/src/networks/NAME.rs",
        registry,
        "crates/bins/train-NAME",
        "crates/recipes/Cargo.toml",
        "crates/adjoint/src/models.rs",
        "crates/testing/src/build.rs",
    ] {
        assert!(guide.contains(place), "CONTRIBUTING.md does not name {place}");
    }
}

#[test]
fn examples_to_copy_are_short() {
    let members = members();
    let facade = members.iter().find(|member| member.name == "adjoint").expect("there is a facade");
    let examples = rust_files(&facade.directory.join("examples"));
    assert_eq!(examples.len(), 4, "{examples:?}");
    for example in examples {
        let count = fs::read_to_string(&example).expect("an example can be read").lines().count();
        assert!(count <= MOST_LINES_OF_AN_EXAMPLE, "{} has {count} lines", example.display());
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
