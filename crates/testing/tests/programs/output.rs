//! Tests of all programs with a standard output that cannot be written.

use adjoint_testing::Program;

const TRAINERS: [(&str, &[&str]); 4] = [
    ("train-cgan", &["--width", "2", "--latent", "3"]),
    ("train-dcgan", &["--width", "2", "--latent", "3"]),
    ("train-gan", &["--dataset", "ring", "--g-hidden", "8", "--d-hidden", "8"]),
    ("train-vae", &["--hidden", "8", "--latent", "2"]),
];

/// A trainer that cannot print must still write complete output files, and then fail.
#[cfg(target_os = "linux")]
#[test]
fn a_trainer_that_cannot_print_trains_and_fails() {
    for (name, model) in TRAINERS {
        let program = Program::new(name);
        program.fail_to_print(&["--help"]);
        program.fail_to_print(&["--version"]);
        program.fail_to_print(&["--dry-run"]);
        let flags = [model, &["--steps", "2", "--batch-size", "16", "--name", "a"]].concat();
        program.fail_to_print(&flags);
        assert!(!program.read("a", "checkpoint.safetensors").is_empty());
        assert!(!program.read("a", "samples-animation.png").is_empty());
        program.succeed(&["--resume", "runs/a", "--steps", "3"]);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_program_that_cannot_print_writes_its_files_and_fails() {
    let (trainer, model) = TRAINERS[2];
    let [sample, evaluate] = ["sample", "evaluate"].map(Program::new);
    for program in [&sample, &evaluate] {
        program.train(trainer, "a", model);
        program.fail_to_print(&["--help"]);
        program.fail_to_print(&["--version"]);
    }
    sample.fail_to_print(&["grid", "--help"]);
    sample.fail_to_print(&["grid", "runs/a"]);
    assert!(!sample.read("a", "grid.png").is_empty());
    sample.fail_to_print(&["export", "runs/a", "--n", "5"]);
    assert!(!sample.read("a", "export.npy").is_empty());
    evaluate.fail_to_print(&["runs/a", "--samples", "100", "--json", "a.json", "--markdown", "a.md"]);
    for file in ["a.json", "a.md"] {
        assert!(evaluate.directory().join(file).is_file(), "{file}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let (trainer, model) = TRAINERS[2];
    for name in ["sample", "evaluate", trainer] {
        let program = Program::new(name);
        program.train(trainer, "a", model);
        program.succeed_unread(&["--help"]);
        match name {
            "sample" => program.succeed_unread(&["grid", "runs/a"]),
            "evaluate" => program.succeed_unread(&["runs/a", "--samples", "100"]),
            _ => {
                program.succeed_unread(&["--dry-run"]);
                program.succeed_unread(&[model, &["--steps", "2", "--batch-size", "16"]].concat());
            }
        }
    }
}
