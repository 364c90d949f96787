//! The example trainer on file systems that fail, that lack something, or on which the process
//! dies.

use std::fs;
use std::io::Read;
use std::os::unix::fs::FileTypeExt;
use std::process::Command;

use crate::runs::{stderr, succeed, train};

/// Two checkpoints and two pictures: a first save and a later one.
const FLAGS: [&str; 9] =
    ["--steps", "4", "--checkpoint-every", "2", "--sample-every", "4", "--log-every", "1", "--quiet"];

/// NFS without a lock daemon, SMB, FUSE, folders of virtual machines.
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
    // Any other answer is an error.
    let broken = ["--without", "SyncDirectory", "--errno", &libc::EIO.to_string()];
    let output = train(dir.path(), &[&FLAGS[..], &broken].concat());
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).starts_with("error: cannot sync runs: "), "{}", stderr(&output));
}

/// Links in a run are followed, and what is no file is not replaced by one.
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
