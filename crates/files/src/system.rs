//! Calls to the file system: calls that some file systems do not support, and calls whose effect
//! must be durable.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::faults::{self, Call};

/// The result of a request for a lock.
#[derive(Debug)]
pub enum Lock {
    /// This process holds the lock until the file is closed.
    Held,
    /// Another open file holds the lock.
    Taken,
    /// The file system does not support locks (NFS without a lock daemon, SMB, FUSE).
    Unsupported(io::Error),
}

/// Requests the exclusive lock of an open file, without waiting. `path` is the path of the file.
///
/// # Errors
/// The errors of the system, except those that mean that the file system does not support locks.
pub fn lock(file: &File, path: &Path) -> io::Result<Lock> {
    let locked = faults::call(Call::Lock, path, || match file.try_lock() {
        Ok(()) => Ok(Lock::Held),
        Err(TryLockError::WouldBlock) => Ok(Lock::Taken),
        Err(TryLockError::Error(cause)) => Err(cause),
    });
    match locked {
        Err(cause) if is_missing(&cause, &NO_LOCKS) => Ok(Lock::Unsupported(cause)),
        answer => answer,
    }
}

/// Appends to a file that is open for appending, with a single call. `path` is the path of the
/// file.
///
/// # Errors
/// The errors of the system. A part of the bytes may have been written then.
pub fn append(mut file: &File, path: &Path, bytes: &[u8]) -> io::Result<()> {
    faults::call(Call::Write, path, || file.write_all(bytes))
}

/// Makes the content of a file durable. `path` is the path of the file.
///
/// # Errors
/// The errors of the system.
pub fn sync(file: &File, path: &Path) -> io::Result<()> {
    faults::call(Call::Sync, path, || file.sync_all())
}

/// Makes the entries of a directory durable. This is possible and necessary only on Unix. Some file
/// systems do not support it, and a power cut may then lose the newest files. In this case, a
/// warning is printed once per process.
///
/// # Errors
/// The errors of the system, except those that mean that directories cannot be synced.
pub fn sync_directory(directory: &Path) -> io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    static WARNED: AtomicBool = AtomicBool::new(false);
    let synced = faults::call(Call::SyncDirectory, directory, || File::open(directory)?.sync_all());
    // A directory that can be written but not read can't be opened.
    let is_unsupported =
        |cause: &io::Error| is_missing(cause, &NO_SYNC) || cause.kind() == ErrorKind::PermissionDenied;
    match synced {
        Err(cause) if is_unsupported(&cause) => {
            if !WARNED.swap(true, Ordering::Relaxed) {
                let text = format!("cannot sync the directory {}: {cause}", directory.display());
                let risk = "a power cut may lose the newest files in it";
                let _ = writeln!(io::stderr(), "warning: {text}; {risk}");
            }
            Ok(())
        }
        answer => answer,
    }
}

/// Renames a file within its file system and makes the new name durable. A file that already has
/// the new name is replaced.
///
/// # Errors
/// The errors of the system.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    faults::call(Call::Rename, to, || fs::rename(from, to))?;
    sync_directory(crate::directory_of(to))
}

/// Removes a file. Succeeds if the file does not exist.
///
/// # Errors
/// The errors of the system.
pub fn remove(path: &Path) -> io::Result<()> {
    match faults::call(Call::Remove, path, || fs::remove_file(path)) {
        Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(()),
        answer => answer,
    }
}

/// Returns the number of bytes that this user can still write to the file system of `directory`, or
/// `None` if the system does not tell. The number is a hint: other processes write too.
pub fn free_space(directory: &Path) -> Option<u64> {
    #[cfg(unix)]
    {
        let found = rustix::fs::statvfs(directory).ok()?;
        // A file system without blocks, as some in user space are, does not count them.
        (found.f_blocks > 0).then(|| found.f_bavail.saturating_mul(found.f_frsize))
    }
    #[cfg(not(unix))]
    {
        let _ = directory;
        None
    }
}

#[cfg(unix)]
const NO_LOCKS: [i32; 4] = [libc::ENOSYS, libc::ENOTSUP, libc::EOPNOTSUPP, libc::ENOLCK];
#[cfg(unix)]
const NO_SYNC: [i32; 4] = [libc::EINVAL, libc::ENOTSUP, libc::EOPNOTSUPP, libc::ENOSYS];
#[cfg(not(unix))]
const NO_LOCKS: [i32; 0] = [];
#[cfg(not(unix))]
const NO_SYNC: [i32; 0] = [];

/// Does the error mean that the file system does not support the call?
fn is_missing(error: &io::Error, numbers: &[i32]) -> bool {
    error.kind() == ErrorKind::Unsupported
        || error.raw_os_error().is_some_and(|number| numbers.contains(&number))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn refuse(refused: Call, number: i32) {
        faults::inject(
            move |call, _| {
                if call == refused { Err(io::Error::from_raw_os_error(number)) } else { Ok(()) }
            },
        );
    }

    #[test]
    fn a_file_system_without_locks_is_not_a_broken_one() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let request = || lock(file.as_file(), file.path());
        for number in NO_LOCKS {
            refuse(Call::Lock, number);
            let answer = request().unwrap();
            let Lock::Unsupported(cause) = answer else { panic!("{number}: {answer:?}") };
            assert_eq!(cause.raw_os_error(), Some(number));
        }
        refuse(Call::Lock, libc::EIO);
        assert_eq!(request().unwrap_err().raw_os_error(), Some(libc::EIO));
        faults::inject(|_, _| Ok(()));
        assert!(matches!(request().unwrap(), Lock::Held));
        let other = File::open(file.path()).unwrap();
        assert!(matches!(lock(&other, file.path()).unwrap(), Lock::Taken));
    }

    #[test]
    fn free_space_is_that_of_the_file_system() {
        let place = tempfile::tempdir().unwrap();
        let df = std::process::Command::new("df").arg("-Pk").arg(place.path()).output().unwrap();
        let text = String::from_utf8(df.stdout).unwrap();
        let kib: u64 = text.lines().last().unwrap().split_whitespace().nth(3).unwrap().parse().unwrap();
        let free = free_space(place.path()).unwrap();
        assert!(free.abs_diff(kib * 1024) < 1 << 30, "{free} bytes, but df says {kib} KiB");
        assert_eq!(free_space(&place.path().join("nowhere")), None);
    }

    #[test]
    fn a_directory_that_cannot_be_synced_is_no_error() {
        let place = tempfile::tempdir().unwrap();
        let [from, to] = ["from", "to"].map(|name| place.path().join(name));
        for number in NO_SYNC {
            refuse(Call::SyncDirectory, number);
            fs::write(&from, number.to_string()).unwrap();
            rename(&from, &to).unwrap();
            assert_eq!(fs::read_to_string(&to).unwrap(), number.to_string());
        }
        refuse(Call::SyncDirectory, libc::EIO);
        assert_eq!(sync_directory(place.path()).unwrap_err().raw_os_error(), Some(libc::EIO));
        faults::inject(|_, _| Ok(()));
        sync_directory(place.path()).unwrap();
        assert!(sync_directory(&place.path().join("nowhere")).is_err());
    }
}
