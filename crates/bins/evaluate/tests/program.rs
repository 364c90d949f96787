//! Tables of runs of all four trainers, which this test makes itself; and what is refused.
#![allow(missing_docs)]

use adjoint_testing::Program;
use adjoint_workbench::{game, variational};
use serde_json::Value;
use std::fs;

fn program() -> Program {
    Program::new(env!("CARGO_BIN_EXE_evaluate"))
}

/// Judges that have hardly seen anything, and few samples: what the numbers are is not asked here.
const SMALL: [&str; 6] = ["--samples", "120", "--judge-steps", "3", "--labelled", "120"];

/// The row of a table that starts so.
fn row<'a>(text: &'a str, heading: &str, name: &str) -> &'a str {
    let table = text.split("\n\n").find(|part| part.starts_with(&format!("| {heading}")));
    let table = table.unwrap_or_else(|| panic!("no table `{heading}` in\n{text}"));
    let found = table.lines().find(|line| line.starts_with(&format!("| {name} ")));
    found.unwrap_or_else(|| panic!("no row `{name}` in\n{table}"))
}

#[test]
fn four_models_stand_between_data_and_noise() {
    let program = program();
    program.train("gan", &["--g-hidden", "8", "--d-hidden", "8"], game::trainer::<train_gan::Settings>);
    program.train("dcgan", &["--width", "4"], game::trainer::<train_dcgan::Settings>);
    program.train("cgan", &["--width", "4"], game::trainer::<train_cgan::Settings>);
    program.train("vae", &["--hidden", "8", "--latent", "3"], variational::trainer::<train_vae::Settings>);
    let runs = ["runs/gan", "runs/dcgan", "runs/cgan", "runs/vae"];
    let bounds =
        ["--nll-samples", "2000", "--nll-images", "2", "--ais-images", "2", "--ais-temperatures", "40"];
    let files = ["--json", "all.json", "--markdown", "all.md"];
    let flags = [&runs[..], &SMALL, &bounds, &files].concat();
    let said = program.succeed(&flags);
    for heading in ["by the judge", "in the judge's features", "in pixels"] {
        for name in [&["test set"], &runs[..], &["noise"]].concat() {
            row(&said, heading, name);
        }
    }
    for name in runs {
        assert!(row(&said, "control of known factors", name).len() > 20);
        assert!(row(&said, "likelihood", name).contains('±'));
    }
    // Only the conditional model is asked for classes, only the VAE has a bound.
    assert_eq!(row(&said, "by the judge", "runs/gan").trim_end_matches([' ', '|']).split('|').count(), 5);
    assert_eq!(row(&said, "by the judge", "runs/cgan").trim_end_matches([' ', '|']).split('|').count(), 6);
    let written = fs::read_to_string(program.directory().join("all.md")).unwrap();
    assert_eq!(written.trim_end(), said.trim_end());

    // Two ways to the same number, of the same images: importance sampling with q, and annealing without it.
    let json: Value =
        serde_json::from_slice(&fs::read(program.directory().join("all.json")).unwrap()).unwrap();
    let figure = |key: &str| json[0]["subjects"][4]["figures"][key]["value"].as_f64().unwrap();
    assert_eq!(json[0]["subjects"][4]["name"], "runs/vae");
    let (nll, ais) = (figure("nll"), figure("ais"));
    assert!((nll + ais).abs() < 0.5, "{nll} by importance sampling, {ais} by annealing");
    assert!(nll < -figure("elbo") + 5.0 && figure("ais_gap") > -0.5, "{json}");

    // The judges are there now: not trained again, and the same figures come out, with another number of threads.
    let figures = |file: &str, threads: &str| {
        program.succeed(&[&["runs/cgan", "--json", file, "--threads", threads], &SMALL[..]].concat());
        fs::read(program.directory().join(file)).unwrap()
    };
    assert!(figures("two.json", "2") == figures("one.json", "1"));
    let judges: Vec<_> =
        fs::read_dir(program.run(".judges")).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(judges.len(), 2);

    // A damaged one is trained anew.
    for judge in &judges {
        fs::write(judge, b"no judge").unwrap();
    }
    program.succeed(&[&["runs/gan"], &SMALL[..]].concat());
    assert!(judges.iter().all(|judge| fs::metadata(judge).unwrap().len() > 1000));
}

#[test]
fn points_have_a_table_of_their_own() {
    let program = program();
    let flags = ["--dataset", "ring", "--g-hidden", "8", "--d-hidden", "8"];
    program.train("ring", &flags, game::trainer::<train_gan::Settings>);
    let said = program.succeed(&["runs/ring", "--samples", "500"]);
    let data = row(&said, "in the plane", "data");
    assert!(data.contains("| ") && data.split('|').nth(2).is_some_and(|modes| modes.trim() == "8"), "{data}");
    row(&said, "in the plane", "runs/ring");
    row(&said, "in the plane", "noise");
}

#[test]
fn what_can_not_be_evaluated_is_a_line() {
    let program = program();
    program.fail(&["runs/none"], "runs/none");
    program.fail(&["runs/none", "--samples", "7"], "from 100 to 100000");
    program.fail(&["runs/none", "--ais-temperatures", "0"], "1..=1000000");
    program.fail(&["runs/none", "--ais-temperatures", "1000001"], "1..=1000000");
    program.fail(&[], "RUN");
}
