//! Runs the example trainer as a process that is killed, interrupted or without disk space. A
//! resumed run must always end with the same bits.

use crate::process::{
    assert_same_run, content, fail, logged_lines, signal, spawn, start, stderr, succeed, train, wait_until,
    walk,
};
use std::fs;
use std::io::Read;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const FLAGS: [&str; 8] = ["--steps", "40", "--pause", "4", "--checkpoint-every", "7", "--log-every", "3"];

#[test]
fn killed_and_resumed_is_the_same_as_never_killed() {
    let dir = tempfile::tempdir().unwrap();
    succeed(dir.path(), &[&FLAGS[..], &["--name", "whole"]].concat());
    for (i, lines) in [0, 1, 5, 9, 12].into_iter().enumerate() {
        let name = format!("killed-{i}");
        let run = dir.path().join("runs").join(&name);
        let mut child = start(dir.path(), &[&FLAGS[..], &["--name", &name]].concat());
        wait_until("a step", || run.join("config.toml").exists() && logged_lines(&run) >= lines);
        child.kill().unwrap();
        child.wait().unwrap();
        fs::write(run.join("checkpoint.safetensors.partial"), "half").unwrap();
        let resume = format!("runs/{name}");
        succeed(dir.path(), &["--resume", &resume, "--threads", &(i + 1).to_string()]);
        assert_same_run(&dir.path().join("runs/whole"), &run);
    }
}

#[test]
fn a_prolonged_run_is_the_same_as_a_long_one() {
    let dir = tempfile::tempdir().unwrap();
    succeed(dir.path(), &["--steps", "40", "--name", "long"]);
    succeed(dir.path(), &["--steps", "20", "--name", "prolonged"]);
    succeed(dir.path(), &["--resume", "runs/prolonged", "--steps", "40"]);
    assert_same_run(&dir.path().join("runs/long"), &dir.path().join("runs/prolonged"));
}

#[test]
fn an_interrupt_saves_and_says_how_to_resume() {
    let dir = tempfile::tempdir().unwrap();
    succeed(dir.path(), &[&FLAGS[..], &["--name", "whole"]].concat());
    for name in ["INT", "TERM"] {
        let run = dir.path().join("runs").join(name);
        let child = start(dir.path(), &[&FLAGS[..], &["--name", name]].concat());
        wait_until("three lines", || logged_lines(&run) >= 3);
        signal(&child, name);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
        let said = String::from_utf8(output.stdout).unwrap();
        let command = said.lines().last().unwrap().trim();
        assert!(command.ends_with(&format!("--resume runs/{name}")), "{said}");
        assert!(!run.join("samples-animation.png").exists(), "the run was not interrupted");
        let status =
            Command::new("sh").current_dir(dir.path()).args(["-c", command]).stdout(Stdio::null()).status();
        assert!(status.unwrap().success());
        assert_same_run(&dir.path().join("runs/whole"), &run);
    }
}

/// Interrupts a run while it measures, at the end of an epoch or at the end of the run. A resumed
/// run loses nothing.
#[test]
fn an_interrupt_while_it_measures_is_no_loss() {
    let dir = tempfile::tempdir().unwrap();
    let sign_of = [("20", "metrics.jsonl"), ("9", "samples-animation.png")];
    for (steps, sign) in sign_of {
        let flags = ["--steps", steps, "--log-every", "3"];
        let [whole, stopped] = ["whole", "stopped"].map(|name| format!("{name}-{steps}"));
        succeed(dir.path(), &[&flags[..], &["--name", &whole]].concat());
        let run = dir.path().join("runs").join(&stopped);
        let child = start(dir.path(), &[&flags[..], &["--name", &stopped, "--measure", "60000"]].concat());
        wait_until("measuring", || run.join(sign).exists() && logged_lines(&run) == 3);
        thread::sleep(Duration::from_millis(200));
        let interrupted = Instant::now();
        signal(&child, "INT");
        let output = child.wait_with_output().unwrap();
        assert!(interrupted.elapsed() < Duration::from_secs(2));
        assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
        assert!(!run.join("final.json").exists());
        succeed(dir.path(), &["--resume", &format!("runs/{stopped}")]);
        assert_same_run(&dir.path().join("runs").join(&whole), &run);
    }
}

#[test]
fn a_second_interrupt_ends_it_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = start(dir.path(), &["--name", "slow", "--pause", "60000", "--sign", "in-a-step"]);
    wait_until("the first step", || dir.path().join("in-a-step").exists());
    signal(&child, "INT");
    thread::sleep(Duration::from_millis(200));
    assert!(child.try_wait().unwrap().is_none(), "the first signal lets the step finish");
    let interrupted = Instant::now();
    signal(&child, "INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(interrupted.elapsed() < Duration::from_secs(2));
}

/// A signal that is ignored when a run starts stays ignored. SIGHUP is ignored under nohup, and
/// SIGINT in a background job of a script. The `trap` of the shell can ignore any signal.
#[cfg(target_os = "linux")]
#[test]
fn a_signal_that_is_ignored_at_the_start_stays_ignored() {
    let dir = tempfile::tempdir().unwrap();
    for (ignored, handled) in [("HUP", "TERM"), ("INT", "HUP"), ("TERM", "INT")] {
        let run = dir.path().join("runs").join(ignored);
        let flags = ["--steps", "9000", "--pause", "4", "--log-every", "1", "--name", ignored];
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' \"$0\"; exec \"$@\"", ignored]).arg(walk().get_program()).args(flags);
        let child = spawn(dir.path(), &mut shell);
        wait_until("a step", || logged_lines(&run) >= 1);
        for _ in 0..2 {
            let before = logged_lines(&run);
            signal(&child, ignored);
            wait_until("steps after the signal", || logged_lines(&run) >= before + 5);
        }
        signal(&child, handled);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{ignored}: {}", stderr(&output));
        assert!(run.join("checkpoint.safetensors").exists());
    }
}

#[test]
fn two_processes_do_not_train_one_run() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = start(dir.path(), &["--name", "mine", "--pause", "200", "--checkpoint-every", "1"]);
    wait_until("a checkpoint", || dir.path().join("runs/mine/checkpoint.safetensors").exists());
    let error = fail(dir.path(), &["--resume", "runs/mine"]);
    let expected = format!("error: runs/mine is in use by another process (process {})", child.id());
    assert!(error.starts_with(&expected) && error.lines().count() == 1, "{error}");
    let error = fail(dir.path(), &["--name", "mine"]);
    assert!(
        error.starts_with("error: runs/mine already exists; continue it with --resume runs/mine"),
        "{error}"
    );
    child.kill().unwrap();
    child.wait().unwrap();
    succeed(dir.path(), &["--resume", "runs/mine", "--steps", "8"]);
}

#[test]
fn infinities_stop_the_run_and_keep_the_last_good_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let error =
        fail(dir.path(), &["--name", "figure", "--stride", "1e39", "--checkpoint-every", "1", "--quiet"]);
    let expected = "error: distance became inf at step 1; no checkpoint had been saved; ";
    assert!(error.starts_with(expected) && error.lines().count() == 1, "{error}");
    assert!(!dir.path().join("runs/figure/checkpoint.safetensors").exists());

    // A weight is not finite, but no logged number shows this yet.
    let error =
        fail(dir.path(), &["--name", "weight", "--stumble", "14", "--checkpoint-every", "4", "--quiet"]);
    let expected = "error: the state `filter` became inf at step 16; \
                    runs/weight/checkpoint.safetensors still holds step 12; ";
    assert!(error.starts_with(expected) && error.lines().count() == 1, "{error}");
}

/// A picture of the dataset needs a file that can't be read.
#[test]
fn a_picture_that_fails_is_an_error_and_the_run_resumes_later() {
    let dir = tempfile::tempdir().unwrap();
    let flags = ["--sample-every", "4", "--checkpoint-every", "4", "--quiet"];
    let resume = ["--resume", "runs/part", "--steps", "8", "--quiet"];
    for name in ["whole", "part"] {
        succeed(dir.path(), &[&flags[..], &["--name", name, "--steps", "4"]].concat());
    }
    succeed(dir.path(), &["--resume", "runs/whole", "--steps", "8", "--quiet"]);
    let error = fail(dir.path(), &[&resume[..], &["--frame", "gone"]].concat());
    assert!(error.starts_with("error: step 8: cannot read gone: ") && error.lines().count() == 1, "{error}");
    assert!(error.contains("safe at step 4: when the cause is gone, continue with "), "{error}");
    succeed(dir.path(), &resume);
    assert_same_run(&dir.path().join("runs/whole"), &dir.path().join("runs/part"));
}

#[test]
fn a_full_disk_is_an_error_and_the_run_resumes_later() {
    let dir = tempfile::tempdir().unwrap();
    succeed(dir.path(), &["--name", "whole", "--steps", "30"]);
    succeed(dir.path(), &["--name", "full", "--steps", "10"]);
    // No file may grow beyond 1 KiB. This imitates a full disk.
    let script = format!(
        "trap '' XFSZ; ulimit -f 2; exec {} --resume runs/full --steps 30 --quiet",
        walk().get_program().to_str().unwrap()
    );
    let output = Command::new("sh").current_dir(dir.path()).args(["-c", &script]).output().unwrap();
    let error = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.starts_with("error: cannot write runs/full/") && error.lines().count() == 1, "{error}");
    assert!(error.contains("safe at step 10: when the cause is gone, continue with "), "{error}");
    assert!(error.contains(" --resume runs/full"), "{error}");
    succeed(dir.path(), &["--resume", "runs/full", "--steps", "30"]);
    assert_same_run(&dir.path().join("runs/whole"), &dir.path().join("runs/full"));
}

/// When a run resumes, all lines after the checkpoint are removed, whatever they contain.
#[test]
fn a_broken_line_behind_the_checkpoint_does_not_block_a_run() {
    let dir = tempfile::tempdir().unwrap();
    succeed(dir.path(), &["--name", "whole", "--steps", "30", "--log-every", "1"]);
    succeed(dir.path(), &["--name", "broken", "--steps", "10", "--log-every", "1"]);
    let run = dir.path().join("runs/broken");
    let metrics = run.join("metrics.jsonl");
    let log = fs::read_to_string(&metrics).unwrap();
    fs::write(&metrics, format!("{log}\0\0\0\0\n{{\"step\":12,\"epoch\":2}}\n")).unwrap();
    succeed(dir.path(), &["--resume", "runs/broken", "--steps", "30"]);
    assert_same_run(&dir.path().join("runs/whole"), &run);
}

/// The results of a run are not overwritten if its checkpoint is lost.
#[test]
fn a_run_without_its_checkpoint_does_not_start_over() {
    let dir = tempfile::tempdir().unwrap();
    succeed(dir.path(), &["--name", "lost", "--steps", "10"]);
    let run = dir.path().join("runs/lost");
    let weights = fs::read(run.join("generator.safetensors")).unwrap();
    fs::remove_file(run.join("checkpoint.safetensors")).unwrap();
    let error = fail(dir.path(), &["--resume", "runs/lost", "--steps", "30"]);
    assert!(
        error.contains("checkpoint is gone; start a new run with --config runs/lost/config.toml"),
        "{error}"
    );
    assert_eq!(fs::read(run.join("generator.safetensors")).unwrap(), weights);
}

/// A damaged earlier picture prevents the animation, but the run succeeds.
#[test]
fn a_damaged_picture_is_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    succeed(dir.path(), &["--name", "a", "--steps", "10"]);
    let samples = dir.path().join("runs/a/samples");
    let first = fs::read_dir(&samples).unwrap().map(|entry| entry.unwrap().path()).min().unwrap();
    fs::write(&first, "no picture").unwrap();
    let output = train(dir.path(), &["--resume", "runs/a", "--steps", "20"]);
    assert!(output.status.success() && stderr(&output).contains("warning: no animation: "), "{output:?}");
}

#[test]
fn a_damaged_checkpoint_costs_only_the_steps_since_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    succeed(dir.path(), &["--name", "whole", "--steps", "30"]);
    let run = dir.path().join("runs/damaged");
    succeed(dir.path(), &["--name", "damaged", "--steps", "30"]);
    fs::write(run.join("checkpoint.safetensors"), "damaged").unwrap();
    let output = train(dir.path(), &["--resume", "runs/damaged"]);
    let warning = stderr(&output);
    assert!(output.status.success(), "{warning}");
    assert!(
        warning.starts_with("warning: runs/damaged/checkpoint.safetensors: truncated or not"),
        "{warning}"
    );
    assert!(warning.ends_with("; going back to runs/damaged/previous.safetensors\n"), "{warning}");
    assert_same_run(&dir.path().join("runs/whole"), &run);

    fs::write(run.join("checkpoint.safetensors"), "damaged").unwrap();
    fs::remove_file(run.join("previous.safetensors")).unwrap();
    let error = fail(dir.path(), &["--resume", "runs/damaged"]);
    let advice =
        "; there is no previous checkpoint; start a new run with --config runs/damaged/config.toml\n";
    assert!(error.starts_with("error: runs/damaged/checkpoint.safetensors: truncated"), "{error}");
    assert!(error.ends_with(advice), "{error}");
}

#[test]
fn a_place_that_cannot_be_created_fails_in_one_line() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    // No user can create a directory below a file or in /proc.
    let places = [("file/runs", "file/runs"), ("/proc", "/proc/walk-plane-001")];
    for (out, place) in places.into_iter().filter(|(out, _)| *out != "/proc" || cfg!(target_os = "linux")) {
        let error = fail(dir.path(), &["--out", out]);
        assert!(error.starts_with(&format!("error: cannot create {place}: ")), "{error}");
        assert!(error.ends_with("; choose another directory with --out\n"), "{error}");
    }
}

#[test]
fn a_wrong_command_line_fails_in_one_line_with_code_2() {
    let dir = tempfile::tempdir().unwrap();
    for (flags, expected) in [
        (
            &["--step", "3"][..],
            "unexpected argument '--step' found; tip: a similar argument exists: '--steps'",
        ),
        (
            &["--steps", "0"],
            "invalid value '0' for '--steps <N>': a whole number from 1 to 2^63 - 1 is needed",
        ),
        (&["--steps", "1", "--epochs", "1"], "the argument '--steps <N>' cannot be used with '--epochs <N>'"),
    ] {
        let output = train(dir.path(), flags);
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(stderr(&output), format!("error: {expected}; --help lists the flags\n"));
    }
    assert!(succeed(dir.path(), &["--help"]).contains("--checkpoint-every <N>"));
}

#[test]
fn a_run_that_went_back_forgets_the_pictures_it_has_not_reached() {
    let dir = tempfile::tempdir().unwrap();
    succeed(dir.path(), &["--name", "back", "--steps", "30"]);
    fs::remove_file(dir.path().join("runs/back/checkpoint.safetensors")).unwrap();
    succeed(dir.path(), &["--resume", "runs/back", "--steps", "25"]);
    let last = content(&dir.path().join("runs/back/samples")).into_keys().next_back();
    assert_eq!(last, Some("epoch-0003-step-000025.png".into()));
}

#[test]
fn a_checkpoint_of_other_settings_is_rejected() {
    let dir = tempfile::tempdir().unwrap();
    succeed(dir.path(), &["--name", "a", "--steps", "10"]);
    let config = dir.path().join("runs/a/config.toml");
    let edited = fs::read_to_string(&config).unwrap().replace("stride = 0.1", "stride = 0.2");
    fs::write(&config, edited).unwrap();
    let error = fail(dir.path(), &["--resume", "runs/a"]);
    let expected = "runs/a/checkpoint.safetensors: made with stride = 0.1, but config.toml beside it has 0.2";
    assert!(error.contains(expected), "{error}");
    assert!(fail(dir.path(), &["--resume", "runs/b"]).contains("runs/b: there is no such run"));
}

#[test]
fn a_reader_that_goes_away_does_not_stop_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = start(dir.path(), &["--name", "a", "--steps", "20", "--pause", "5"]);
    drop(child.stdout.take());
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert_eq!((child.wait().unwrap().code(), errors.as_str()), (Some(0), ""));
    assert!(dir.path().join("runs/a/samples-animation.png").exists());
}

#[test]
fn quiet_is_quiet_and_a_dry_run_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(succeed(dir.path(), &["--steps", "3", "--quiet"]), "");
    let summary = succeed(dir.path(), &["--dry-run", "--name", "dry"]);
    assert!(summary.contains("walker") && summary.contains("per step"), "{summary}");
    assert!(!dir.path().join("runs/dry").exists());
    let lines = succeed(dir.path(), &["--steps", "3"]);
    assert!(lines.contains("step 3/3  epoch 1  ") && lines.contains("  distance "), "{lines}");
    assert!(lines.contains("--resume runs/walk-plane-002 --epochs 2 "), "{lines}");
}
