//! The program as a user meets it: killed and resumed, given wrong flags, asked what it would do.
#![allow(missing_docs)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const SMALL: [&str; 10] =
    ["--width", "4", "--batch-size", "16", "--latent", "8", "--log-every", "1", "--ema", "0.9"];

fn program(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_train-dcgan"));
    command.current_dir(directory);
    command
}

fn run(directory: &Path, arguments: &[&str]) -> Output {
    program(directory).args(arguments).output().unwrap()
}

fn succeed(directory: &Path, arguments: &[&str]) -> String {
    let output = run(directory, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A failure must be one line on stderr that starts with "error:" and holds `expected`.
fn fail(directory: &Path, arguments: &[&str], expected: &str) {
    let output = run(directory, arguments);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{arguments:?} succeeded");
    assert!(text.starts_with("error: ") && text.contains(expected), "{arguments:?}: {text}");
    assert!(!text.contains("panicked"), "{text}");
}

/// A metrics file without its timings.
fn figures(run: &Path) -> Vec<String> {
    let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    text.lines()
        .map(|line| line.split(",\"images_per_second\"").next().unwrap_or_default().to_owned())
        .collect()
}

/// 40 steps equal 20-odd steps, kill -9, resume, the rest: weights, moments, averages and figures, bit for bit, with another
/// number of threads and with two D-steps a step.
#[test]
fn a_killed_run_goes_on_with_the_same_bits() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let common = [&SMALL[..], &["--steps", "40", "--checkpoint-every", "7", "--d-steps", "2"]].concat();
    succeed(here, &[&common[..], &["--name", "whole", "--threads", "2"]].concat());

    let mut child = program(here)
        .args([&common[..], &["--name", "killed", "--threads", "3"]].concat())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let (killed, whole) = (here.join("runs/killed"), here.join("runs/whole"));
    let started = Instant::now();
    let steps = || fs::read_to_string(killed.join("metrics.jsonl")).map_or(0, |text| text.lines().count());
    while steps() < 20 {
        assert!(started.elapsed() < Duration::from_secs(60), "the run makes no steps");
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();

    succeed(here, &["--resume", "runs/killed", "--threads", "1"]);
    for file in ["checkpoint.safetensors", "generator.safetensors", "generator_ema.safetensors", "losses.svg"]
    {
        assert!(
            fs::read(killed.join(file)).unwrap() == fs::read(whole.join(file)).unwrap(),
            "{file} differs"
        );
    }
    assert_eq!(figures(&killed), figures(&whole));
    assert_eq!(figures(&whole).len(), 40);
}

#[test]
fn wrong_flags_and_missing_data_are_explained() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    fail(here, &["--image-size", "8"], "--image-size 8");
    fail(here, &["--loss", "hinge", "--label-smoothing", "0.1"], "--loss hinge has none");
    fail(here, &["--batch-size", "100000"], "100000");
    fail(here, &["--loss", "hopeful"], "hopeful");
    fail(here, &["--loss", "wasserstein"], "wasserstein");
    fail(here, &["--width", "1024", "--image-size", "512"], "GiB");
    fail(here, &["--d-steps", "300", "--batch-size", "256"], "--d-steps 300: an epoch has only 234 batches");
    fail(here, &["--lr", "-1"], "--lr");
    fail(here, &["--lr", "nan"], "--lr");
    fail(here, &["--isa", "sse9"], "'sse9' is none of portable, avx2 and avx512");
    fail(here, &["--threads", "100000"], "1..=256");
    for run in [&[][..], &["--dry-run"]] {
        fail(here, &[&["--image-size", "513"], run].concat(), "--image-size 513: from 16 to 512 pixels");
    }
    fail(here, &["--dataset", "mnist"], "--download");
    fail(here, &["--dataset", "imagenet"], "imagenet");
    fail(here, &["--resume", "runs/nowhere"], "runs/nowhere");
    assert!(!here.join("runs").exists(), "a command that fails leaves no run behind");
}

/// A run goes on with the instructions that it began with.
#[test]
fn instructions_are_part_of_a_run() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let portable = [&SMALL[..], &["--isa", "portable"]].concat();
    succeed(here, &[&portable[..], &["--steps", "6", "--name", "whole"]].concat());
    succeed(here, &[&portable[..], &["--steps", "3", "--name", "parts"]].concat());
    succeed(here, &["--resume", "runs/parts", "--steps", "6"]);
    let read = |path: &str| fs::read(here.join("runs").join(path)).unwrap();
    assert!(read("whole/generator.safetensors") == read("parts/generator.safetensors"));
    let config = String::from_utf8(read("parts/config.toml")).unwrap();
    assert!(config.contains("\nisa = \"portable\"\n") && config.contains("\nlr = 0.0002\n"), "{config}");
}

/// A checkpoint of other networks is refused, and names what differs.
#[test]
fn a_resumed_run_keeps_its_settings() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    succeed(here, &[&SMALL[..], &["--steps", "3", "--name", "a"]].concat());
    fail(here, &["--resume", "runs/a", "--width", "8"], "--width 8 contradicts the run, which has 4");
    let config = here.join("runs/a/config.toml");
    let edited = fs::read_to_string(&config).unwrap().replace("width = 4", "width = 8");
    fs::write(&config, edited).unwrap();
    fail(here, &["--resume", "runs/a", "--steps", "6"], "width");
}

#[test]
fn a_dry_run_shows_the_networks_and_trains_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let text = succeed(
        directory.path(),
        &["--image-size", "64", "--width", "8", "--dry-run", "--isa", "portable", "--threads", "3"],
    );
    for part in ["generator", "discriminator", "64x64x1", "FLOP, ", "B of memory", "3 threads with portable"]
    {
        assert!(text.contains(part), "no {part} in {text}");
    }
    // What this machine could not train, of data that is not there, can be looked at.
    let text = succeed(
        directory.path(),
        &[
            "--dataset",
            "mnist",
            "--width",
            "1024",
            "--image-size",
            "512",
            "--batch-size",
            "1024",
            "--dry-run",
        ],
    );
    assert!(text.contains("512x512x1") && text.contains("TiB of memory"), "{text}");
    assert!(!directory.path().join("runs").exists());
}
