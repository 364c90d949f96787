//! Runs the example trainer as a process, and reads the files of its runs.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Once};
use std::thread;
use std::time::{Duration, Instant};

/// Returns the command of the example `walk`. `cargo test` builds the examples of a package before
/// it runs the tests. With `--test`, cargo does not build them, so an outdated example would run.
pub(crate) fn walk() -> Command {
    let deps = std::env::current_exe().unwrap();
    let program = deps.parent().unwrap().parent().unwrap().join("examples/walk");
    assert!(program.is_file(), "{} is missing: run all tests of the package", program.display());
    Command::new(program)
}

pub(crate) fn train(dir: &Path, flags: &[&str]) -> Output {
    walk().current_dir(dir).args(flags).stdin(Stdio::null()).output().unwrap()
}

pub(crate) fn start(dir: &Path, flags: &[&str]) -> Child {
    spawn(dir, walk().args(flags))
}

pub(crate) fn spawn(dir: &Path, command: &mut Command) -> Child {
    default_signals();
    command.current_dir(dir).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Makes child processes start with the default actions of signals, even if this process ignores
/// the signals. A child process inherits ignored signals, but has the default action for handled
/// signals. So this function installs handlers that do nothing.
fn default_signals() {
    static HANDLED: Once = Once::new();
    HANDLED.call_once(|| {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap_or("0").trim();
        let ignored = u128::from_str_radix(mask, 16).unwrap();
        for signal in [SIGHUP, SIGINT, SIGTERM] {
            if ignored >> (signal - 1) & 1 == 1 {
                signal_hook::flag::register(signal, Arc::default()).unwrap();
            }
        }
    });
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

pub(crate) fn succeed(dir: &Path, flags: &[&str]) -> String {
    let output = train(dir, flags);
    assert!(output.status.success(), "{flags:?}: {}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn fail(dir: &Path, flags: &[&str]) -> String {
    let output = train(dir, flags);
    assert_eq!(output.status.code(), Some(1), "{flags:?}");
    stderr(&output)
}

/// Waits until a condition of a run is true.
pub(crate) fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < Duration::from_secs(60), "timed out waiting for {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

pub(crate) fn logged_lines(run: &Path) -> usize {
    fs::read_to_string(run.join("metrics.jsonl")).map_or(0, |text| text.lines().count())
}

pub(crate) fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

/// Returns the content of every file of a run, without the timings in its log.
pub(crate) fn content(run: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut directories = vec![run.to_path_buf()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
                continue;
            }
            let bytes = match path.file_name().unwrap().to_str().unwrap() {
                "metrics.jsonl" => without_timings(&fs::read_to_string(&path).unwrap()).into_bytes(),
                "run.lock" => continue,
                _ => fs::read(&path).unwrap(),
            };
            files.insert(path.strip_prefix(run).unwrap().to_path_buf(), bytes);
        }
    }
    files
}

pub(crate) fn without_timings(log: &str) -> String {
    log.lines().map(|line| line.split(",\"images_per_second\"").next().unwrap().to_owned() + "\n").collect()
}

pub(crate) fn assert_same_run(one: &Path, other: &Path) {
    let (one, other) = (content(one), content(other));
    assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
    for (path, bytes) in one {
        assert!(bytes == other[&path], "{} differs", path.display());
    }
}
