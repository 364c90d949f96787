//! How many threads the kernels use. The number changes the speed, never a bit of a result.

use crate::isa;
use std::{env, fmt};

/// Largest number of kernel threads.
pub const MAX: usize = 256;

/// The thread pool could not be set up.
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

/// Sets the number of kernel threads of this process, the calling thread among them: up to [`MAX`],
/// or 0 for RAYON_NUM_THREADS or, without it, one per processor. To be called once, before any
/// kernel, by the thread that trains, which must outlive all kernels: `main`.
///
/// Without this call kernels run too, on a pool beside their caller, which sleeps meanwhile. Waking
/// it after each kernel costs a small network (a DCGAN of 28 pixels and width 16, two threads) a
/// seventh of its time.
///
/// # Errors
/// If the number is above [`MAX`], if RAYON_NUM_THREADS holds no such number, if the pool already
/// runs, or if the system refuses the threads.
pub fn set(threads: usize) -> Result<(), ThreadError> {
    if threads > MAX {
        return Err(ThreadError(format!("{threads} threads are more than {MAX}")));
    }
    if threads == 0 {
        // Rayon reads both, the second if the first is not set, and ignores what is no number.
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

/// Number of threads that kernels called from here run on.
pub fn count() -> usize {
    rayon::current_num_threads()
}

/// Runs `f` with its kernels on a pool of their own, for tests and benches that compare thread
/// counts.
///
/// # Panics
/// If the system refuses to start the threads.
pub fn with<R: Send>(threads: usize, f: impl FnOnce() -> R + Send) -> R {
    let pool = builder(threads).build().unwrap_or_else(|e| panic!("cannot start {threads} threads: {e}"));
    let scoped = isa::scoped();
    pool.install(|| isa::scope(scoped, f))
}
