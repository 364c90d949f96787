//! Tests of `train-dcgan`: killed and resumed, with invalid flags, and with --dry-run.

use adjoint_testing::Program;
use std::fs;

const SMALL: [&str; 10] =
    ["--width", "4", "--batch-size", "16", "--latent", "8", "--log-every", "1", "--ema", "0.9"];

fn program() -> Program {
    Program::new("train-dcgan")
}

/// A run that is killed after some of its 40 steps and resumed must give the same weights, moments
/// of the optimiser, averages and metrics as a run that is not killed, bit for bit. The number of
/// threads changes on the way. Each step has two steps of D.
#[test]
fn a_killed_run_resumes_with_the_same_bits() {
    let flags = [&SMALL[..], &["--steps", "40", "--checkpoint-every", "7", "--d-steps", "2"]].concat();
    let files =
        ["checkpoint.safetensors", "generator.safetensors", "generator_ema.safetensors", "losses.svg"];
    program().assert_killed_run_resumes(&flags, &files);
}

#[test]
fn wrong_flags_and_missing_data_are_explained() {
    let program = program();
    program.fail(&["--image-size", "8"], "--image-size 8");
    program.fail(&["--loss", "hinge", "--label-smoothing", "0.1"], "--loss hinge has none");
    program.fail(&["--batch-size", "100000", "--width", "1"], "100000");
    program.fail(&["--loss", "hopeful"], "hopeful");
    let free = ["--loss", "wasserstein", "--penalty", "none", "--d-norm", "batch"];
    program.fail(&free, "--loss wasserstein needs a D that is Lipschitz");
    program.fail(&["--width", "1024", "--image-size", "512"], "GiB");
    program
        .fail(&["--d-steps", "300", "--batch-size", "256"], "--d-steps 300: an epoch has only 234 batches");
    for (flags, purpose) in [
        (
            &["--penalty", "none", "--penalty-every", "4"][..],
            "--penalty-every has no effect here: it is for --penalty",
        ),
        (&["--instance-noise-epochs", "3"], "it is for --instance-noise above 0"),
        (
            &["--optimizer", "momentum", "--beta2", "0.9"],
            "--beta2 has no effect here: it is for --optimizer adam",
        ),
        (&["--optimizer", "sgd", "--beta1", "0.9"], "--beta1 has no effect here"),
        (&["--download"], "--download has no effect here: it is for a named dataset from files"),
        (&["--dataset", "glyphs-rgb", "--data-dir", "."], "--data-dir has no effect here"),
    ] {
        program.fail(flags, purpose);
    }
    program.fail(&["--lr", "-1"], "--lr");
    program.fail(&["--lr", "nan"], "--lr");
    program.fail(&["--isa", "sse9"], "'sse9' is none of portable, avx2 and avx512");
    program.fail(&["--threads", "100000"], "from 1 to 256");
    for run in [&[][..], &["--dry-run"]] {
        program.fail(
            &[&["--image-size", "513"], run].concat(),
            "--image-size 513: must be from 16 to 512 pixels",
        );
    }
    program.fail(&["--dataset", "mnist"], "--download");
    program.fail(&["--dataset", "imagenet"], "imagenet");
    program.fail(&["--resume", "runs/nowhere"], "runs/nowhere");
    assert!(!program.directory().join("runs").exists(), "a command that fails leaves no run behind");
}

/// A resumed run uses the instruction set with which it was started.
#[test]
fn instructions_are_part_of_a_run() {
    let program = program();
    let portable = [&SMALL[..], &["--isa", "portable"]].concat();
    program.succeed(&[&portable[..], &["--steps", "6", "--name", "whole"]].concat());
    program.succeed(&[&portable[..], &["--steps", "3", "--name", "parts"]].concat());
    program.succeed(&["--resume", "runs/parts", "--steps", "6"]);
    let weights = |name| program.read(name, "generator.safetensors");
    assert!(weights("whole") == weights("parts"));
    let config = String::from_utf8(program.read("parts", "config.toml")).unwrap();
    assert!(config.contains("\nisa = \"portable\"\n") && config.contains("\nlr = 0.0002\n"), "{config}");
}

/// Repeats a run from its settings file, with some settings changed by flags. A file may contain
/// settings without effect. Unsuitable combinations of settings give a warning.
#[test]
fn a_run_is_repeated_with_another_loss() {
    let program = program();
    program.succeed(&[&SMALL[..], &["--steps", "1", "--name", "a"]].concat());
    let again = ["--config", "runs/a/config.toml", "--quiet", "--name"];
    program.succeed(&[&again[..], &["b", "--penalty", "none", "--optimizer", "sgd"]].concat());
    let warned = program.warns(&[&again[..], &["c", "--loss", "wasserstein"]].concat());
    assert!(warned.contains("does not make D Lipschitz"), "{warned}");
    let warned = program.warns(&[&again[..], &["d", "--loss", "wasserstein", "--penalty", "gp"]].concat());
    assert!(warned.contains("take --d-norm none"), "{warned}");
    assert_eq!(program.warns(&[&again[..], &["e", "--loss", "hinge"]].concat()), "");
}

/// A flag must not contradict the resumed run. If the settings file was edited, the checkpoint
/// belongs to other networks. It is rejected, and the error names the difference.
#[test]
fn a_resumed_run_keeps_its_settings() {
    let program = program();
    program.succeed(&[&SMALL[..], &["--steps", "3", "--name", "a"]].concat());
    program.fail(&["--resume", "runs/a", "--width", "8"], "--width 8 contradicts the run, which has 4");
    let config = program.run("a").join("config.toml");
    let edited = fs::read_to_string(&config).unwrap().replace("width = 4", "width = 8");
    fs::write(&config, edited).unwrap();
    program.fail(&["--resume", "runs/a", "--steps", "6"], "width");
}

#[test]
fn a_dry_run_shows_the_networks_and_trains_nothing() {
    let program = program();
    let text = program.succeed(&[
        "--image-size",
        "64",
        "--width",
        "8",
        "--dry-run",
        "--isa",
        "portable",
        "--threads",
        "3",
    ]);
    for part in ["generator", "discriminator", "64x64x1", "FLOP, ", "B of memory", "3 threads with portable"]
    {
        assert!(text.contains(part), "no {part} in {text}");
    }
    // --dry-run can describe a network that is too large for this machine, even if the dataset is
    // missing.
    let text = program.succeed(&[
        "--dataset",
        "mnist",
        "--width",
        "1024",
        "--image-size",
        "512",
        "--batch-size",
        "1024",
        "--dry-run",
    ]);
    assert!(text.contains("512x512x1") && text.contains("TiB of memory"), "{text}");
    assert!(!program.directory().join("runs").exists());
}
