//! The work of a task, the time that a thread waits for work, and the size of arrays that exceed
//! the caches, for all kernels. See docs/design/threads.md, docs/design/vector-widths.md and
//! docs/design/memory.md.

use std::time::Duration;

/// Number of tasks that a few threads can share evenly. If the work can be split into any number of
/// tasks, it is split into about this number.
pub(crate) const TASKS: usize = 16;

/// Number of multiplications below which a separate task costs more than it saves.
pub(crate) const MIN_TASK: usize = 64 * 64 * 64;

/// Length of the chunk that one task reads or writes in a pass over an array: 64 KiB of `f32`. A
/// chunk takes long compared with the overhead of a task, and is small compared with a cache.
pub(crate) const CHUNK: usize = 16 * 1024;

/// How long an idle thread looks for work before it sleeps. This is longer than the pauses between
/// most kernels of a training step.
pub(crate) const SPIN_TIME: Duration = Duration::from_micros(200);

/// Length of the arrays from which an elementwise loop is bound by memory: 4 MB of `f32`. With
/// AVX-512, such loops use vectors of 32 bytes.
pub(crate) const MEMORY_BOUND: usize = 1 << 20;

/// Largest ratio of the size of idle storage to the size of a request that may borrow this storage.
/// Without this limit, small buffers, which can live long, would occupy large storage. If small
/// requests get new storage instead, it is little compared with the peak.
pub(crate) const BORROW_FACTOR: usize = 16;

/// The bound on idle storage, as a multiple of the largest number of bytes that were needed at
/// once. With a larger factor, training steps whose buffers have many different size classes find
/// idle storage of each class. This also helps if two kinds of steps alternate.
pub(crate) const IDLE_FACTOR: usize = 2;
