//! Recycled memory.
//!
//! A training step needs the same buffers again and again. The page faults of a fresh 16 MiB buffer
//! cost as much as one elementwise pass over it. So a [`Buffer`] that is dropped returns to a pool,
//! which serves the next request of the same size class. If the idle storage of a training step is
//! within a bound (see `pool.rs`), the third step and later steps allocate nothing. Tests check
//! this with [`stats`].
//!
//! If possible, a kernel thread receives storage that it dropped itself. That storage is likely to
//! be in the caches of its processor. If processors do not share a cache, it takes long to fetch
//! cache lines that another processor has written.
//!
//! This is not a general allocator. The requests come from the fixed sequence of shapes of a
//! training step, so the pool never splits or merges storage. Idle storage is bounded; see
//! `pool.rs`. [`release`] returns all of it to the system.

mod pool;
mod storage;

use crate::{Element, size};
use pool::Pool;
use std::sync::{Mutex, MutexGuard, PoisonError};
use storage::Storage;

/// Storage is counted in words of 8 bytes. This is a multiple of the size of every element type.
const WORD: usize = size_of::<u64>();

/// The counters of the pool. Sizes are in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// The number of buffers that were allocated.
    pub fresh: u64,
    /// The number of buffers that were served from the pool.
    pub reused: u64,
    /// The bytes of all live buffers.
    pub live: usize,
    /// The largest value of `live` since the last [`reset_peak`].
    pub peak: usize,
    /// The bytes of idle storage in the pool.
    pub idle: usize,
}

static POOL: Mutex<Pool> = Mutex::new(Pool::new());

/// Locks the pool. If a panic unwinds while the lock is held, the lock becomes poisoned. It is
/// still usable, because the pool's counters stay consistent.
fn pool() -> MutexGuard<'static, Pool> {
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the pool's counters.
pub fn stats() -> Stats {
    pool().stats
}

/// Starts a new measurement of [`Stats::peak`].
pub fn reset_peak() {
    let mut pool = pool();
    pool.stats.peak = pool.stats.live;
}

/// Returns all idle storage to the system.
pub fn release() {
    pool().release();
}

/// Scratch buffers for the tasks of a kernel. `N` buffers for each thread are reserved before the
/// tasks start.
///
/// The number of tasks that hold scratch buffers at the same time depends on timing. Because all
/// buffers are reserved first, the number of allocations does not.
pub(crate) struct Scratch<E, const N: usize> {
    lens: [usize; N],
    element: std::marker::PhantomData<E>,
}

impl<E: Element, const N: usize> Scratch<E, N> {
    /// Ensures that the pool has idle buffers of these lengths for each thread.
    pub(crate) fn reserve(lens: [usize; N]) -> Self {
        let classes = lens.map(class_of::<E>);
        let mut pool = pool();
        let threads = crate::threads::count();
        let reserved = classes.iter().sum::<usize>() * WORD * threads;
        let live = pool.stats.live;
        pool.raise_high_water(live + reserved);
        for (i, &class) in classes.iter().enumerate() {
            let per_thread = classes[..=i].iter().filter(|&&c| c == class).count();
            while pool.idle_count(class) < per_thread * threads {
                pool.miss(&classes);
                pool.put(Storage::allocate(class));
            }
        }
        Scratch { lens, element: std::marker::PhantomData }
    }

    /// Returns the buffers of one task, with unspecified contents.
    pub(crate) fn take(&self) -> [Buffer<E>; N] {
        self.lens.map(Buffer::take)
    }
}

/// Returns the size class of a buffer of `len` elements.
#[track_caller]
fn class_of<E: Element>(len: usize) -> usize {
    match len.checked_mul(size_of::<E>()) {
        // The class can be an eighth larger than the request.
        Some(bytes) if bytes <= size::MAX_BYTES / 2 => size_class(bytes.div_ceil(WORD)),
        _ => panic!("a buffer of {len} {} elements: more than memory can address", E::NAME),
    }
}

/// Returns the smallest size class that holds `words`. There are eight classes per power of two, so
/// buffers of similar size share storage, and at most one eighth of it is unused.
fn size_class(words: usize) -> usize {
    let step = (words.max(64).next_power_of_two() / 16).max(8);
    words.max(1).next_multiple_of(step)
}

/// A slice of `len` elements in recycled, cache-line-aligned memory.
///
/// The initial contents are unspecified, so the user of a buffer must write all elements. In builds
/// with debug assertions, a new buffer is filled with NaN, so tests detect a kernel that does not
/// write all elements.
pub struct Buffer<E: Element> {
    storage: Storage,
    len: usize,
    element: std::marker::PhantomData<E>,
}

impl<E: Element> Buffer<E> {
    /// Takes a buffer of `len` elements with unspecified contents.
    ///
    /// # Panics
    /// If memory cannot address the elements.
    #[track_caller]
    pub fn take(len: usize) -> Self {
        let class = class_of::<E>(len);
        // The pool is not locked during the allocation, because the system clears new pages.
        let recycled = pool().take(class);
        let storage = recycled.unwrap_or_else(|| Storage::allocate(class));
        let mut buffer = Buffer { storage, len, element: std::marker::PhantomData };
        if cfg!(debug_assertions) {
            buffer.as_mut_slice().fill(E::of(f64::NAN));
        }
        buffer
    }

    /// Takes a buffer of `len` zeros.
    ///
    /// # Panics
    /// As [`Buffer::take`].
    #[track_caller]
    pub fn zeroed(len: usize) -> Self {
        let mut buffer = Self::take(len);
        buffer.as_mut_slice().fill(E::ZERO);
        buffer
    }

    /// Returns the elements.
    pub fn as_slice(&self) -> &[E] {
        &bytemuck::cast_slice(self.storage.words())[..self.len]
    }

    /// Returns the elements, mutable.
    pub fn as_mut_slice(&mut self) -> &mut [E] {
        &mut bytemuck::cast_slice_mut(self.storage.words_mut())[..self.len]
    }
}

impl<E: Element> Drop for Buffer<E> {
    fn drop(&mut self) {
        let storage = std::mem::take(&mut self.storage);
        pool().give(storage);
    }
}

impl<E: Element> Clone for Buffer<E> {
    fn clone(&self) -> Self {
        let mut copy = Buffer::take(self.len);
        copy.as_mut_slice().copy_from_slice(self.as_slice());
        copy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_classes_waste_at_most_an_eighth() {
        for words in (1..5_000).chain([1 << 20, (1 << 20) + 1, 12_345_678]) {
            let class = size_class(words);
            assert!(class >= words && class.is_multiple_of(8));
            assert!(words < 64 || class - words <= words / 8, "{words} -> {class}");
            assert_eq!(size_class(class), class, "a class is its own class");
        }
    }

    #[test]
    fn a_thread_is_given_what_it_dropped() {
        // No other test requests storage of this class.
        const LEN: usize = 7_654_321;
        let turn = std::sync::Barrier::new(2);
        let kept = crate::threads::with(2, || {
            rayon::broadcast(|thread| {
                let mut buffer = Some(Buffer::<f32>::take(LEN));
                let address = |buffer: &Option<Buffer<f32>>| buffer.as_ref().map(|b| b.as_slice().as_ptr());
                let first = address(&buffer);
                // The second thread drops its buffer last, but the first thread requests a buffer
                // first.
                for next in [None, Some(LEN)] {
                    for now in 0..2 {
                        turn.wait();
                        if now == thread.index() {
                            buffer = next.map(Buffer::take);
                        }
                    }
                }
                address(&buffer) == first
            })
        });
        assert_eq!(kept, [true, true]);
    }

    /// A buffer of 2^61 `f64` is rejected. It would have 2^64 bytes, a number that wraps to 0.
    #[test]
    fn bytes_that_wrap_are_rejected() {
        let live = stats().live;
        for len in [1 << 60, 1 << 61, usize::MAX] {
            let panic = std::panic::catch_unwind(|| Buffer::<f64>::take(len).as_slice().len());
            let message = *panic.expect_err("no such buffer").downcast::<String>().expect("a message");
            assert!(message.contains(&format!("a buffer of {len} f64 elements")), "{message}");
        }
        assert!(stats().live < live + (1 << 40), "what was not allocated is not counted");
    }

    #[test]
    fn buffers_are_aligned_and_sized() {
        for len in [0, 1, 7, 64, 1_000] {
            let b = Buffer::<f32>::take(len);
            assert_eq!(b.as_slice().len(), len);
            assert_eq!(b.as_slice().as_ptr().addr() % 64, 0);
            assert!(Buffer::<f64>::zeroed(len).as_slice().iter().all(|&x| x == 0.0));
        }
    }
}
