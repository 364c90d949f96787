//! The work of a task, the time that a thread waits for work, and the size of arrays that exceed
//! the caches, for all kernels. See docs/design/threads.md, docs/design/vector-widths.md and
//! docs/design/memory.md.

use std::time::Duration;

/// Number of tasks that a few threads can share evenly. Operands that could be split into fewer or
/// more tasks are split into about this number.
pub(crate) const TASKS: usize = 16;

/// Number of multiplications below which a separate task costs more than it saves.
pub(crate) const MIN_TASK: usize = 64 * 64 * 64;

/// Length of a chunk of a pass that is bound by memory: 64 KiB of `f32`. A chunk is much work
/// compared with the overhead of a task, and small compared with a cache.
pub(crate) const CHUNK: usize = 16 * 1024;

/// How long an idle thread looks for work before it sleeps. This is longer than the pauses between
/// most kernels of a training step.
pub(crate) const SPIN_TIME: Duration = Duration::from_micros(200);

/// Length of the arrays from which an elementwise loop is bound by memory: 4 MB of `f32`. With
/// AVX-512, such loops use vectors of 32 bytes.
pub(crate) const MEMORY_BOUND: usize = 1 << 20;

/// A request does not borrow storage that is more than this many times as large. Otherwise small
/// buffers, which can live long, would occupy large storage. The storage of all small buffers is
/// little compared with the peak.
pub(crate) const BORROW_FACTOR: usize = 16;

/// The bound on idle storage, as a multiple of the largest number of bytes that were needed at
/// once. With a larger factor, steps with more size classes find storage of their own, also where
/// two kinds of steps alternate.
pub(crate) const IDLE_FACTOR: usize = 2;
