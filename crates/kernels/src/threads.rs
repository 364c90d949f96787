//! How many threads the kernels use. The number changes the speed, never a bit of a result.

use crate::isa;
use std::fmt;

/// The thread pool could not be set up.
#[derive(Debug)]
pub struct ThreadError(String);

impl fmt::Display for ThreadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot set up the kernel threads: {}", self.0)
    }
}

impl std::error::Error for ThreadError {}

fn builder(threads: usize) -> rayon::ThreadPoolBuilder {
    rayon::ThreadPoolBuilder::new().num_threads(threads).thread_name(|i| format!("kernel-{i}"))
}

/// Sets the number of kernel threads of this process (0: one per processor, or RAYON_NUM_THREADS), the calling thread among them. To be
/// called once, before any kernel, by the thread that trains, which must outlive all kernels: `main`.
///
/// Without this call kernels run too, on a pool beside their caller, which sleeps meanwhile. Waking it after each kernel
/// costs a small network (a DCGAN of 28 pixels and width 16, two threads) a seventh of its time.
///
/// # Errors
/// If the pool already runs or the system refuses the threads.
pub fn set(threads: usize) -> Result<(), ThreadError> {
    builder(threads).use_current_thread().build_global().map_err(|e| ThreadError(e.to_string()))
}

/// Number of threads that kernels called from here run on.
pub fn count() -> usize {
    rayon::current_num_threads()
}

/// Runs `f` with its kernels on a pool of their own, for tests and benches that compare thread counts.
///
/// # Panics
/// If the system refuses to start the threads.
pub fn with<R: Send>(threads: usize, f: impl FnOnce() -> R + Send) -> R {
    let pool = builder(threads).build().unwrap_or_else(|e| panic!("cannot start {threads} threads: {e}"));
    let scoped = isa::scoped();
    pool.install(|| isa::scope(scoped, f))
}
