//! Tests that the programs can resume, sample and evaluate runs that earlier versions wrote. These
//! runs are stored in fixtures/runs/. A change to the run format adds a directory of new runs and
//! keeps the old directories (fixtures/runs/README.md).

use adjoint_testing::Program;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The name of each model in the settings of a run, and the model's trainer.
const TRAINERS: [(&str, &str); 4] =
    [("cgan", "train-cgan"), ("dcgan", "train-dcgan"), ("gan", "train-gan"), ("vae", "train-vae")];

/// Width and height of a picture with four images of 16 x 16 pixels. The images are enlarged four
/// times and have gaps of two pixels.
const IMAGES: [u32; 2] = [134; 2];
/// Width and height of a scatter plot.
const POINTS: [u32; 2] = [400; 2];

/// Returns the sorted subdirectories of a directory.
fn directories(parent: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = fs::read_dir(parent).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.is_dir());
    found.sort();
    found
}

/// Copies a stored run to runs/NAME.
fn copy(stored: &Path, program: &Program, name: &str) {
    fs::create_dir_all(program.run(name)).unwrap();
    for file in fs::read_dir(stored).unwrap() {
        let file = file.unwrap();
        // The content is written to a new file, so that the copy is writable even if the stored
        // file is read-only.
        fs::write(program.run(name).join(file.file_name()), fs::read(file.path()).unwrap()).unwrap();
    }
}

/// Reads a file of weights. Returns its header and the bytes of all values.
fn tensors(program: &Program, run: &str, file: &str) -> (BTreeMap<String, Value>, Vec<u8>) {
    let bytes = program.read(run, file);
    let length = usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap();
    (serde_json::from_slice(&bytes[8..8 + length]).unwrap(), bytes[8 + length..].to_vec())
}

/// Draws four samples of runs/NAME and checks the size of the picture.
fn sample(program: &Program, name: &str, [width, height]: [u32; 2]) {
    let said = program.succeed_by("sample", &["grid", &format!("runs/{name}"), "--n", "4"]);
    assert!(said.contains(&format!("{width}x{height} pixels")), "{said}");
    let png = program.read(name, "grid.png");
    // The width and height follow the 16 bytes of the signature and of the first chunk header.
    let sides = [16, 20].map(|at| u32::from_be_bytes(png[at..at + 4].try_into().unwrap()));
    assert_eq!(sides, [width, height], "{name}");
}

/// Evaluates two runs. Each run must have scores, and all scores must be finite.
fn evaluate(program: &Program, names: [&str; 2]) {
    let runs = names.map(|name| format!("runs/{name}"));
    let small = ["--samples", "120", "--judge-steps", "3", "--labelled", "120", "--json", "figures.json"];
    let bounds = ["--nll-samples", "2", "--nll-images", "2"];
    program.succeed_by("evaluate", &[&[&*runs[0], &*runs[1]], &small[..], &bounds].concat());
    let text = fs::read(program.directory().join("figures.json")).unwrap();
    let json: Value = serde_json::from_slice(&text).unwrap();
    let subjects = json[0]["subjects"].as_array().unwrap();
    // The subjects are data, the two runs and noise.
    assert_eq!(subjects.len(), 4, "{json}");
    for run in &runs {
        let subject = subjects.iter().find(|subject| subject["name"] == **run);
        let figures = subject.and_then(|subject| subject["figures"].as_object()).unwrap();
        assert!(figures.len() >= 3, "{run}: {json}");
        for (figure, value) in figures {
            // JSON cannot represent a number that is not finite.
            assert!(value["value"].is_f64(), "{run}: {figure} is {value}");
        }
    }
}

/// Resumes a copy of a stored run for two steps. Then samples and evaluates both the stored and the
/// resumed run.
fn check(trainer: &'static str, stored: &Path) {
    let program = Program::new(trainer);
    for name in ["stored", "resumed"] {
        copy(stored, &program, name);
    }
    program.succeed(&["--resume", "runs/resumed", "--steps", "5", "--quiet"]);
    let figures = program.figures("resumed");
    assert_eq!(figures[..3], program.figures("stored")[..], "{}", stored.display());
    let steps: Vec<_> =
        figures.iter().map(|line| line.split(',').next().unwrap().trim_start_matches("{\"step\":")).collect();
    assert_eq!(steps, ["1", "2", "3", "4", "5"], "{}", stored.display());

    let files = fs::read_dir(stored).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let weights: Vec<_> = files.filter(|file| file.ends_with(".safetensors")).collect();
    assert!(weights.len() >= 3, "a checkpoint and two networks: {weights:?}");
    for file in &weights {
        let [mut old, mut new] = ["stored", "resumed"].map(|run| tensors(&program, run, file));
        let steps = [&mut old, &mut new].map(|(header, _)| header.remove("__metadata__").unwrap());
        assert_eq!(steps.map(|about| about["step"].as_str().unwrap().to_owned()), ["3", "5"], "{file}");
        assert_eq!(old.0, new.0, "{file}: names or shapes changed");
        assert!(old.1 != new.1, "{}: {file} is as it was", stored.display());
    }

    let size = if stored.ends_with("gan-ring") { POINTS } else { IMAGES };
    for name in ["stored", "resumed"] {
        sample(&program, name, size);
    }
    evaluate(&program, ["stored", "resumed"]);
}

#[test]
fn stored_runs_resume_sample_and_evaluate() {
    let versions = directories(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/runs"));
    assert!(!versions.is_empty());
    for version in versions {
        let mut seen = BTreeSet::new();
        for run in directories(&version) {
            let settings = fs::read_to_string(run.join("config.toml")).unwrap();
            let made_by = |(model, _): &(&str, &str)| settings.contains(&format!("\nmodel = \"{model}\"\n"));
            let (model, trainer) = TRAINERS.into_iter().find(made_by).expect("a run of a trainer");
            check(trainer, &run);
            seen.insert(model);
        }
        let all = BTreeSet::from(TRAINERS.map(|(model, _)| model));
        assert_eq!(seen, all, "{}: each trainer has a run", version.display());
    }
}

/// The stored runs were made before `l1` was recorded. Its default was in effect, so a resumed run
/// can only have this value.
#[test]
fn a_setting_that_a_stored_run_lacks_has_its_default() {
    let stored = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/runs/0.1/cgan-inpaint");
    let program = Program::new("train-cgan");
    copy(&stored, &program, "a");
    let config = program.run("a").join("config.toml");
    let settings = fs::read_to_string(&config).unwrap();
    assert!(!settings.contains("l1"), "{settings}");
    let resume = ["--resume", "runs/a", "--steps", "4", "--quiet"];

    fs::write(&config, format!("{settings}l1 = 50.0\n")).unwrap();
    program.fail(&resume, "made with l1 = 100.0, but config.toml beside it has 50.0; put 100.0 back");
    fs::write(&config, &settings).unwrap();
    program.fail(&[&resume[..], &["--l1", "50"]].concat(), "--l1 50.0 contradicts the run, which has 100.0");
    program.succeed(&[&resume[..], &["--l1", "100"]].concat());
    let settings = fs::read_to_string(&config).unwrap();
    assert!(settings.contains("\nl1 = 100.0\n"), "{settings}");
}
