//! Faults on demand: a test refuses a call to the file system, or ends the process before it.
//!
//! Without [`inject`] nothing here does anything.

use std::cell::RefCell;
use std::io;
use std::path::Path;

/// A call to the file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Create a temporary file.
    Create,
    /// Write the content of a file, or append to it.
    Write,
    /// Make the content of a file durable.
    Sync,
    /// Give a file another name.
    Rename,
    /// Make the names in a directory durable.
    SyncDirectory,
    /// Lock a file.
    Lock,
    /// Remove a file.
    Remove,
}

type Fault = Box<dyn FnMut(Call, &Path) -> io::Result<()>>;

thread_local! {
    static FAULT: RefCell<Option<Fault>> = const { RefCell::new(None) };
}

/// Calls `fault` before each call of this thread to the file system, from now on. An error that it
/// returns takes the place of the call. The path is that of the file or directory concerned; for a
/// temporary file, of the file that it is to become.
pub fn inject(fault: impl FnMut(Call, &Path) -> io::Result<()> + 'static) {
    FAULT.with_borrow_mut(|place| *place = Some(Box::new(fault)));
}

/// Makes a call, unless a test refuses it.
pub(crate) fn call<T>(call: Call, path: &Path, make: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    FAULT.with_borrow_mut(|fault| fault.as_mut().map_or(Ok(()), |fault| fault(call, path)))?;
    make()
}
