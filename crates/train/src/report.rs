//! How a binary ends, and how it talks: one line per error, and no panic because a reader went away.

use std::error::Error as StdError;
use std::fmt::Display;
use std::io::{self, Write};
use std::process::{ExitCode, Termination};

use crate::{BoxError, Error};

/// Exit code for an error; clap's own for a wrong command line is 2.
const FAILURE: u8 = 1;

/// Runs a program: `fn main() -> ExitCode { run_main(run) }`. An error is printed to stderr as one line,
/// `error: what: why`, and gives a non-zero exit code.
pub fn run_main<T: Termination>(run: impl FnOnce() -> Result<T, BoxError>) -> ExitCode {
    match run() {
        Ok(value) => value.report(),
        Err(error) => report(&*error),
    }
}

fn report(error: &(dyn StdError + Send + Sync + 'static)) -> ExitCode {
    if let Some(Error::CommandLine(usage)) = error.downcast_ref() {
        if usage.use_stderr() {
            note(format_args!("error: {error}"));
        } else {
            // Help and version; if stdout is gone, nobody wants to know.
            let _ = usage.print();
        }
        return ExitCode::from(u8::try_from(usage.exit_code()).unwrap_or(FAILURE));
    }
    note(format_args!("error: {}", one_line(error)));
    ExitCode::from(FAILURE)
}

fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// The message and those of its causes that it doesn't already contain, on one line.
fn one_line(error: &(dyn StdError + 'static)) -> String {
    let mut line = String::new();
    for cause in causes(error) {
        let text = cause.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        if line.is_empty() {
            line = text;
        } else if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
    }
    line
}

/// Prints a line to stdout. A reader that has gone away (`| head`) is no reason to stop.
pub fn say(line: impl Display) {
    let _ = writeln!(io::stdout(), "{line}");
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
