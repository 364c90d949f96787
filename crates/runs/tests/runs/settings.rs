//! Tests that flags override a file and that a file overrides defaults. Also tests which settings
//! may change when a run is resumed.

use std::fs;
use std::path::PathBuf;

use adjoint_runs::{COMMON, CommonArgs, Config, Data, Error, Preset, preset};
use clap::{Parser, ValueEnum};
use serde::Serialize;

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Loss {
    NonSaturating,
    Hinge,
}

#[derive(Parser, Serialize)]
struct Settings {
    #[command(flatten)]
    #[serde(flatten)]
    common: CommonArgs,
    #[arg(long, default_value = "datasets")]
    #[serde(serialize_with = "adjoint_runs::paths::serialize")]
    data_dir: PathBuf,
    #[arg(long, default_value_t = 2e-4)]
    lr: f64,
    #[arg(long, value_enum, default_value_t = Loss::NonSaturating)]
    loss: Loss,
    #[arg(long, value_delimiter = ',', default_value = "256,512")]
    widths: Vec<usize>,
    #[arg(long)]
    ema: bool,
    /// A flag that conflicts with another one, which does not declare this conflict.
    #[arg(long, conflicts_with = "data_dir")]
    drawn: bool,
}

impl Data for Settings {
    fn name(&self) -> String {
        "plane".to_owned()
    }

    fn free_on_resume(&self) -> Vec<&'static str> {
        vec!["data_dir", "drawn"]
    }
}

impl Config for Settings {
    type Data = Self;
    const MODEL: &'static str = "toy";

    fn presets() -> Vec<Preset> {
        [COMMON, &[preset("epochs", "25")]].concat()
    }

    fn common(&self) -> &CommonArgs {
        &self.common
    }

    fn data(&self) -> &Self {
        self
    }

    fn data_mut(&mut self) -> &mut Self {
        self
    }
}

fn parse(flags: &[&str]) -> Result<Settings, Error> {
    adjoint_runs::parse([&["train-toy"], flags].concat())
}

fn complaint(flags: &[&str]) -> String {
    let Err(error) = parse(flags) else { panic!("{flags:?} were accepted") };
    error.to_string()
}

/// Returns a directory with a settings file, and the flag that uses the file.
fn file(text: &str) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.toml");
    fs::write(&path, text).unwrap();
    (dir, format!("--config={}", path.display()))
}

#[test]
fn flags_win_over_the_file_and_the_file_over_defaults() {
    let text =
        "lr = 1e-3\nloss = \"hinge\"\nwidths = [8, 16, 32]\nema = true\nbatch_size = 64\ndata_dir = \"/d\"\n";
    let (_dir, config) = file(text);
    let defaults = parse(&[]).unwrap();
    assert_eq!((defaults.lr, defaults.loss, defaults.ema), (2e-4, Loss::NonSaturating, false));
    assert_eq!(
        (defaults.widths, defaults.common.epochs, defaults.common.steps),
        (vec![256, 512], Some(25), None)
    );

    let layered = parse(&[&config, "--lr", "0.5", "--widths", "7"]).unwrap();
    assert_eq!((layered.lr, layered.loss, layered.ema), (0.5, Loss::Hinge, true));
    assert_eq!((layered.widths, layered.common.batch_size), (vec![7], 64));
    assert_eq!((layered.data_dir, layered.common.epochs), (PathBuf::from("/d"), Some(25)));
}

#[test]
fn of_steps_and_epochs_the_flag_counts() {
    let (_dir, config) = file("steps = 100\n");
    assert_eq!(parse(&[&config]).unwrap().common.steps, Some(100));
    let epochs = parse(&[&config, "--epochs", "3"]).unwrap().common;
    assert_eq!((epochs.epochs, epochs.steps), (Some(3), None));
    let (dir, config) = file("epochs = 7\n");
    let steps = parse(&["--steps", "9", &config]).unwrap().common;
    assert_eq!((steps.epochs, steps.steps), (None, Some(9)));

    let run = dir.path().to_str().unwrap();
    let resumed = parse(&["--resume", run, "--steps", "9"]).unwrap().common;
    assert_eq!((resumed.epochs, resumed.steps), (None, Some(9)));
    fs::write(dir.path().join("config.toml"), "steps = 100\n").unwrap();
    let resumed = parse(&["--resume", run, "--epochs", "3"]).unwrap().common;
    assert_eq!((resumed.epochs, resumed.steps), (Some(3), None));
}

/// A flag replaces a setting of the file that conflicts with it, whichever of them declares this.
#[test]
fn a_flag_replaces_a_conflicting_setting() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("config.toml");
    let resumed = |text: &str, flags: &[&str]| {
        fs::write(&config, text).unwrap();
        let of = |way: &str, place: &std::path::Path| {
            let settings = parse(&[&[way, place.to_str().unwrap()], flags].concat()).unwrap();
            (settings.data_dir, settings.drawn)
        };
        assert_eq!(of("--config", &config), of("--resume", dir.path()));
        of("--resume", dir.path())
    };
    assert_eq!(resumed("data_dir = \"/d\"\n", &[]), ("/d".into(), false));
    assert_eq!(resumed("data_dir = \"/d\"\n", &["--drawn"]), ("datasets".into(), true));
    assert_eq!(resumed("drawn = true\n", &["--data-dir", "/e"]), ("/e".into(), false));
    fs::write(&config, "data_dir = \"/d\"\ndrawn = true\n").unwrap();
    let error = complaint(&["--resume", dir.path().to_str().unwrap()]);
    assert!(error.contains("config.toml: the argument '--"), "{error}");
}

#[test]
fn steps_and_epochs_together_are_rejected() {
    for flags in [["--epochs", "50", "--steps", "2"], ["--steps", "2", "--epochs", "50"]] {
        let error = complaint(&flags);
        assert!(
            error.starts_with("the argument '--") && error.contains("cannot be used with '--"),
            "{error}"
        );
        assert!(error.contains("--epochs <N>") && error.contains("--steps <N>"), "{error}");
    }
    let (_dir, config) = file("epochs = 50\nsteps = 2\n");
    let error = complaint(&[&config]);
    assert!(error.contains("config.toml: the argument '--") && !error.contains('\n'), "{error}");
    let one = parse(&[&config, "--steps", "3"]).unwrap().common;
    assert_eq!((one.epochs, one.steps), (None, Some(3)));
}

#[test]
fn a_recorded_configuration_has_steps_or_epochs() {
    let keys = |flags: &[&str]| {
        let recorded = toml::Table::try_from(parse(flags).unwrap()).unwrap();
        (recorded.contains_key("epochs"), recorded.contains_key("steps"))
    };
    assert_eq!(keys(&[]), (true, false));
    assert_eq!(keys(&["--epochs", "3"]), (true, false));
    assert_eq!(keys(&["--steps", "3"]), (false, true));
    let (_dir, config) = file("epochs = 7\n");
    assert_eq!(keys(&["--steps", "9", &config]), (false, true));
}

#[test]
fn mistakes_in_a_file_are_named() {
    for (text, expected) in [
        ("batchsize = 3", "there is no setting `batchsize`; did you mean `batch_size`?"),
        ("\"batch-size\" = 3", "there is no setting `batch-size`; did you mean `batch_size`?"),
        ("zzz = 3", "there is no setting `zzz`; --help lists the settings"),
        ("resume = \"runs/x\"", "there is no setting `resume`"),
        ("loss = \"hing\"", "invalid value 'hing' for '--loss <LOSS>'"),
        ("epochs = \"many\"", "invalid value 'many' for '--epochs <N>'"),
        ("epochs = 0", "invalid value '0' for '--epochs <N>'"),
        ("ema = 3", "ema = 3 is not a value of --ema"),
        ("ema = []", "ema = [] is not a value of --ema"),
        ("widths = []", "widths = [] is not a value of --widths"),
        ("widths = [[], []]", "widths = [[], []] is not a value of --widths"),
        ("steps = []", "steps = [] is not a value of --steps"),
        ("lr = []", "lr = [] is not a value of --lr"),
        ("widths = \"\"", "'--widths <WIDTHS>'"),
        ("widths = [8, -1]", "invalid value '-1' for '--widths <WIDTHS>'"),
        ("batch_size = -1", "invalid value '-1' for '--batch-size <N>'"),
        ("threads = 257", "invalid value '257' for '--threads <N>'"),
        ("[lr]\nx = 3", "is not a value of --lr"),
        ("lr = 1\nlr = 2", "not TOML: line 2"),
        (&" ".repeat(70_000), "not a settings file: longer than 65536 bytes"),
        ("model = \"dcgan\"", "the settings of another model: \"dcgan\" instead of \"toy\""),
    ] {
        let (_dir, config) = file(text);
        let error = complaint(&[&config]);
        assert!(error.contains("config.toml: ") && error.contains(expected), "{text}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
    assert!(complaint(&["--config", "/no/such.toml"]).starts_with("cannot read /no/such.toml: "));
}

#[test]
fn a_wrong_flag_is_an_error_of_clap() {
    for flags in
        [&["--batch-sise", "3"][..], &["--steps", "0"], &["--resume", "x", "--name", "y"], &["--seed", "-1"]]
    {
        assert!(matches!(parse(flags), Err(Error::CommandLine(_))), "{flags:?}");
    }
}

#[test]
fn a_resumed_run_keeps_its_settings() {
    let (dir, _) = file("model = \"toy\"\nlr = 0.25\nsteps = 20\nbatch_size = 32\nwidths = [9]\n");
    let run = dir.path().to_str().unwrap();
    let resumed = parse(&["--resume", run]).unwrap();
    assert_eq!((resumed.lr, resumed.common.steps, resumed.widths), (0.25, Some(20), vec![9]));

    let changes =
        ["--steps=40", "--log-every=1", "--checkpoint-every=5", "--threads=2", "--quiet", "--data-dir=/e"];
    let changed = parse(&[&["--resume", run][..], &changes].concat()).unwrap();
    assert_eq!((changed.common.steps, changed.common.log_every, changed.lr), (Some(40), 1, 0.25));
    assert_eq!(parse(&["--resume", run, "--batch-size", "32", "--lr", "0.25"]).unwrap().lr, 0.25);

    let error = complaint(&["--resume", run, "--batch-size", "64"]);
    assert!(error.starts_with("--batch-size 64 contradicts the run, which has 32; "), "{error}");
    assert!(
        complaint(&["--resume", run, "--ema"]).contains("--ema true contradicts the run, which has false")
    );
    assert!(complaint(&["--resume", "/no/run"]).contains("/no/run: there is no such run"));
    assert!(complaint(&["--resume", "/"]).contains("/: holds no run"));
}

#[test]
fn settings_that_a_file_cannot_hold_are_rejected() {
    for flag in ["--steps", "--epochs", "--log-every", "--batch-size"] {
        assert!(complaint(&[flag, "9223372036854775808"]).contains("a whole number"), "{flag}");
        parse(&[flag, "9223372036854775807"]).unwrap();
    }
}

/// A file can contain any path of the system, as text or as bytes.
#[cfg(unix)]
#[test]
fn a_settings_file_holds_any_path() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;
    let place = OsString::from_vec(b"/data/\xff".to_vec());
    let flags = ["train-toy".into(), "--data-dir".into(), place.clone()];
    assert_eq!(adjoint_runs::parse::<Settings>(flags).unwrap().data_dir, place);
    let (_dir, config) = file("data_dir = [47, 100, 97, 116, 97, 47, 255]\n");
    assert_eq!(parse(&[&config]).unwrap().data_dir, place);
    for wrong in ["[47, 256]", "[]", "[\"a\"]", "1", "true", "\"\""] {
        let (_dir, config) = file(&format!("data_dir = {wrong}\n"));
        let error = complaint(&[&config]);
        assert!(error.contains("config.toml: ") && error.contains("--data-dir"), "{wrong}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
}
