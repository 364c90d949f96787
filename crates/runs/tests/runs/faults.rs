//! Runs the example trainer with file system calls that fail, with file systems that lack an
//! operation, and with a process that is killed before a call.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use crate::process::{assert_same_run, content, stderr, succeed, train, walk};

/// The flags of a run with two checkpoints and two pictures.
const FLAGS: [&str; 9] =
    ["--steps", "4", "--checkpoint-every", "2", "--sample-every", "4", "--log-every", "1", "--quiet"];

/// Trains a run in which the file system call of this number fails, or in which the process is
/// killed before the call. Then resumes or restarts the run, as a user would, and compares it with
/// an uninterrupted run. Returns false if the run made fewer calls.
fn survives(dir: &Path, fault: &str, number: usize) -> bool {
    let (name, call) = (format!("{}-{number}", &fault[2..]), number.to_string());
    let run = dir.join("runs").join(&name);
    let named = [&FLAGS[..], &["--name", &name]].concat();
    let output = train(dir, &[&named[..], &[fault, &call]].concat());
    let said = stderr(&output);
    if !said.contains("fault in call") {
        assert!(output.status.success(), "{fault} {number}: {said}");
        return false;
    }
    let resume = format!("runs/{name}");
    if run.join("config.toml").exists() {
        // The run prints the command that resumes it, if the fault allows this.
        let advises = said.lines().last().is_some_and(|line| line.contains(&format!("--resume {resume}")));
        let is_free = output.status.success() || fault == "--kill-at" || said.contains("config.toml");
        assert!(advises || is_free, "{fault} {number}: {said}");
        let again = train(dir, &["--resume", &resume, "--quiet"]);
        assert!(again.status.success(), "{fault} {number}: {said}{}", stderr(&again));
    } else {
        succeed(dir, &named);
    }
    assert_same_run(&dir.join("runs/whole"), &run);
    true
}

#[test]
fn a_run_survives_a_fault_in_any_call() {
    let dir = tempfile::tempdir().unwrap();
    succeed(dir.path(), &[&FLAGS[..], &["--name", "whole"]].concat());
    thread::scope(|scope| {
        for fault in ["--fail-at", "--kill-at"] {
            let dir = dir.path();
            scope.spawn(move || {
                let calls = (0..).take_while(|&number| survives(dir, fault, number)).count();
                // Six calls per file: settings, two pictures, two curves, two checkpoints and their
                // weights, the animation and the numbers measured at the end.
                assert!(calls >= 6 * 11, "{fault}: {calls} calls");
            });
        }
    });
}

/// A resumed run that fails in any call can be resumed again.
#[test]
fn a_resumed_run_survives_a_fault_in_any_call() {
    let dir = tempfile::tempdir().unwrap();
    let longer = ["--steps", "6", "--quiet"];
    succeed(dir.path(), &[&FLAGS[..], &["--name", "whole"]].concat());
    succeed(dir.path(), &[&["--resume", "runs/whole"], &longer[..]].concat());
    succeed(dir.path(), &[&FLAGS[..], &["--name", "short"]].concat());
    let short = content(&dir.path().join("runs/short"));
    for fault in ["--fail-at", "--kill-at"] {
        for number in 0.. {
            let run = dir.path().join("runs/again");
            put(&run, &short);
            fs::copy(dir.path().join("runs/short/metrics.jsonl"), run.join("metrics.jsonl")).unwrap();
            let call = number.to_string();
            let resume = [&["--resume", "runs/again"], &longer[..]].concat();
            let said = stderr(&train(dir.path(), &[&resume[..], &[fault, &call]].concat()));
            if !said.contains("fault in call") {
                assert!(number > 25, "{fault}: {number} calls");
                break;
            }
            succeed(dir.path(), &resume);
            assert_same_run(&dir.path().join("runs/whole"), &run);
        }
    }
}

/// Replaces the directory of a run by exactly these files.
fn put(run: &Path, files: &BTreeMap<PathBuf, Vec<u8>>) {
    let _ = fs::remove_dir_all(run);
    for (path, content) in files {
        fs::create_dir_all(run.join(path).parent().unwrap()).unwrap();
        fs::write(run.join(path), content).unwrap();
    }
}

/// Some file systems do not support locks or cannot sync directories. Examples are NFS without a
/// lock daemon, SMB, FUSE and shared folders of virtual machines.
#[test]
fn what_a_file_system_lacks_is_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    succeed(dir.path(), &[&FLAGS[..], &["--name", "whole"]].concat());
    let lacks = [
        ("Lock", libc::ENOSYS, "cannot lock runs/Lock-38: "),
        ("Lock", libc::ENOTSUP, "cannot lock runs/"),
        ("Lock", libc::ENOLCK, "cannot lock runs/"),
        ("SyncDirectory", libc::EINVAL, "cannot sync the directory runs: "),
        ("SyncDirectory", libc::ENOTSUP, "cannot sync the directory runs: "),
    ];
    for (call, errno, expected) in lacks {
        let errno = errno.to_string();
        let name = format!("{call}-{errno}");
        let without = ["--without", call, "--errno", &errno];
        let resume = format!("runs/{name}");
        for start in [&[&FLAGS[..4], &["--name", &name]].concat()[..], &["--resume", &resume]] {
            let output = train(dir.path(), &[start, &without[..], &["--quiet"]].concat());
            let said = stderr(&output);
            assert!(output.status.success(), "{said}");
            assert!(said.starts_with("warning: ") && said.lines().count() == 1, "{said}");
            let place = if start[0] == "--resume" { "" } else { expected };
            assert!(said.contains(place), "{said}");
        }
    }
    // Any other error of the file system stops the run.
    let broken = ["--without", "SyncDirectory", "--errno", &libc::EIO.to_string()];
    let output = train(dir.path(), &[&FLAGS[..], &broken].concat());
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).starts_with("error: cannot sync runs: "), "{}", stderr(&output));
}

/// A file that a run did not list belongs to the user, whatever its name.
#[test]
fn resume_removes_none_of_the_users_files() {
    let dir = tempfile::tempdir().unwrap();
    succeed(dir.path(), &["--name", "a", "--steps", "30"]);
    let run = dir.path().join("runs/a");
    let mine = [
        "samples/best-step-999.png",
        "samples/epoch-0003-step-000029.png",
        "samples/epoch-0099-step-000990.png",
        "samples/note.partial",
        "samples/x.0123456789abcdef.partial",
        "mine/epoch-0009-step-000900.png",
        "mine/x-step-99.txt",
        "mine/checkpoint.safetensors.0123456789abcdef.partial",
        "thesis.partial",
        "x-step-99.csv",
    ];
    fs::create_dir(run.join("mine")).unwrap();
    for name in mine {
        fs::write(run.join(name), name).unwrap();
    }
    let own = ["checkpoint.safetensors", "samples/epoch-0003-step-000030.png"];
    for name in own {
        fs::write(run.join(format!("{name}.0123456789abcdef.partial")), "half").unwrap();
    }
    fs::remove_file(run.join("checkpoint.safetensors")).unwrap();
    succeed(dir.path(), &["--resume", "runs/a", "--steps", "25"]);
    for name in mine {
        assert_eq!(fs::read(run.join(name)).unwrap(), name.as_bytes(), "{name}");
    }
    // The later picture and the temporary files of the run are removed. No animation shows pictures
    // of the user.
    let left = content(&run);
    assert!(!left.contains_key(Path::new(own[1])), "{:?}", left.keys());
    let leftovers = left.keys().filter(|path| path.extension().is_some_and(|e| e == "partial"));
    assert_eq!(leftovers.count(), 4);
    assert!(!run.join("mine-animation.png").exists());

    succeed(dir.path(), &["--name", "b", "--steps", "30"]);
    fs::remove_file(dir.path().join("runs/b/checkpoint.safetensors")).unwrap();
    succeed(dir.path(), &["--resume", "runs/b", "--steps", "25"]);
    let animations = ["a", "b"]
        .map(|name| fs::read(dir.path().join("runs").join(name).join("samples-animation.png")).unwrap());
    assert!(animations[0] == animations[1], "the user's pictures are not in it");
}

/// Links in a run are followed, and a pipe is not replaced by a file.
#[test]
fn files_of_a_run_may_be_links_and_pipes() {
    let dir = tempfile::tempdir().unwrap();
    succeed(dir.path(), &["--name", "a", "--steps", "2", "--quiet"]);
    let run = dir.path().join("runs/a");
    let weights = dir.path().join("elsewhere.safetensors");
    fs::rename(run.join("generator.safetensors"), &weights).unwrap();
    std::os::unix::fs::symlink("../../elsewhere.safetensors", run.join("generator.safetensors")).unwrap();
    fs::remove_file(run.join("losses.svg")).unwrap();
    assert!(Command::new("mkfifo").arg(run.join("losses.svg")).status().unwrap().success());
    let mut pipe = fs::File::options().read(true).write(true).open(run.join("losses.svg")).unwrap();
    let before = fs::read(&weights).unwrap();
    succeed(dir.path(), &["--resume", "runs/a", "--steps", "4", "--quiet"]);
    assert!(run.join("generator.safetensors").is_symlink());
    assert!(fs::read(&weights).unwrap() != before);
    assert!(fs::metadata(run.join("losses.svg")).unwrap().file_type().is_fifo());
    let mut start = [0; 4];
    pipe.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"<svg");
}

/// Directories whose names are not UTF-8 are recorded and found again, also with the command that
/// the run prints.
#[cfg(target_os = "linux")]
#[test]
fn settings_hold_paths_that_are_not_utf8() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let dir = tempfile::tempdir().unwrap();
    let [out, data] = [&b"it's\xff"[..], b"d\xfe9"].map(OsStr::from_bytes);
    let mut command = walk();
    command.current_dir(dir.path()).args(["--name", "a", "--steps", "10"]);
    let output = command.arg("--out").arg(out).arg("--maps").arg(data).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let run = dir.path().join(out).join("a");
    let config = fs::read_to_string(run.join("config.toml")).unwrap();
    assert!(config.contains("\nmaps = [100, 254, 57]\n"), "{config}");
    let said = String::from_utf8(output.stdout).unwrap();
    let offered = said.lines().find_map(|line| line.trim().strip_suffix("train for longer")).unwrap().trim();
    assert!(offered.contains(r"--resume $'it\047s\377/a'"), "{offered}");
    match Command::new("bash").current_dir(dir.path()).args(["-c", offered]).output() {
        Ok(output) => assert!(output.status.success(), "{}", stderr(&output)),
        Err(error) => eprintln!("skipped: no bash here ({error})"),
    }
    let output =
        walk().current_dir(dir.path()).arg("--config").arg(run.join("config.toml")).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let again = fs::read_to_string(dir.path().join("runs/walk-plane-001/config.toml")).unwrap();
    assert!(again.contains("\nmaps = [100, 254, 57]\n"), "{again}");
    assert!(drew(&run, "step-000020"), "the offered command trained on");
}

/// Returns whether the run has drawn a picture of this step.
fn drew(run: &Path, step: &str) -> bool {
    fs::read_to_string(run.join("pictures.txt")).unwrap().contains(step)
}
