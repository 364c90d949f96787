//! The program `adjoint`: all other programs as its subcommands, shell completions and man pages.
//!
//! `adjoint train dcgan` takes the flags of `train-dcgan`, and `adjoint sample` takes the flags of
//! `sample`:
//!
//! ```
//! let given = adjoint_commands::command().get_matches_from(["adjoint", "train", "dcgan", "--width", "8"]);
//! let (_, train) = given.subcommand().expect("train");
//! let (model, flags) = train.subcommand().expect("a model");
//! assert_eq!((model, flags.get_one("width")), ("dcgan", Some(&8_usize)));
//! ```
#![forbid(unsafe_code)]

mod export;
mod import;

use adjoint_recipes::{Recipe, registry};
use adjoint_runs::{BoxError, Error, Outcome, run_main, say};
use clap::{Arg, Command, value_parser};
use clap_complete::Shell;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

/// The program's name.
const NAME: &str = "adjoint";

/// The `main` of the program.
pub fn main() -> ExitCode {
    run_main(|| run(&env::args_os().collect::<Vec<_>>()))
}

/// The command line with all subcommands.
pub fn command() -> Command {
    let recipes = registry::ALL.iter().map(|recipe| (recipe.command)().name(recipe.model));
    let shell = Arg::new("shell").value_name("SHELL").required(true).value_parser(value_parser!(Shell));
    let directory = Arg::new("directory").value_name("DIR").value_parser(value_parser!(PathBuf));
    Command::new(NAME)
        .version(env!("CARGO_PKG_VERSION"))
        .about("Train, sample and compare deep generative models")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("train")
                .about("Train a model")
                .subcommand_required(true)
                .arg_required_else_help(true)
                .subcommands(recipes),
        )
        .subcommand(adjoint_sampling::command())
        .subcommand(adjoint_evaluation::command())
        .subcommand(export::command())
        .subcommand(import::command())
        .subcommand(
            Command::new("completions")
                .about("Print the completions of a shell")
                .arg(shell.help("Shell to print the completions of")),
        )
        .subcommand(Command::new("man").about("Print the man page, or write all man pages").arg(
            directory.help("Directory for the man pages of all subcommands [default: print the main page]"),
        ))
}

/// Runs the subcommand of a command line. The first argument is the name of the program.
fn run(arguments: &[OsString]) -> Result<Outcome, BoxError> {
    let word = |i: usize| arguments.get(i).and_then(|word| word.to_str());
    // Returns the subcommand's command line: its full name, then its arguments.
    let own = |words: usize| -> Vec<OsString> {
        let name = [NAME].into_iter().chain((1..words).filter_map(word)).collect::<Vec<_>>().join(" ");
        [name.into()].into_iter().chain(arguments[words..].iter().cloned()).collect()
    };
    match (word(1), word(2).and_then(Recipe::of)) {
        (Some("train"), Some(recipe)) => return (recipe.train)(&own(3)),
        (Some("sample"), _) => adjoint_sampling::run(own(2))?,
        (Some("evaluate"), _) => adjoint_evaluation::run(own(2))?,
        (Some("export"), _) => export::run(own(2))?,
        (Some("import"), _) => import::run(own(2))?,
        _ => run_own(command(), arguments)?,
    }
    Ok(Outcome::Finished)
}

/// Handles a command line that is not for another program. It requests completions, man pages,
/// `--help` or `--version`. clap reports the last two as errors.
fn run_own(mut command: Command, arguments: &[OsString]) -> Result<(), BoxError> {
    let given = command.clone().try_get_matches_from(arguments).map_err(Error::from)?;
    let mut text = Vec::new();
    match given.subcommand() {
        Some(("completions", given)) => {
            let shell = *given.get_one::<Shell>("shell").expect("clap requires it");
            clap_complete::generate(shell, &mut command, NAME, &mut text);
        }
        Some(("man", given)) => match given.get_one::<PathBuf>("directory") {
            Some(directory) => {
                fs::create_dir_all(directory).map_err(Error::io("create", directory))?;
                clap_mangen::generate_to(command, directory).map_err(Error::io("write to", directory))?;
                say(format_args!("man pages are in {}", directory.display()));
                return Ok(());
            }
            None => clap_mangen::Man::new(command).render(&mut text)?,
        },
        _ => unreachable!("clap requires a subcommand, and all others have run"),
    }
    say(String::from_utf8(text)?.trim_end());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        command().debug_assert();
    }
}
