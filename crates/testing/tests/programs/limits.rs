//! Tests of limits that a program reads from environment variables, from the shell or from a
//! settings file.

use adjoint_testing::Program;
use std::fs;

const PROGRAMS: [&str; 6] = ["evaluate", "sample", "train-cgan", "train-dcgan", "train-gan", "train-vae"];

#[test]
fn a_number_of_threads_from_the_environment_is_checked() {
    for name in PROGRAMS {
        let program = Program::new(name);
        let arguments: &[&str] = match name {
            "evaluate" => &["runs/a"],
            "sample" => &["grid", "runs/a"],
            _ => &["--dry-run"],
        };
        for (variable, value) in
            [("RAYON_NUM_THREADS", "257"), ("RAYON_NUM_THREADS", "-1"), ("RAYON_RS_NUM_CPUS", "1e3")]
        {
            let expected =
                format!("the environment variable {variable} is \"{value}\"; set it to a whole number");
            program.fail_after(&format!("export {variable}={value}"), arguments, &expected);
        }
        program.fail_after("export RAYON_NUM_THREADS=99999999999999999999", arguments, "from 1 to 256");
    }
    // A flag overrides the variable. If the variable is 0 or empty, the default applies.
    let program = Program::new("train-gan");
    for (value, flag) in [("1000", &["--threads", "2"][..]), ("0", &[]), ("", &[]), ("256", &[])] {
        let arguments = [&["--dry-run", "--image-size", "8"], flag].concat();
        program.fail_after(&format!("export RAYON_NUM_THREADS={value}"), &arguments, "--image-size 8");
    }
}

#[test]
fn an_empty_list_in_a_file_is_not_the_default() {
    for (name, key) in [
        ("train-vae", "hidden"),
        ("train-gan", "g_hidden"),
        ("train-gan", "d_hidden"),
        ("train-cgan", "d_hidden"),
    ] {
        let program = Program::new(name);
        fs::write(program.directory().join("a.toml"), format!("{key} = []\n")).unwrap();
        let flag = key.replace('_', "-");
        program.fail(
            &["--config", "a.toml", "--dry-run"],
            &format!("a.toml: {key} = [] is not a value of --{flag}"),
        );
        program.fail(&["--dry-run", &format!("--{flag}=")], &format!("--{flag}"));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_limit_of_the_shell_bounds_the_memory_of_a_step() {
    let program = Program::new("train-dcgan");
    let large = ["--image-size", "64", "--width", "64", "--batch-size", "512", "--steps", "1"];
    program.fail_after(
        "ulimit -v 2000000",
        &large,
        "the address space (ulimit -v) is limited to 1.9 GiB; take",
    );
    program.fail_after(
        "ulimit -d 2000000",
        &large,
        "the data segment (ulimit -d) is limited to 1.9 GiB; take",
    );
    assert!(!program.directory().join("runs").exists(), "a run that is rejected leaves nothing behind");
}
