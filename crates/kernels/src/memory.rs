//! Recycled memory.
//!
//! A training step needs the same buffers again and again, and a fresh 16 MiB buffer costs as much
//! in page faults as the elementwise pass over it. So a [`Buffer`] that is dropped goes back to a
//! pool and serves the next request of its size class: from the third training step on nothing is
//! allocated, which [`stats`] lets a test count.
//!
//! A kernel thread is given what it dropped itself, if there is such storage: that is likely to be
//! in its caches, and where processors have no cache in common, lines that another has written are
//! slow to fetch.
//!
//! This is not a general allocator: requests come from one step's fixed sequence of shapes, so the
//! pool never splits or merges storage. It gives memory back to the system when asked to
//! ([`release`]), and when a request finds no storage of its class although more waits than has
//! ever been needed at a time: then what has waited longest goes, until only that much does. A
//! steady step is not disturbed: a request for what was given back raises the bound by its size,
//! until more is needed at a time than ever before. So from the third equal step on everything is
//! found again.

use crate::{Element, size};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Buffers start on a cache line, so that no vector load crosses one.
const ALIGN_BYTES: usize = 64;
/// Storage is counted in 8-byte words, which every element type divides.
const WORD: usize = size_of::<u64>();
const ALIGN_WORDS: usize = ALIGN_BYTES / WORD;

/// What the pool has done so far. Sizes are in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Buffers that had to be allocated.
    pub fresh: u64,
    /// Buffers that were served from the pool.
    pub reused: u64,
    /// Bytes in buffers that are alive now.
    pub live: usize,
    /// The largest `live` since the last [`reset_peak`].
    pub peak: usize,
    /// Bytes waiting in the pool.
    pub idle: usize,
}

struct Pool {
    /// By size class, in the order in which it was dropped.
    free: BTreeMap<usize, Vec<Idle>>,
    stats: Stats,
    /// The most bytes that were live, or set aside for a kernel, at a time.
    high_water: usize,
    /// Number of storages given back to the system, by class, that no request has missed yet.
    given_back: BTreeMap<usize, usize>,
    /// Bytes of those that requests have missed since `high_water` rose.
    missed: usize,
    /// Storages that have come to wait.
    dropped: u64,
}

/// Storage that waits for its next use.
struct Idle {
    storage: Vec<u64>,
    /// Index of the kernel thread that dropped or reserved it, if one did.
    thread: Option<usize>,
    /// Its place in the order of all drops.
    since: u64,
}

static POOL: Mutex<Pool> = Mutex::new(Pool::new());

impl Pool {
    const fn new() -> Self {
        Pool {
            free: BTreeMap::new(),
            stats: Stats { fresh: 0, reused: 0, live: 0, peak: 0, idle: 0 },
            high_water: 0,
            given_back: BTreeMap::new(),
            missed: 0,
            dropped: 0,
        }
    }

    /// Lets storage of a class wait.
    fn put(&mut self, class: usize, storage: Vec<u64>) {
        self.stats.idle += class * WORD;
        self.dropped += 1;
        let idle = Idle { storage, thread: rayon::current_thread_index(), since: self.dropped };
        self.free.entry(class).or_default().push(idle);
    }

    /// Notes that `bytes` are live or set aside for a kernel.
    fn needs(&mut self, bytes: usize) {
        if bytes > self.high_water {
            (self.high_water, self.missed) = (bytes, 0);
        }
    }

    /// Counts storage of a class that has to be allocated, and makes room for it: gives back what
    /// has waited longest while more waits than the bound allows. Storage of the classes `kept`
    /// stays.
    fn miss(&mut self, class: usize, kept: &[usize]) {
        self.stats.fresh += 1;
        if let Some(count) = self.given_back.get_mut(&class).filter(|count| **count > 0) {
            *count -= 1;
            self.missed += class * WORD;
        }
        while self.stats.idle > self.high_water + self.missed {
            let others =
                self.free.iter_mut().filter(|(class, idle)| !idle.is_empty() && !kept.contains(class));
            let Some((&class, idle)) = others.min_by_key(|(_, idle)| idle[0].since) else { return };
            idle.remove(0);
            self.stats.idle -= class * WORD;
            *self.given_back.entry(class).or_default() += 1;
        }
    }
}

/// The pool's counters stay consistent even if a panic unwinds through a holder, so a poisoned lock
/// is still usable.
fn pool() -> MutexGuard<'static, Pool> {
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The pool's counters.
pub fn stats() -> Stats {
    pool().stats
}

/// Starts a new measurement of [`Stats::peak`].
pub fn reset_peak() {
    let mut pool = pool();
    pool.stats.peak = pool.stats.live;
}

/// Gives all idle memory back to the system.
pub fn release() {
    let mut pool = pool();
    *pool = Pool { stats: Stats { idle: 0, ..pool.stats }, high_water: pool.stats.live, ..Pool::new() };
}

/// Scratch for the tasks of a kernel, set aside before they start: `N` buffers for each thread.
///
/// How many tasks hold scratch at the same moment depends on chance; what is allocated, and when,
/// shall not.
pub(crate) struct Scratch<E, const N: usize> {
    lens: [usize; N],
    element: std::marker::PhantomData<E>,
}

impl<E: Element, const N: usize> Scratch<E, N> {
    /// Makes sure that buffers of these lengths for each thread wait in the pool.
    pub(crate) fn reserve(lens: [usize; N]) -> Self {
        let classes = lens.map(class_of::<E>);
        let mut pool = pool();
        let threads = crate::threads::count();
        let reserved = classes.iter().sum::<usize>() * WORD * threads;
        let live = pool.stats.live;
        pool.needs(live + reserved);
        for (i, &class) in classes.iter().enumerate() {
            let a_task = classes[..=i].iter().filter(|&&c| c == class).count();
            let waiting = pool.free.get(&class).map_or(0, Vec::len);
            for _ in waiting..a_task * threads {
                pool.miss(class, &classes);
                pool.put(class, allocate(class));
            }
        }
        Scratch { lens, element: std::marker::PhantomData }
    }

    /// A task's buffers, with unspecified contents.
    pub(crate) fn take(&self) -> [Buffer<E>; N] {
        self.lens.map(Buffer::take)
    }
}

/// The storage that this thread dropped last, or else what any did.
fn recycle(idle: &mut Vec<Idle>) -> Option<Vec<u64>> {
    let thread = rayon::current_thread_index();
    let own = idle.iter().rposition(|i| i.thread == thread);
    let at = own.or(idle.len().checked_sub(1))?;
    Some(idle.remove(at).storage)
}

/// The size class of a buffer of `len` elements.
#[track_caller]
fn class_of<E: Element>(len: usize) -> usize {
    match len.checked_mul(size_of::<E>()) {
        // A class is up to an eighth longer.
        Some(bytes) if bytes <= size::MAX_BYTES / 2 => size_class(bytes.div_ceil(WORD)),
        _ => panic!("a buffer of {len} {} elements: more than memory can address", E::NAME),
    }
}

/// Zeroed storage of a size class, with room to align its start.
fn allocate(class: usize) -> Vec<u64> {
    vec![0; class + ALIGN_WORDS]
}

/// Smallest size class that holds `words`: eight classes to a doubling, so that buffers of nearby
/// sizes share storage and at most one eighth is slack.
fn size_class(words: usize) -> usize {
    let step = (words.max(64).next_power_of_two() / 16).max(8);
    words.max(1).next_multiple_of(step)
}

/// A slice of `len` elements on recycled, cache-line-aligned memory.
///
/// Its first contents are unspecified: whoever takes one writes all of it. (In builds with debug
/// assertions it is filled with NaN, so that a test notices a kernel that does not.)
pub struct Buffer<E: Element> {
    storage: Vec<u64>,
    start: usize,
    len: usize,
    element: std::marker::PhantomData<E>,
}

impl<E: Element> Buffer<E> {
    /// Takes a buffer of `len` elements with unspecified contents.
    ///
    /// # Panics
    /// If memory cannot address them.
    #[track_caller]
    pub fn take(len: usize) -> Self {
        let class = class_of::<E>(len);
        let recycled = {
            let mut pool = pool();
            let recycled = pool.free.get_mut(&class).and_then(recycle);
            let bytes = class * WORD;
            let live = pool.stats.live + bytes;
            pool.stats.live = live;
            pool.stats.peak = pool.stats.peak.max(live);
            pool.needs(live);
            if recycled.is_some() {
                pool.stats.reused += 1;
                pool.stats.idle -= bytes;
            } else {
                pool.miss(class, &[]);
            }
            recycled
        };
        let storage = recycled.unwrap_or_else(|| allocate(class));
        let start = storage.as_ptr().align_offset(ALIGN_BYTES).min(ALIGN_WORDS);
        let mut buffer = Buffer { storage, start, len, element: std::marker::PhantomData };
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

    /// The elements.
    pub fn as_slice(&self) -> &[E] {
        &bytemuck::cast_slice(&self.storage[self.start..])[..self.len]
    }

    /// The elements, to write.
    pub fn as_mut_slice(&mut self) -> &mut [E] {
        &mut bytemuck::cast_slice_mut(&mut self.storage[self.start..])[..self.len]
    }
}

impl<E: Element> Drop for Buffer<E> {
    fn drop(&mut self) {
        let storage = std::mem::take(&mut self.storage);
        let class = storage.len() - ALIGN_WORDS;
        let mut pool = pool();
        pool.stats.live -= class * WORD;
        pool.put(class, storage);
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
        // No other test asks for storage of this class.
        const LEN: usize = 7_654_321;
        let turn = std::sync::Barrier::new(2);
        let kept = crate::threads::with(2, || {
            rayon::broadcast(|thread| {
                let mut buffer = Some(Buffer::<f32>::take(LEN));
                let address = |buffer: &Option<Buffer<f32>>| buffer.as_ref().map(|b| b.as_slice().as_ptr());
                let first = address(&buffer);
                // What the second thread drops is dropped last, but the first thread asks first.
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

    /// 2^61 `f64` are 2^64 bytes, which wrap to 0.
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
            assert_eq!(b.as_slice().as_ptr() as usize % ALIGN_BYTES, 0);
            assert!(Buffer::<f64>::zeroed(len).as_slice().iter().all(|&x| x == 0.0));
        }
    }
}
