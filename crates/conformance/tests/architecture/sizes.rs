//! What must stay small: programs, the recipe of a model, and the recorded answers of PyTorch.

use crate::unsafe_code::rust_files;
use crate::workspace::members;
use std::fs;
use std::path::Path;

/// Lines of a program: libraries hold what can be tested.
const MOST_LINES_OF_A_PROGRAM: usize = 10;
/// Lines of a recipe: its flags and its networks.
const MOST_LINES_OF_A_RECIPE: usize = 150;
/// Bytes of all fixtures.
const MOST_BYTES: u64 = 2_000_000;

fn lines(file: &Path) -> usize {
    fs::read_to_string(file).expect("a source can be read").lines().count()
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
            "{} has {count} lines; what is not its own belongs beside it",
            recipe.display()
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
