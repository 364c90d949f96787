//! The number of threads that the kernels use. It affects the speed, but never the results.

use crate::isa;
use std::{env, fmt};

/// The largest number of kernel threads.
pub const MAX: usize = 256;

/// The error if the thread pool cannot be set up.
#[derive(Debug)]
pub struct ThreadError(String);

impl fmt::Display for ThreadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ThreadError {}

fn builder(threads: usize) -> rayon::ThreadPoolBuilder {
    rayon::ThreadPoolBuilder::new().num_threads(threads).thread_name(|i| format!("kernel-{i}"))
}

/// Sets the number of kernel threads of this process, including the calling thread. The number is
/// at most [`MAX`]. 0 stands for the environment variable RAYON_NUM_THREADS or, if that is not set,
/// for the number of processors. Call this function once, before any kernel, from the thread that
/// trains. That thread must outlive all kernels, so it is the thread of `main`.
///
/// If a program does not call this function, kernels run on a pool of other threads while the
/// calling thread sleeps. For a small network, waking the calling thread after each kernel takes a
/// noticeable part of the time.
///
/// # Errors
/// If the number is above [`MAX`], if RAYON_NUM_THREADS is not a valid number, if the pool is
/// already running, or if the system cannot start the threads.
pub fn set(threads: usize) -> Result<(), ThreadError> {
    if threads > MAX {
        return Err(ThreadError(format!("{threads} threads exceed the limit of {MAX}")));
    }
    if threads == 0 {
        // Rayon reads both variables, the second if the first is not set. It ignores invalid
        // numbers.
        for name in ["RAYON_NUM_THREADS", "RAYON_RS_NUM_CPUS"] {
            let value = env::var_os(name).filter(|value| !value.is_empty());
            let count = value.as_ref().map(|value| value.to_str().and_then(|value| value.parse().ok()));
            if count.is_some_and(|count: Option<usize>| count.is_none_or(|count| count > MAX)) {
                let value = value.unwrap_or_default();
                return Err(ThreadError(format!(
                    "the environment variable {name} is {value:?}; set it to a whole number from 1 to {MAX}, or unset it"
                )));
            }
        }
    }
    let pool = builder(threads).use_current_thread().build_global();
    pool.map_err(|e| ThreadError(format!("cannot set up the kernel threads: {e}")))
}

/// Returns the number of threads that a kernel would use if this thread called it now.
pub fn count() -> usize {
    rayon::current_num_threads()
}

/// Runs `f`. The kernels that `f` calls run on a separate pool of `threads` threads. This is for
/// tests and benches that compare numbers of threads.
///
/// # Panics
/// If the system cannot start the threads.
pub fn with<R: Send>(threads: usize, f: impl FnOnce() -> R + Send) -> R {
    let pool = builder(threads).build().unwrap_or_else(|e| panic!("cannot start {threads} threads: {e}"));
    let scoped = isa::scoped();
    pool.install(|| isa::scope(scoped, f))
}
