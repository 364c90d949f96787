//! Tests of where `sample` and `evaluate` write: to files, links, pipes, devices and standard
//! output, and to one path from several processes.

use adjoint_testing::Program;
use serde_json::Value;
use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output};

const POINTS: [&str; 6] = ["--dataset", "ring", "--g-hidden", "8", "--d-hidden", "8"];

/// Returns a program whose directory contains a run of two-dimensional points, the smallest kind of
/// run.
fn beside_points(name: &'static str) -> Program {
    let program = Program::new(name);
    program.train("train-gan", "a", &POINTS);
    program
}

/// Reads `len` bytes from a file or a pipe.
fn taken(from: &mut File, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    from.read_exact(&mut bytes).unwrap();
    bytes
}

/// Makes a pipe and opens both of its ends. A program that opens the pipe then does not block.
fn pipe(path: &Path) -> File {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    File::options().read(true).write(true).open(path).unwrap()
}

/// Makes a writable character device. Returns false if the test process may not make devices.
fn device(path: &Path, major: &str, minor: &str) -> bool {
    let made = Command::new("mknod").arg(path).args(["c", major, minor]).output();
    let usable =
        made.is_ok_and(|made| made.status.success()) && File::options().write(true).open(path).is_ok();
    if !usable {
        eprintln!("skipped: this process may not make devices");
    }
    usable
}

#[test]
fn a_file_keeps_its_mode_and_links_are_followed() {
    let program = beside_points("sample");
    let place = |name: &str| program.directory().join(name);
    program.succeed(&["export", "runs/a", "--n", "9", "--out", "plain.npy"]);
    let expected = fs::read(place("plain.npy")).unwrap();

    fs::write(place("private.npy"), "old").unwrap();
    fs::set_permissions(place("private.npy"), Permissions::from_mode(0o600)).unwrap();
    fs::create_dir(place("links")).unwrap();
    symlink("../private.npy", place("links/one")).unwrap();
    symlink("links/one", place("two")).unwrap();
    program.succeed(&["export", "runs/a", "--n", "9", "--out", "two"]);
    assert!(place("two").is_symlink() && place("links/one").is_symlink());
    assert_eq!(fs::read(place("private.npy")).unwrap(), expected);
    assert_eq!(fs::metadata(place("private.npy")).unwrap().permissions().mode() & 0o7777, 0o600);

    // If the target of a link does not exist, the program creates the target. A shell that
    // redirects output to the link does the same.
    symlink("later.png", place("dangling")).unwrap();
    program.succeed(&["grid", "runs/a", "--out", "dangling"]);
    assert!(place("dangling").is_symlink() && place("later.png").is_file());
    symlink("round", place("round")).unwrap();
    program.fail(&["grid", "runs/a", "--out", "round"], "round");
    assert_eq!(fs::read_dir(place("links")).unwrap().count(), 1);
}

#[test]
fn a_pipe_gets_what_is_written() {
    let program = beside_points("sample");
    let place = program.directory().join("pipe");
    let mut reader = pipe(&place);
    program.succeed(&["export", "runs/a", "--n", "9", "--out", "plain.npy"]);
    let expected = fs::read(program.directory().join("plain.npy")).unwrap();
    program.succeed(&["export", "runs/a", "--n", "9", "--out", "pipe"]);
    assert!(fs::metadata(&place).unwrap().file_type().is_fifo());
    assert_eq!(taken(&mut reader, expected.len()), expected);
    program.succeed(&["grid", "runs/a", "--out", "pipe"]);
    assert!(taken(&mut reader, 8) == b"\x89PNG\r\n\x1a\n");

    let program = beside_points("evaluate");
    let places = ["figures", "table"].map(|name| program.directory().join(name));
    let [mut figures, mut table] = places.each_ref().map(|place| pipe(place));
    let flags = ["--samples", "200", "--json", "figures", "--markdown", "table"];
    let said = program.succeed(&[&["runs/a"], &flags[..]].concat());
    assert!(places.iter().all(|place| fs::metadata(place).unwrap().file_type().is_fifo()));
    assert!(said.starts_with(&String::from_utf8(taken(&mut table, said.len())).unwrap()), "{said}");
    assert_eq!(taken(&mut figures, 1), b"[");
}

/// If the array goes to a pipe, no file of labels is written.
#[test]
fn labels_are_not_put_beside_a_pipe() {
    let program = Program::new("sample");
    program.train("train-cgan", "a", &["--width", "2", "--latent", "3"]);
    let mut reader = pipe(&program.directory().join("pipe"));
    let said = program.warns(&["export", "runs/a", "--n", "1", "--out", "pipe"]);
    assert!(said.starts_with("warning: ") && said.contains("pipe"), "{said}");
    assert_eq!(taken(&mut reader, 6), b"\x93NUMPY");
    assert!(!program.directory().join("pipe.labels.npy").exists());
}

#[test]
fn a_device_stays_a_device() {
    let (sample, evaluate) = (beside_points("sample"), beside_points("evaluate"));
    for program in [&sample, &evaluate] {
        let [null, full] = ["null", "full"].map(|name| program.directory().join(name));
        if !device(&null, "1", "3") || !device(&full, "1", "7") {
            return;
        }
    }
    for flags in [["export", "runs/a", "--n", "9"], ["grid", "runs/a", "--n", "9"]] {
        sample.succeed(&[&flags[..], &["--out", "null"]].concat());
        sample.fail(&[&flags[..], &["--out", "full"]].concat(), "cannot write full: ");
    }
    for flag in ["--json", "--markdown"] {
        evaluate.succeed(&["runs/a", "--samples", "200", flag, "null"]);
        evaluate.fail(&["runs/a", "--samples", "200", flag, "full"], "cannot write full: ");
    }
    for program in [&sample, &evaluate] {
        for name in ["null", "full"] {
            let kind = fs::symlink_metadata(program.directory().join(name)).unwrap().file_type();
            assert!(kind.is_char_device(), "{name}");
        }
    }
}

/// If an output path leads to standard output, the program appends to standard output. The file
/// that standard output is redirected to is not truncated or replaced.
#[cfg(target_os = "linux")]
#[test]
fn standard_output_has_other_names() {
    let program = beside_points("evaluate");
    symlink("/proc/self/fd/1", program.directory().join("out")).unwrap();
    let said = program.succeed(&["runs/a", "--samples", "200", "--json", "out"]);
    assert!(said.starts_with("## ") && said.trim_end().ends_with(']'), "{said}");
    let file = File::create(program.directory().join("file")).unwrap();
    let flags = ["runs/a", "--samples", "200", "--json", "out", "--markdown", "file"].map(OsStr::new);
    let status = program.command_to(&flags, file).status().unwrap();
    let written = fs::read_to_string(program.directory().join("file")).unwrap();
    assert!(status.success() && written.matches("## ring").count() == 2, "{written}");
    assert!(written.trim_end().ends_with(']'), "{written}");
}

/// Runs the same command in several processes at once.
fn together(program: &Program, count: usize, arguments: &[&str]) -> Vec<Output> {
    let arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
    let children: Vec<_> = (0..count).map(|_| program.start(&arguments)).collect();
    children.into_iter().map(|child| child.wait_with_output().unwrap()).collect()
}

#[test]
fn several_processes_write_one_path() {
    let program = beside_points("sample");
    let flags = ["export", "runs/a", "--n", "300000", "--threads", "1"];
    program.succeed(&[&flags[..], &["--out", "alone.npy"]].concat());
    let expected = fs::read(program.directory().join("alone.npy")).unwrap();
    for output in together(&program, 3, &[&flags[..], &["--out", "shared.npy"]].concat()) {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(fs::read(program.directory().join("shared.npy")).unwrap() == expected);
    // The directory contains two arrays and the runs; no temporary file remains.
    assert_eq!(fs::read_dir(program.directory()).unwrap().count(), 3);
}

/// Two processes that evaluate the same dataset store the same judge. The stored file is complete.
#[test]
fn two_evaluations_share_a_judge() {
    let program = Program::new("evaluate");
    let sizes = ["--image-size", "16", "--hidden", "8", "--latent", "3"];
    program.train("train-vae", "a", &sizes);
    let small = ["--samples", "120", "--judge-steps", "3", "--labelled", "120", "--nll-samples", "0"];
    for output in together(&program, 2, &[&["runs/a"], &small[..]].concat()) {
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !said.contains("a new judge"), "{said}");
    }
    let again = program.warns(&[&["runs/a"], &small[..]].concat());
    assert!(!again.contains("step 3 of 3") && !again.contains("a new judge"), "{again}");
}

#[test]
fn text_goes_to_standard_output() {
    let program = beside_points("evaluate");
    let flags = ["runs/a", "--samples", "200"];
    let table = program.succeed(&flags);
    let figures = program.succeed(&[&flags[..], &["--json", "-"]].concat());
    let json: Value = serde_json::from_str(&figures).expect("figures alone");
    assert_eq!(json[0]["subjects"][1]["name"], "runs/a");
    assert_eq!(program.succeed(&[&flags[..], &["--markdown", "-"]].concat()), table);
    program.fail(&[&flags[..], &["--json", "-", "--markdown", "-"]].concat(), "standard output");
    assert_eq!(fs::read_dir(program.directory()).unwrap().count(), 1);

    let program = beside_points("sample");
    for command in ["grid", "export"] {
        program.fail(&[command, "runs/a", "--out", "-"], "standard output");
    }
    program.succeed(&["grid", "runs/a", "--out", "./-"]);
    assert!(program.directory().join("-").is_file());
}
