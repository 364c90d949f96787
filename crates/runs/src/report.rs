//! The output and the exit code of a program. An error is printed on one line. A closed output pipe
//! does not cause a panic.

use std::error::Error as StdError;
use std::fmt::Display;
use std::io::{self, ErrorKind, Stdout, Write};
use std::process::{ExitCode, Termination};
use std::sync::OnceLock;

use crate::{BoxError, Error};

/// Exit code for an error. For a wrong command line, the exit code is clap's: 2.
const FAILURE: u8 = 1;

/// The kind of clap error if a program needs arguments and gets none.
const NO_ARGUMENTS: clap::error::ErrorKind = clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;

/// The first error of writing to standard output.
static OUTPUT_ERROR: OnceLock<io::Error> = OnceLock::new();

/// Runs a program: `fn main() -> ExitCode { run_main(run) }`. An error is printed to stderr as one
/// line, `error: what: why`, and gives a non-zero exit code. If output could not be written, this
/// is also reported as an error, after `run` has returned.
pub fn run_main<T: Termination>(run: impl FnOnce() -> Result<T, BoxError>) -> ExitCode {
    let code = match run() {
        Ok(value) => value.report(),
        Err(error) => match error.downcast_ref() {
            Some(Error::CommandLine(shown)) if !shown.use_stderr() => {
                print(|_| shown.print()); // --help and --version
                ExitCode::SUCCESS
            }
            // Like cargo, a program prints its help if it gets no arguments.
            Some(Error::CommandLine(help)) if help.kind() == NO_ARGUMENTS => {
                print(|out| write!(out, "{}", help.render()));
                ExitCode::SUCCESS
            }
            _ => return report(&*error),
        },
    };
    match OUTPUT_ERROR.get() {
        Some(cause) => report(&Error::Other(format!("cannot write standard output: {cause}"))),
        None => code,
    }
}

fn report(error: &(dyn StdError + Send + Sync + 'static)) -> ExitCode {
    let (line, code) = match error.downcast_ref() {
        // The message of this error contains the whole message of clap.
        Some(Error::CommandLine(usage)) => (error.to_string(), u8::try_from(usage.exit_code()).ok()),
        _ => (one_line(error), None),
    };
    note(format_args!("error: {line}"));
    ExitCode::from(code.unwrap_or(FAILURE))
}

/// Formats the message of an error on one line, followed by each cause that the line does not
/// contain yet.
fn one_line(error: &(dyn StdError + 'static)) -> String {
    let mut line = String::new();
    for cause in std::iter::successors(Some(error), |&error| error.source()) {
        let text = cause.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        if line.is_empty() {
            line = text;
        } else if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
    }
    line
}

/// Prints a line to stdout. A failure does not stop the program, which may have trained for hours.
/// [`run_main`] reports the failure at the end. A closed pipe (`| head`) is not a failure.
pub fn say(line: impl Display) {
    print(|out| writeln!(out, "{line}"));
}

/// Writes to stdout and records the first failure.
fn print(write: impl FnOnce(&mut Stdout) -> io::Result<()>) {
    let mut out = io::stdout();
    match write(&mut out).and_then(|()| out.flush()) {
        Err(cause) if cause.kind() != ErrorKind::BrokenPipe => _ = OUTPUT_ERROR.set(cause),
        _ => {}
    }
}

/// Prints a line to stderr.
pub fn note(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Prints `warning: ...` to stderr.
pub fn warn(line: impl Display) {
    note(format_args!("warning: {line}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layered {
        text: &'static str,
        source: Option<Box<Layered>>,
    }

    fn layered(texts: &[&'static str]) -> Layered {
        let (text, rest) = texts.split_first().unwrap();
        Layered { text, source: (!rest.is_empty()).then(|| Box::new(layered(rest))) }
    }

    #[test]
    fn an_error_is_one_line_with_each_cause_once() {
        assert_eq!(one_line(&layered(&["a", "b\n  c", "d"])), "a: b c: d");
        assert_eq!(one_line(&layered(&["cannot read x: gone", "gone"])), "cannot read x: gone");
    }

    #[test]
    fn exit_codes_tell_what_happened() {
        let code = |error: BoxError| format!("{:?}", run_main(|| Err::<(), _>(error)));
        assert_eq!(format!("{:?}", run_main(|| Ok(()))), format!("{:?}", ExitCode::SUCCESS));
        assert_eq!(code("an error that this test makes".into()), format!("{:?}", ExitCode::from(1)));
    }
}
