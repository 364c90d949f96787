//! Ctrl-C, SIGTERM and the end of the terminal: the first asks the run to save and stop, the second ends the process at once.

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
    /// A flag that the first Ctrl-C (or SIGTERM, or SIGHUP) raises. Any further one ends the process with the shell's usual code.
    ///
    /// # Errors
    /// If the system refuses the handlers.
    pub(crate) fn on_signals() -> Result<Self, Error> {
        let stop = Self::default();
        let action = "handle signals of";
        for signal in [SIGHUP, SIGINT, SIGTERM] {
            // In this order: the flag that the first signal raises arms the shutdown for the second.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&stop.0))
                .and_then(|_| flag::register(signal, Arc::clone(&stop.0)))
                .map_err(Error::io(action, Path::new("this process")))?;
        }
        Ok(stop)
    }

    /// Whether a stop was asked for.
    pub(crate) fn is_raised(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
