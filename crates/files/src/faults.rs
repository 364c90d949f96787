//! Fault injection: a test makes a call to the file system fail, or ends the process before the
//! call.
//!
//! Without a call of [`inject`], this module has no effect.

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
    /// Rename a file.
    Rename,
    /// Make the entries of a directory durable.
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

/// Calls `fault` before each later call of this thread to the file system. If `fault` returns an
/// error, the call to the file system is skipped and fails with this error. The path passed to
/// `fault` is the path of the file or directory. For a temporary file, it is the path of the
/// target.
pub fn inject(fault: impl FnMut(Call, &Path) -> io::Result<()> + 'static) {
    FAULT.with_borrow_mut(|place| *place = Some(Box::new(fault)));
}

/// Makes a call, unless an injected fault replaces it.
pub(crate) fn call<T>(call: Call, path: &Path, make: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    FAULT.with_borrow_mut(|fault| fault.as_mut().map_or(Ok(()), |fault| fault(call, path)))?;
    make()
}
