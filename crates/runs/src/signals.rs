//! Ctrl-C, SIGTERM and the end of the terminal: the first asks the run to save and stop, the second
//! ends the process at once.
//!
//! A signal that is ignored when the process starts stays ignored: SIGHUP under `nohup`, SIGINT of
//! a background job of a shell script. This is read from `/proc/self/status`. On a system without
//! that file, such as macOS, all three signals are handled, also under `nohup`.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use crate::Error;

/// A request to stop, which the training loop looks at between steps.
#[derive(Clone, Debug, Default)]
pub(crate) struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    /// A flag that the first Ctrl-C (or SIGTERM, or SIGHUP) raises. Any further one ends the
    /// process with the shell's usual code. Signals that this process ignores are left alone.
    ///
    /// # Errors
    /// If the system refuses the handlers.
    pub(crate) fn on_signals() -> Result<Self, Error> {
        let stop = Self::default();
        let action = "handle signals of";
        let ignored = ignored(&fs::read_to_string("/proc/self/status").unwrap_or_default());
        for signal in [SIGHUP, SIGINT, SIGTERM].into_iter().filter(|signal| ignored >> (signal - 1) & 1 == 0)
        {
            // In this order: the flag that the first signal raises arms the shutdown for the
            // second.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&stop.0))
                .and_then(|_| flag::register(signal, Arc::clone(&stop.0)))
                .map_err(Error::io(action, Path::new("this process")))?;
        }
        Ok(stop)
    }

    /// Whether a stop was requested.
    pub(crate) fn is_raised(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// The ignored signals in the content of `/proc/self/status`, signal `n` as bit `n - 1`; none where
/// it does not list them. Up to 128 signals, which MIPS has.
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
