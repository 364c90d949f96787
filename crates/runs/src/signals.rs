//! Handles Ctrl-C (SIGINT), SIGTERM and the end of the terminal (SIGHUP). The first signal requests
//! that the run save and stop. The second signal ends the process at once.
//!
//! A signal that is ignored when the process starts stays ignored. Examples are SIGHUP under
//! `nohup` and SIGINT in a background job of a shell script. The ignored signals are read from
//! `/proc/self/status`. On a system without that file, such as macOS, all three signals are
//! handled, even under `nohup`.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use crate::Error;

/// Returns a function that returns true after the first SIGINT, SIGTERM or SIGHUP. Any further
/// signal ends the process with exit code 128 plus the number of the signal. Signals that this
/// process ignores stay ignored.
///
/// # Errors
/// If the system can't install the handlers.
pub(crate) fn stop_on_signals() -> Result<impl Fn() -> bool, Error> {
    let stop = Arc::new(AtomicBool::new(false));
    let io = Error::io("handle signals of", Path::new("this process"));
    let ignored = ignored(&fs::read_to_string("/proc/self/status").unwrap_or_default());
    for signal in [SIGHUP, SIGINT, SIGTERM].into_iter().filter(|signal| ignored >> (signal - 1) & 1 == 0) {
        // Handlers run in the order of registration. So the first signal passes the shutdown and
        // then raises the flag. The second signal finds the flag raised and shuts down.
        flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&stop)).map_err(io)?;
        flag::register(signal, Arc::clone(&stop)).map_err(io)?;
    }
    Ok(move || stop.load(Ordering::SeqCst))
}

/// Parses the mask of ignored signals in the content of `/proc/self/status`. Bit `n - 1` is signal
/// `n`. Returns 0 if the content has no mask. The mask has up to 128 bits, because MIPS has
/// 128 signals.
fn ignored(status: &str) -> u128 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u128::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_status_of_the_process() {
        let status = "SigBlk:\t00000000000000ff\nSigIgn:\t0000000000001003\nSigCgt:\t0000000000000440\n";
        assert_eq!(ignored(status), 1 << (SIGHUP - 1) | 1 << (SIGINT - 1) | 1 << 12);
        assert_eq!([ignored(""), ignored("SigIgn:\tmany\n")], [0, 0]);
    }
}
