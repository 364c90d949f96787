//! Tests of the program `adjoint`, which has all other programs as subcommands, and of the commands
//! that programs print for the user.

use adjoint_testing::Program;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

/// Flags for a small model.
const FLAGS: [&str; 7] = ["--steps", "3", "--batch-size", "16", "--latent", "4", "--image-size=16"];

#[test]
fn subcommands_do_what_the_programs_do() {
    let program = Program::new("adjoint");
    for (model, flags) in [
        ("vae", ["--hidden", "8"].as_slice()),
        ("gan", &["--g-hidden", "8", "--d-hidden", "8"]),
        ("dcgan", &["--width", "4"]),
        ("cgan", &["--width", "4"]),
    ] {
        let flags = [&FLAGS, flags, &["--name"]].concat();
        let (one, other) = (format!("{model}-a"), format!("{model}-b"));
        let said = program.succeed(&[&["train", model], flags.as_slice(), &[&one]].concat());
        let resume = format!("cargo run -p adjoint-cli -- train {model} --resume runs/{one}");
        assert!(said.contains(&resume), "{said}");
        assert!(said.contains(&format!("cargo run -p adjoint-cli -- evaluate runs/{one}")), "{said}");
        program.succeed_by(&format!("train-{model}"), &[flags.as_slice(), &[&other]].concat());
        let weights = if model == "vae" { "decoder.safetensors" } else { "generator.safetensors" };
        assert!(program.read(&one, weights) == program.read(&other, weights), "{model}");
        program.succeed(&["train", model, "--resume", &format!("runs/{one}"), "--steps", "4", "--quiet"]);
    }
    let said = program.succeed(&["sample", "grid", "runs/dcgan-a", "--n", "4"]);
    assert!(said.starts_with("runs/dcgan-a/grid.png: 4 samples"), "{said}");
    program.fail(&["evaluate", "runs/none"], "there is no such run");
    program.fail(&["train", "dcgan", "--width", "0"], "from 1 to 65536");
    for command in [&[][..], &["train"], &["sample"]] {
        assert!(program.succeed(command).contains("Commands:"), "{command:?}");
    }
    program.fail(&["train", "diffusion"], "unrecognized subcommand 'diffusion'");
    program.fail(&["sampel"], "'sample'");
}

#[test]
fn shells_complete_it_and_man_describes_it() {
    let program = Program::new("adjoint");
    let script = program.succeed(&["completions", "bash"]);
    for word in ["--penalty-every", "interpolate", "--nll-samples", "train"] {
        assert!(script.contains(word), "no {word} among the completions");
    }
    let checked = Command::new("bash").args(["-n", "-c", &script]).status();
    assert!(checked.map_or(true, |status| status.success()), "a script that bash can't read");
    program.fail(&["completions", "cmd"], "possible values: bash");

    assert!(program.succeed(&["man"]).contains(".TH adjoint 1"));
    program.succeed(&["man", "pages/man1"]);
    let page = program.directory().join("pages/man1/adjoint-train-dcgan.1");
    let page = fs::read_to_string(page).expect("a page for each subcommand");
    assert!(page.contains(r"\-\-penalty\-every"), "{page}");
}

/// Returns the `--help` of the program at `path`. The program is started as if cargo ran `package`.
fn help(program: &Program, path: &Path, package: &str, arguments: &[&str]) -> String {
    let output = Command::new(path)
        .args(arguments)
        .arg("--help")
        .env("CARGO_PKG_NAME", package)
        .current_dir(program.directory())
        .output()
        .expect("the program starts");
    assert!(output.status.success(), "{path:?} {arguments:?}");
    String::from_utf8(output.stdout).expect("it writes UTF-8")
}

/// Every program prints commands for the user. A printed command starts the program as the user
/// started it: with cargo, or with the path of the installed program. It never contains a path in
/// target/.
#[test]
fn commands_are_printed_as_the_user_typed_them() {
    for (name, package, subcommand, by_cargo) in [
        ("train-dcgan", "train-dcgan", [].as_slice(), "cargo run -p train-dcgan -- --loss"),
        ("sample", "sample", &[], "cargo run -p sample -- grid"),
        ("evaluate", "evaluate", &[], "cargo run -p evaluate -- runs/"),
        ("adjoint", "adjoint-cli", &["train", "dcgan"], "cargo run -p adjoint-cli -- train dcgan --loss"),
        ("adjoint", "adjoint-cli", &["sample"], "cargo run -p adjoint-cli -- sample grid"),
        ("adjoint", "adjoint-cli", &["evaluate"], "cargo run -p adjoint-cli -- evaluate runs/"),
    ] {
        let program = Program::new(name);
        let null = File::create(program.directory().join("null")).expect("a file");
        let built = program.command_to(&[], null).get_program().to_owned();
        for package in [package, "another"] {
            let said = help(&program, Path::new(&built), package, subcommand);
            assert!(said.contains(by_cargo), "{built:?}: {said}");
            assert!(!said.contains("target/"), "{said}");
        }
        let installed = program.directory().join(name);
        fs::copy(&built, &installed).expect("a copy");
        let by_path = [&[installed.to_str().expect("a plain path")], subcommand].concat().join(" ");
        let said = help(&program, &installed, "another", subcommand);
        assert!(said.contains(&format!("  {by_path} ")), "{by_path}: {said}");
        assert!(!said.contains("cargo run"), "{said}");
    }
}
