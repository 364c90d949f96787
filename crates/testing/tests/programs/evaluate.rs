//! Tests of `evaluate`: its tables for runs of all four trainers, and invalid input.

use adjoint_testing::Program;
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

fn program() -> Program {
    Program::new("evaluate")
}

/// Flags for few samples and a short training of the judges. The values of most metrics do not
/// matter in these tests.
const SMALL: [&str; 6] = ["--samples", "120", "--judge-steps", "3", "--labelled", "120"];

/// Flags for the smallest images. Small images make the comparison of each sample with all training
/// images fast.
const IMAGES: [&str; 2] = ["--image-size", "16"];

/// Returns the row called `name` of the table with the given heading.
fn row<'a>(text: &'a str, heading: &str, name: &str) -> &'a str {
    let table = text.split("\n\n").find(|part| part.starts_with(&format!("| {heading}")));
    let table = table.unwrap_or_else(|| panic!("no table `{heading}` in\n{text}"));
    let found = table.lines().find(|line| line.starts_with(&format!("| {name} ")));
    found.unwrap_or_else(|| panic!("no row `{name}` in\n{table}"))
}

#[test]
fn four_models_stand_between_data_and_noise() {
    let program = program();
    program.train("train-gan", "gan", &[&IMAGES[..], &["--g-hidden", "8", "--d-hidden", "8"]].concat());
    program.train("train-dcgan", "dcgan", &[&IMAGES[..], &["--width", "4"]].concat());
    program.train("train-cgan", "cgan", &[&IMAGES[..], &["--width", "4"]].concat());
    program.train("train-vae", "vae", &[&IMAGES[..], &["--hidden", "8", "--latent", "3"]].concat());
    let runs = ["runs/gan", "runs/dcgan", "runs/cgan", "runs/vae"];
    let bounds =
        ["--nll-samples", "2000", "--nll-images", "2", "--ais-images", "2", "--ais-temperatures", "40"];
    let files = ["--json", "all.json", "--markdown", "all.md"];
    let flags = [&runs[..], &SMALL, &bounds, &files].concat();
    let said = program.succeed(&flags);
    for heading in ["by the judge", "in the judge's features", "in pixels", "sliced Wasserstein"] {
        for name in [&["test set"], &runs[..], &["noise"]].concat() {
            row(&said, heading, name);
        }
    }
    for name in runs {
        assert!(row(&said, "control of known factors", name).len() > 20);
        assert!(row(&said, "likelihood", name).contains('±'));
    }
    // Only the row of the conditional model has a score of requested classes.
    assert_eq!(row(&said, "by the judge", "runs/gan").trim_end_matches([' ', '|']).split('|').count(), 5);
    assert_eq!(row(&said, "by the judge", "runs/cgan").trim_end_matches([' ', '|']).split('|').count(), 6);
    let written = fs::read_to_string(program.directory().join("all.md")).unwrap();
    assert_eq!(written.trim_end(), said.trim_end());
    let json: Value =
        serde_json::from_slice(&fs::read(program.directory().join("all.json")).unwrap()).unwrap();
    // A judge of three steps is unreliable, and so is every table that needs it.
    assert_eq!(
        [&json[0]["judge"]["task"], &json[0]["judge"]["reliable"]],
        [&json!("classes"), &json!(false)]
    );
    assert_eq!(said.matches("Unreliable: the judge is not good enough").count(), 3, "{said}");
    let chance = "the requested class is 10.0 % by chance";
    assert!(said.contains(chance), "{said}");

    // The metrics must rate data as data and noise as noise. The distance ratio of the test set is
    // 1, because its distances are compared with themselves. The two-sample test finds the nearest
    // neighbours of 240 images. If both sets have the same distribution, a neighbour is in the same
    // set with probability 1/2. The fraction of such neighbours then has a standard deviation of
    // 0.03, or 0.05 because two images are often each other's neighbours.
    let of =
        |subject: usize, key: &str| json[0]["subjects"][subject]["figures"][key]["value"].as_f64().unwrap();
    let (data, noise) = (0, 5);
    assert_eq!(
        [&json[0]["subjects"][data]["name"], &json[0]["subjects"][noise]["name"]],
        ["test set", "noise"]
    );
    assert_eq!(of(data, "distance_ratio"), 1.0);
    assert!((0.35..0.65).contains(&of(data, "two_sample")), "{json}");
    assert!(of(noise, "distance_ratio") > 1.5 && of(noise, "two_sample") > 0.9, "{json}");
    assert!(of(noise, "sliced") > 5.0 * of(data, "sliced"), "{json}");
    assert!(of(noise, "parzen") < of(data, "parzen") - 100.0, "{json}");

    // Two estimates of the log-likelihood of the same images must agree. Importance sampling uses
    // the encoder q; annealing does not.
    let figure = |key: &str| json[0]["subjects"][4]["figures"][key]["value"].as_f64().unwrap();
    assert_eq!(json[0]["subjects"][4]["name"], "runs/vae");
    let (nll, ais) = (figure("nll"), figure("ais"));
    assert!((nll + ais).abs() < 0.5, "{nll} by importance sampling, {ais} by annealing");
    assert!(nll < -figure("elbo") + 5.0 && figure("ais_gap") > -0.5, "{json}");

    stored_judges_give_the_same_figures(&program);
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// Checks that stored judges give the same scores again, and that damaged judges are replaced.
fn stored_judges_give_the_same_figures(program: &Program) {
    // The stored judges are not trained again. The scores do not depend on the number of threads.
    let figures = |file: &str, threads: &str| {
        program.succeed(&[&["runs/cgan", "--json", file, "--threads", threads], &SMALL[..]].concat());
        fs::read(program.directory().join(file)).unwrap()
    };
    assert!(figures("two.json", "2") == figures("one.json", "1"));
    let judges: Vec<_> =
        fs::read_dir(program.run(".judges")).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(judges.len(), 2);

    // A judge has the name of its dataset. It is found if the dataset was renamed.
    let renamed = |judge: &PathBuf| judge.with_file_name(format!("old-{}", name_of(judge)));
    for judge in &judges {
        fs::rename(judge, renamed(judge)).unwrap();
    }
    assert!(figures("three.json", "1") == figures("one.json", "1"));
    assert!(judges.iter().all(|judge| !judge.exists()), "no judge is trained again");
    // A judge that can't be stored is used nevertheless.
    for judge in &judges {
        fs::remove_file(renamed(judge)).unwrap();
        fs::create_dir(judge).unwrap();
    }
    let said = program.warns(&[&["runs/cgan", "--json", "four.json", "--threads", "1"], &SMALL[..]].concat());
    assert_eq!(said.matches("the judge is used now and trained again next time").count(), 2, "{said}");
    assert!(fs::read(program.directory().join("four.json")).unwrap() == figures("one.json", "1"));
    judges.iter().for_each(|judge| fs::remove_dir(judge).unwrap());
    figures("one.json", "1");

    // A damaged judge is trained again.
    for judge in &judges {
        fs::write(judge, b"no judge").unwrap();
    }
    let more = ["runs/gan", "--nll-images", "20000", "--labelled", "70000"];
    let said = program.warns(&[&SMALL[..4], &more].concat());
    assert!(judges.iter().all(|judge| fs::metadata(judge).unwrap().len() > 1000));

    // If a flag requests more images than the dataset has, the number is reduced, with one warning
    // per flag.
    for line in [
        "warning: --nll-images 20000 is limited to 10000, all test images\n",
        "warning: --labelled 70000 is limited to 60000, all training images\n",
    ] {
        assert_eq!(said.matches(line).count(), 1, "{said}");
    }
    assert!(!said.contains("--samples 120"), "{said}");
}

#[test]
fn points_have_a_table_of_their_own() {
    let program = program();
    let flags = ["--dataset", "ring", "--g-hidden", "8", "--d-hidden", "8"];
    program.train("train-gan", "ring", &flags);
    let said = program.succeed(&["runs/ring", "--samples", "500"]);
    let data = row(&said, "in the plane", "data");
    assert!(data.contains("| ") && data.split('|').nth(2).is_some_and(|modes| modes.trim() == "8"), "{data}");
    row(&said, "in the plane", "runs/ring");
    row(&said, "in the plane", "noise");
}

/// Weights near the largest f32 make the samples overflow.
#[test]
fn samples_that_are_not_finite_are_rejected() {
    let program = program();
    let flags = ["--dataset", "ring", "--g-hidden", "8", "--d-hidden", "8"];
    program.train("train-gan", "ring", &flags);
    spoil(&program, "ring", "generator.safetensors");
    program.fail(&["runs/ring", "--raw"], "runs/ring: samples that are not finite");
}

/// Sets all weights in a file to nearly the largest f32.
fn spoil(program: &Program, run: &str, file: &str) {
    let path = program.run(run).join(file);
    let mut bytes = fs::read(&path).unwrap();
    // The first eight bytes are the length of the header, which precedes the weights.
    let header = usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap();
    bytes[8 + header..].chunks_exact_mut(4).for_each(|x| x.copy_from_slice(&3e38f32.to_le_bytes()));
    fs::write(&path, bytes).unwrap();
}

/// Only the weights of the encoder are too large. They affect the bound but not the samples, which
/// depend on the decoder alone.
#[test]
fn bounds_that_are_not_finite_are_rejected() {
    let program = program();
    program.train("train-vae", "vae", &[&IMAGES[..], &["--hidden", "8", "--latent", "3"]].concat());
    spoil(&program, "vae", "encoder.safetensors");
    let arguments = [&["runs/vae", "--json", "all.json"], &SMALL[..]].concat();
    let arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
    let output = program.start(&arguments).wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let last = said.lines().last().unwrap_or_default();
    assert!(last.starts_with("error: runs/vae: bounds on log p(x) that are not finite"), "{said}");
    assert!(!program.directory().join("all.json").exists());
}

#[test]
fn what_can_not_be_evaluated_is_a_line() {
    let program = program();
    program.fail(&["runs/none"], "runs/none");
    program.fail(&["runs/none", "--samples", "7"], "from 100 to 100000");
    program.fail(&["runs/none", "--ais-temperatures", "0"], "from 1 to 1000000");
    program.fail(&["runs/none", "--ais-temperatures", "1000001"], "from 1 to 1000000");
    program.fail(&["runs/none", "--ais-temperatures", "10"], "not provided: --ais-images");
    program.fail(&["runs/none", "--ais-sigma", "0.2"], "not provided: --ais-images");
    program.fail(&[], "RUN");
}
