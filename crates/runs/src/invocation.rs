//! Prints commands in the form in which the user started this program.
//!
//! A command has the name of its program, such as `train-dcgan` or `sample`. The program `adjoint`
//! has all commands as subcommands, such as `adjoint train dcgan` or `adjoint sample`.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::paths::shell_word;

/// The package of the program `adjoint`, and the name of the program.
const ALL_IN_ONE: (&str, &str) = ("adjoint-cli", "adjoint");

/// Returns the words with which a command line starts, before the arguments of the command. They
/// have the form in which the user started `program`. `package` is the package that cargo runs, if
/// any.
///
/// The forms are `cargo run -p train-dcgan --`, `cargo run -p adjoint-cli -- train dcgan`,
/// `/usr/bin/adjoint train dcgan` and `/usr/bin/train-dcgan`, with directories as the user typed
/// them.
fn words(program: &Path, package: Option<&str>, command: &str, has_arguments: bool) -> String {
    let name = program.file_stem().unwrap_or_default();
    let all_in_one = name == OsStr::new(ALL_IN_ONE.1);
    let of_package = package.is_some_and(|p| OsStr::new(p) == name || (all_in_one && p == ALL_IN_ONE.0));
    // A program in a target directory was built by cargo. Its path depends on the build profile and
    // platform, so the form is that of cargo. An example is no program of a package, so it keeps
    // its path.
    let is_example = program.parent().is_some_and(|directory| directory.ends_with("examples"));
    let built = !is_example && program.ancestors().skip(1).any(|directory| directory.ends_with("target"));
    let subcommand = command.replacen("train-", "train ", 1);
    match (of_package || built, all_in_one) {
        (true, true) => format!("cargo run -p {} -- {subcommand}", ALL_IN_ONE.0),
        (true, false) if has_arguments => format!("cargo run -p {command} --"),
        (true, false) => format!("cargo run -p {command}"),
        (false, true) => format!("{} {subcommand}", shell_word(program)),
        (false, false) => shell_word(&program.with_file_name(command)),
    }
}

/// Returns the command line of a command (`train-dcgan`, `sample`) with these arguments, in the
/// form in which the user started this program. The arguments must already be quoted for a shell.
pub fn command_line(command: &str, arguments: &str) -> String {
    let package = env::var("CARGO_PKG_NAME").ok();
    let words = words(&program(), package.as_deref(), command, !arguments.is_empty());
    if arguments.is_empty() { words } else { format!("{words} {arguments}") }
}

/// Returns the command line that trains this kind of model with these arguments. If this program is
/// not `adjoint`, the command has the name of this program.
pub(crate) fn train_command(model: &str, arguments: &str) -> String {
    match program().file_stem().and_then(OsStr::to_str) {
        Some(name) if name != ALL_IN_ONE.1 => command_line(name, arguments),
        _ => command_line(&format!("train-{model}"), arguments),
    }
}

/// Returns the path that started this program.
fn program() -> PathBuf {
    env::args_os().next().unwrap_or_default().into()
}

/// Formats the examples at the end of `--help`. `all` contains the arguments and the purpose of
/// each example.
pub fn examples(command: &str, all: &[(&str, &str)]) -> String {
    let example =
        |(arguments, what): &(&str, &str)| format!("  {}\n      {what}", command_line(command, arguments));
    format!("Examples:\n{}", all.iter().map(example).collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_printed_as_the_user_types_them() {
        let lines = |program: &str, package: Option<&str>| {
            [("train-dcgan", true), ("train-dcgan", false), ("sample", true)]
                .map(|(command, has_arguments)| words(Path::new(program), package, command, has_arguments))
        };
        let cargo = ["cargo run -p train-dcgan --", "cargo run -p train-dcgan", "cargo run -p sample --"];
        assert_eq!(lines("target/debug/train-dcgan", Some("train-dcgan")), cargo);
        assert_eq!(lines("/else/where/train-dcgan", Some("train-dcgan")), cargo, "another target directory");
        assert_eq!(lines("./target/release/sample", None), cargo);
        assert_eq!(lines("target/x86_64-unknown-linux-gnu/debug/train-dcgan", None), cargo);
        assert_eq!(lines("target/debug/examples/walk", None)[1], "target/debug/examples/train-dcgan");
        assert_eq!(lines("/opt/target", None)[1], "/opt/train-dcgan", "a program called target");
        let all_in_one = "cargo run -p adjoint-cli -- train dcgan";
        let cargo = [all_in_one, all_in_one, "cargo run -p adjoint-cli -- sample"];
        assert_eq!(lines("target/debug/adjoint", Some("adjoint-cli")), cargo);
        assert_eq!(lines("/cache/debug/adjoint", Some("adjoint-cli")), cargo);
        let installed = ["adjoint train dcgan", "adjoint train dcgan", "adjoint sample"];
        assert_eq!(lines("adjoint", None), installed);
        // A shell that cargo started, such as a script of another package.
        assert_eq!(lines("adjoint", Some("other")), installed);
        assert_eq!(lines("/my tools/adjoint", None)[2], "'/my tools/adjoint' sample");
        assert_eq!(lines("train-dcgan", None), ["train-dcgan", "train-dcgan", "sample"]);
        assert_eq!(lines("/opt/bin/train-dcgan", None)[2], "/opt/bin/sample");
    }

    #[test]
    fn examples_have_a_line_for_each_command_and_one_for_what_it_does() {
        let text = examples("sample", &[("grid RUN", "a grid"), ("", "nothing")]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "Examples:");
        assert!(
            lines[1].starts_with("  ") && lines[1].contains("sample") && lines[1].ends_with(" grid RUN"),
            "{text}"
        );
        assert_eq!((lines[2], lines.len()), ("      a grid", 5));
    }
}
