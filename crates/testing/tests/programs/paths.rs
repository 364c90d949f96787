//! Tests that every path argument may contain bytes that are not UTF-8.

use adjoint_testing::Program;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::Output;

/// Returns a path of the letter r, a byte that is invalid in UTF-8, a slash and `name`.
fn place(name: &str) -> OsString {
    let mut place = OsStr::from_bytes(b"r\xff/").to_os_string();
    place.push(name);
    place
}

#[track_caller]
fn succeeds(program: &Program, arguments: &[&OsStr]) -> Output {
    let output = program.start(arguments).wait_with_output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

#[test]
fn a_run_of_any_path_can_be_made_resumed_sampled_and_evaluated() {
    let trainer = Program::new("train-vae");
    let (out, run) = (place(""), place("a"));
    let small =
        ["--hidden", "8", "--latent", "2", "--image-size", "16", "--batch-size", "16", "--steps", "3"];
    let small = small.map(OsStr::new);
    let made = succeeds(
        &trainer,
        &[&small[..], &["--name".as_ref(), "a".as_ref(), "--out".as_ref(), &out]].concat(),
    );
    // The printed commands quote the path of the run for the shell.
    let said = String::from_utf8(made.stdout).unwrap();
    assert!(said.contains(r"--resume $'r\377/a'") && said.contains(r"manifold $'r\377/a'"), "{said}");
    succeeds(&trainer, &["--resume".as_ref(), &run, "--steps".as_ref(), "4".as_ref()]);
    let run_directory = trainer.directory().join(&run);
    let mut settings = run_directory.join("config.toml").into_os_string();
    let config = fs::read(&settings).unwrap();
    succeeds(&trainer, &["--config".as_ref(), &settings, "--name".as_ref(), "b".as_ref()]);
    settings = trainer.run("b").join("config.toml").into();
    assert_eq!(fs::read(&settings).unwrap(), config);

    let sample = Program::new("sample");
    fs::create_dir(sample.directory().join(place(""))).unwrap();
    let here = |name: &str| -> PathBuf { sample.directory().join(place(name)) };
    for command in ["grid", "export"] {
        let flags = ["--out".as_ref(), place(command).as_os_str(), "--data-dir".as_ref(), &place("data")]
            .map(OsStr::to_os_string);
        let flags: Vec<&OsStr> = flags.iter().map(OsString::as_os_str).collect();
        succeeds(
            &sample,
            &[&[command.as_ref(), run_directory.as_os_str()], &flags[..], &["--n".as_ref(), "4".as_ref()]]
                .concat(),
        );
        assert!(here(command).is_file());
        // By default, the output is next to the run.
        succeeds(&sample, &[command.as_ref(), run_directory.as_os_str(), "--n".as_ref(), "4".as_ref()]);
    }
    assert!(run_directory.join("grid.png").is_file() && run_directory.join("export.npy").is_file());

    let evaluate = Program::new("evaluate");
    fs::create_dir(evaluate.directory().join(place(""))).unwrap();
    let small =
        ["--samples", "120", "--judge-steps", "3", "--labelled", "120", "--nll-samples", "0"].map(OsStr::new);
    let [judges, json, markdown, data] = ["judges", "json", "markdown", "data"].map(place);
    let paths: [&OsStr; 8] = [
        "--judges".as_ref(),
        &judges,
        "--json".as_ref(),
        &json,
        "--markdown".as_ref(),
        &markdown,
        "--data-dir".as_ref(),
        &data,
    ];
    succeeds(&evaluate, &[&[run_directory.as_os_str()], &small[..], &paths].concat());
    let here = |name: &str| evaluate.directory().join(place(name));
    assert!(here("json").is_file() && here("markdown").is_file());
    assert_eq!(fs::read_dir(here("judges")).unwrap().count(), 2);
}
