//! Tools for tests. [`Program`] runs a program in an empty directory, with valid or invalid flags.
//! It can also kill a training run and resume it. [`alone`] runs a test in a separate process.
//! Every function panics on failure.
//!
//! The programs are built as `cargo build` builds them, with the development profile. Debug
//! assertions are checked by the tests of the libraries.
#![forbid(unsafe_code)]

mod alone;
mod build;

pub use alone::alone;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A program and a temporary directory in which it runs. The directory is removed when the value is
/// dropped.
pub struct Program {
    name: &'static str,
    directory: TempDir,
}

impl Program {
    /// Creates a program called `name` and its directory. The program is built before it first
    /// runs.
    ///
    /// # Panics
    /// If no temporary directory can be created.
    pub fn new(name: &'static str) -> Self {
        Self { name, directory: tempfile::tempdir().expect("a temporary directory") }
    }

    /// Returns the directory in which the program runs.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Returns the path of the run directory runs/NAME.
    pub fn run(&self, name: &str) -> PathBuf {
        self.directory().join("runs").join(name)
    }

    /// Reads a file of runs/NAME.
    ///
    /// # Panics
    /// If the file cannot be read.
    #[track_caller]
    pub fn read(&self, name: &str, file: &str) -> Vec<u8> {
        fs::read(self.run(name).join(file)).unwrap_or_else(|error| panic!("{name}/{file}: {error}"))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        self.command_of(self.name, arguments)
    }

    fn command_of(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(build::executable(program));
        command.current_dir(self.directory()).args(arguments);
        // Caches and datasets of the user neither help nor are changed.
        let cache = self.directory().join("cache");
        command.env("XDG_CACHE_HOME", &cache).env("HOME", &cache).env_remove("ADJOINT_DATA");
        command
    }

    /// Starts the program with piped output. The arguments need not be UTF-8.
    ///
    /// # Panics
    /// If the program does not start.
    pub fn start(&self, arguments: &[&OsStr]) -> Child {
        let mut command = self.command(&[]);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("the program starts")
    }

    /// Returns a command that runs the program and redirects its output to a file. The arguments
    /// need not be UTF-8.
    pub fn command_to(&self, arguments: &[&OsStr], file: File) -> Command {
        let mut command = self.command(&[]);
        command.args(arguments).stdin(Stdio::null()).stdout(file);
        command
    }

    fn output(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the program starts")
    }

    /// Trains runs/NAME for three steps with the program `trainer`. Other programs can then open
    /// the run.
    ///
    /// # Panics
    /// If the trainer fails.
    #[track_caller]
    pub fn train(&self, trainer: &str, name: &str, flags: &[&str]) {
        let fixed = ["--name", name, "--quiet", "--steps", "3", "--batch-size", "16"];
        self.succeed_by(trainer, &[&fixed, flags].concat());
    }

    /// Runs the program called `program` in the same directory and returns its standard output.
    ///
    /// # Panics
    /// If the program fails.
    #[track_caller]
    pub fn succeed_by(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.command_of(program, arguments).output().expect("the program starts");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {text}");
        String::from_utf8(output.stdout).expect("it writes UTF-8")
    }

    /// Runs the program. Returns true if it succeeds.
    pub fn succeeds(&self, arguments: &[&str]) -> bool {
        self.output(arguments).status.success()
    }

    /// Runs the program called `program` in the same directory and returns its output and its error
    /// message, whether it succeeds or fails.
    pub fn say_by(&self, program: &str, arguments: &[&str]) -> String {
        let Output { stdout, stderr, .. } =
            self.command_of(program, arguments).output().expect("the program starts");
        [stdout, stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat()
    }

    /// Runs the program and returns its standard output.
    ///
    /// # Panics
    /// If the program fails.
    #[track_caller]
    pub fn succeed(&self, arguments: &[&str]) -> String {
        String::from_utf8(self.success(arguments).stdout).expect("it writes UTF-8")
    }

    /// Runs the program and returns its standard error.
    ///
    /// # Panics
    /// If the program fails.
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

    /// Runs the program. Checks that it fails, and that its error message starts with "error:" and
    /// contains `expected`.
    ///
    /// # Panics
    /// If the program succeeds or prints another message.
    #[track_caller]
    pub fn fail(&self, arguments: &[&str], expected: &str) {
        explained(&self.output(arguments), arguments, expected);
    }

    /// Runs the program called `program` in the same directory. Makes the same checks as
    /// [`fail`](Self::fail).
    ///
    /// # Panics
    /// If the program succeeds or prints another message.
    #[track_caller]
    pub fn fail_by(&self, program: &str, arguments: &[&str], expected: &str) {
        let output = self.command_of(program, arguments).output().expect("the program starts");
        explained(&output, arguments, expected);
    }

    /// Runs the shell command `preparation` and then the program. Makes the same checks as
    /// [`fail`](Self::fail).
    ///
    /// # Panics
    /// If the program succeeds or prints another message.
    #[track_caller]
    pub fn fail_after(&self, preparation: &str, arguments: &[&str], expected: &str) {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{preparation}; exec \"$0\" \"$@\"")]);
        shell.current_dir(self.directory()).arg(build::executable(self.name)).args(arguments);
        explained(&shell.output().expect("a shell starts"), arguments, expected);
    }

    /// Runs the program with a standard output that cannot be written, as on a full disk. Checks
    /// that it fails. The last line of its standard error must report this, and no other line may
    /// be an error.
    ///
    /// # Panics
    /// If the program succeeds or prints other errors, or if the system has no /dev/full.
    #[track_caller]
    pub fn fail_to_print(&self, arguments: &[&str]) {
        let full = File::options().write(true).open("/dev/full").expect("Linux has /dev/full");
        let output = self.command(arguments).stdout(full).output().expect("the program starts");
        let text = String::from_utf8(output.stderr).expect("it writes UTF-8");
        let errors: Vec<&str> = text.lines().filter(|line| line.starts_with("error: ")).collect();
        let expected = "error: cannot write standard output: No space left on device (os error 28)";
        assert_eq!((output.status.code(), &errors[..]), (Some(1), &[expected][..]), "{arguments:?}: {text}");
        assert!(text.ends_with(&format!("{expected}\n")), "{text}");
    }

    /// Runs the program and closes the reader of its standard output. Checks that the program
    /// succeeds without an error message.
    ///
    /// # Panics
    /// If the program fails or prints an error.
    #[track_caller]
    pub fn succeed_unread(&self, arguments: &[&str]) {
        let mut command = self.command(arguments);
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {text}");
        assert!(!text.contains("error: ") && !text.contains("panicked"), "{arguments:?}: {text}");
    }

    /// Returns the lines of runs/NAME/metrics.jsonl. The timings at the end of the lines are
    /// removed.
    ///
    /// # Panics
    /// If the file cannot be read.
    #[track_caller]
    pub fn figures(&self, name: &str) -> Vec<String> {
        let text = String::from_utf8(self.read(name, "metrics.jsonl")).expect("metrics are UTF-8");
        let without = |line: &str| line.split(",\"images_per_second\"").next().unwrap_or_default().to_owned();
        text.lines().map(without).collect()
    }

    /// Checks that a killed run resumes with equal results. `flags` must set 40 steps, a log line
    /// for each of them, and several checkpoints. The first run trains to the end. The second run
    /// is killed before its end, and resumed with a different number of threads. The `files` and
    /// the metrics of both runs must be equal, byte for byte.
    ///
    /// # Panics
    /// If the files or metrics differ, or if a run makes no steps.
    #[track_caller]
    pub fn assert_killed_run_resumes(&self, flags: &[&str], files: &[&str]) {
        self.succeed(&[flags, &["--name", "whole", "--threads", "2"]].concat());
        // On a busy machine a run may end before it is killed, so there are several attempts.
        assert!((0..5).any(|_| self.kill_on_the_way(flags)), "no run was killed before its end");

        self.succeed(&["--resume", "runs/killed", "--threads", "1"]);
        for file in files {
            assert!(self.read("killed", file) == self.read("whole", file), "{file} differs");
        }
        assert_eq!(self.figures("killed"), self.figures("whole"));
        assert!(self.figures("whole").len() >= 40);
    }

    /// Checks that a program stops during its final evaluation. Trains the run `stopped` with
    /// `flags`, which must make the evaluation slow, and requests a stop during the evaluation. The
    /// program must then stop within two seconds, without writing final metrics.
    ///
    /// # Panics
    /// If the program does not stop in time, or if it writes final metrics.
    #[track_caller]
    pub fn assert_stops_while_it_measures(&self, flags: &[&str]) {
        let fixed = ["--name", "stopped", "--steps", "1", "--threads", "1"];
        let mut command = self.command(&[flags, &fixed].concat());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        let (animation, started) = (self.run("stopped").join("samples-animation.png"), Instant::now());
        while !animation.exists() {
            assert!(started.elapsed() < Duration::from_secs(120), "{flags:?}: the step does not end");
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(Duration::from_millis(200));
        let kill = Command::new("kill").args(["-s", "TERM", &child.id().to_string()]).status();
        assert!(kill.is_ok_and(|kill| kill.success()), "{flags:?}: the program has already ended");
        let stop_requested = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().expect("it can be waited for") {
                break status;
            }
            if stop_requested.elapsed() > Duration::from_secs(2) {
                child.kill().expect("it can be killed");
                panic!("{flags:?}: the program does not stop");
            }
            thread::sleep(Duration::from_millis(1));
        };
        assert_eq!(status.code(), Some(130), "{flags:?}");
        assert!(
            !self.run("stopped").join("final.json").exists(),
            "{flags:?}: the evaluation ended before the stop"
        );
    }

    /// Starts the run `killed` with `flags` and kills it after some of its 40 steps. Returns true
    /// if the run was killed before its last step.
    fn kill_on_the_way(&self, flags: &[&str]) -> bool {
        fs::remove_dir_all(self.run("killed")).ok();
        let mut child = self.command(&[flags, &["--name", "killed", "--threads", "3"]].concat());
        let mut child = child.stdout(Stdio::null()).spawn().expect("the program starts");
        let (metrics, started) = (self.run("killed").join("metrics.jsonl"), Instant::now());
        let steps = || fs::read_to_string(&metrics).map_or(0, |text| text.lines().count());
        while steps() < 15 {
            assert!(started.elapsed() < Duration::from_secs(60), "the run makes no steps");
            thread::sleep(Duration::from_millis(1));
        }
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
        steps() < 40
    }
}

/// Checks that a program failed with an error message that contains `expected`.
#[track_caller]
fn explained(output: &Output, arguments: &[&str], expected: &str) {
    let text = str::from_utf8(&output.stderr).expect("it writes UTF-8");
    assert!(!output.status.success(), "{arguments:?} succeeded");
    assert!(text.starts_with("error: ") && text.contains(expected), "{arguments:?}: {text}");
    assert!(!text.contains("panicked"), "{text}");
}
