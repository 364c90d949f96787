//! How much work a task has, how long threads wait for one, and what is far from the cache: for all
//! kernels. docs/design/threads.md, docs/design/vector-widths.md and docs/design/memory.md.

use std::time::Duration;

/// Number of tasks that a few threads can share evenly, for operands that could be split into fewer
/// or more.
pub(crate) const TASKS: usize = 16;

/// Multiplications below which a task costs more than it saves.
pub(crate) const MIN_TASK: usize = 64 * 64 * 64;

/// Length of a chunk of a pass that is bound by memory: 64 KiB of `f32`. That is much work compared
/// with the cost of a task, and small compared with a cache.
pub(crate) const CHUNK: usize = 16 * 1024;

/// How long a thread looks for work before it sleeps: longer than the pauses between most kernels
/// of a training step.
pub(crate) const PATIENCE: Duration = Duration::from_micros(200);

/// Length of the arrays of an elementwise loop from which it waits for memory, 4 MB of `f32`. With
/// AVX-512, such loops use vectors of 32 bytes.
pub(crate) const FAR: usize = 1 << 20;

/// The memory pool lends no storage that is this many times as large as the request. Otherwise
/// small buffers, which may live long, would hold large storage. All storage for small buffers is
/// little compared with the most that was in use.
pub(crate) const LENT_TIMES: usize = 16;

/// How many times the most bytes that were needed at a time may wait in the pool. With more, steps
/// of more classes find storage of their own, also where two kinds of steps alternate.
pub(crate) const KEPT_TIMES: usize = 2;
