//! A program under test, as a user meets it: in an empty directory, given right and wrong flags, killed and resumed. For
//! tests only, so everything here panics where a user's program would explain.
#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use adjoint_train::{BoxError, Config, Launch, Trainable};
use tempfile::TempDir;

/// A program and a directory of its own, which is gone with this value.
pub struct Program {
    executable: &'static str,
    directory: TempDir,
}

impl Program {
    /// `executable` is `env!("CARGO_BIN_EXE_...")`.
    ///
    /// # Panics
    /// If there is no place for temporary files.
    pub fn new(executable: &'static str) -> Self {
        Self { executable, directory: tempfile::tempdir().expect("a temporary directory") }
    }

    /// Where it runs.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// runs/NAME in it.
    pub fn run(&self, name: &str) -> PathBuf {
        self.directory().join("runs").join(name)
    }

    /// A file of runs/NAME.
    ///
    /// # Panics
    /// If it can't be read.
    #[track_caller]
    pub fn read(&self, name: &str, file: &str) -> Vec<u8> {
        fs::read(self.run(name).join(file)).unwrap_or_else(|error| panic!("{name}/{file}: {error}"))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.executable);
        command.current_dir(self.directory()).args(arguments);
        command
    }

    fn output(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the program starts")
    }

    /// A run of three steps for a program that uses runs, made by a trainer that is called as a library, since cargo builds a test's own
    /// program only.
    ///
    /// # Panics
    /// If it fails.
    #[track_caller]
    pub fn train<C: Config, T: Trainable>(
        &self,
        name: &str,
        flags: &[&str],
        build: impl FnOnce(&C) -> Result<T, BoxError>,
    ) {
        let out = self.directory().join("runs");
        let out = out.to_str().expect("temporary files have names that can be read");
        let fixed = [C::MODEL, "--out", out, "--name", name, "--quiet", "--steps", "3", "--batch-size", "16"];
        let launch = Launch::<C>::parse([&fixed[..], flags].concat()).expect("right flags");
        launch.train(build).expect("it trains");
    }

    /// Its standard output.
    ///
    /// # Panics
    /// If it fails.
    #[track_caller]
    pub fn succeed(&self, arguments: &[&str]) -> String {
        String::from_utf8(self.success(arguments).stdout).expect("it writes UTF-8")
    }

    /// What it says on standard error while it succeeds.
    ///
    /// # Panics
    /// If it fails.
    #[track_caller]
    pub fn warns(&self, arguments: &[&str]) -> String {
        String::from_utf8(self.success(arguments).stderr).expect("it writes UTF-8")
    }

    #[track_caller]
    fn success(&self, arguments: &[&str]) -> Output {
        let output = self.output(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    /// Its failure, which is one line that starts with "error:" and holds `expected`.
    ///
    /// # Panics
    /// If it is anything else.
    #[track_caller]
    pub fn fail(&self, arguments: &[&str], expected: &str) {
        let output = self.output(arguments);
        let text = String::from_utf8(output.stderr).expect("it writes UTF-8");
        assert!(!output.status.success(), "{arguments:?} succeeded");
        assert!(text.starts_with("error: ") && text.contains(expected), "{arguments:?}: {text}");
        assert!(!text.contains("panicked"), "{text}");
    }

    /// metrics.jsonl of runs/NAME without its timings.
    ///
    /// # Panics
    /// If it can't be read.
    #[track_caller]
    pub fn figures(&self, name: &str) -> Vec<String> {
        let text = String::from_utf8(self.read(name, "metrics.jsonl")).expect("metrics are UTF-8");
        let without = |line: &str| line.split(",\"images_per_second\"").next().unwrap_or_default().to_owned();
        text.lines().map(without).collect()
    }

    /// Trains a run with `flags` (40 steps, each logged, a checkpoint now and then) once to the end, and once killed without
    /// warning on the way and resumed, with other numbers of threads: `files` and figures must be the same, byte for byte.
    ///
    /// # Panics
    /// If they differ, or the run makes no steps.
    #[track_caller]
    pub fn assert_killed_run_goes_on(&self, flags: &[&str], files: &[&str]) {
        self.succeed(&[flags, &["--name", "whole", "--threads", "2"]].concat());
        let mut child = self.command(&[flags, &["--name", "killed", "--threads", "3"]].concat());
        let mut child = child.stdout(Stdio::null()).spawn().expect("the program starts");
        let (metrics, started) = (self.run("killed").join("metrics.jsonl"), Instant::now());
        let steps = || fs::read_to_string(&metrics).map_or(0, |text| text.lines().count());
        while steps() < 20 {
            assert!(started.elapsed() < Duration::from_secs(60), "the run makes no steps");
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");

        self.succeed(&["--resume", "runs/killed", "--threads", "1"]);
        for file in files {
            assert!(self.read("killed", file) == self.read("whole", file), "{file} differs");
        }
        assert_eq!(self.figures("killed"), self.figures("whole"));
        assert!(self.figures("whole").len() >= 40);
    }
}
