//! The only module that gives work to threads.
//!
//! The chunks of a kernel depend only on the shapes of its operands, and each chunk is computed by
//! one thread. So no result depends on the number of threads or on their speed.

use crate::tuning::tasks::{CHUNK, SPIN_TIME};
use crate::{Element, threads};
use rayon::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Calls `f(i, chunk)` for the `i`-th chunk of `len` elements of `data`. The last chunk may be
/// shorter.
pub(crate) fn for_each_chunk<T: Send>(data: &mut [T], len: usize, f: impl Fn(usize, &mut [T]) + Sync) {
    if data.len() <= len {
        if !data.is_empty() {
            #[cfg(test)]
            return work::paths(std::iter::once(data), |data| data.len()).for_each(|data| f(0, data));
            #[cfg(not(test))]
            f(0, data);
        }
        return;
    }
    each_chunk(data, len, &f);
}

/// [`for_each_chunk`] with `f` behind a pointer. So rayon's code that divides chunks among threads
/// is compiled once, not once for each closure. A call through a pointer costs little per chunk,
/// and this crate compiles much faster.
fn each_chunk<T: Send>(data: &mut [T], len: usize, f: &(dyn Fn(usize, &mut [T]) + Sync)) {
    if threads::count() == 1 {
        let chunks = data.chunks_mut(len).enumerate();
        #[cfg(test)]
        let chunks = work::paths(chunks, |(_, chunk)| chunk.len());
        return chunks.for_each(|(i, chunk)| f(i, chunk));
    }
    keep_awake();
    data.par_chunks_mut(len).enumerate().for_each(|(i, chunk)| f(i, chunk));
}

/// Calls `f(i, part)` for the `i`-th part of `data`. `data` consists of items of `item` elements,
/// and each item is divided into parts of `part` elements. The last part of an item may be shorter.
pub(crate) fn for_each_part<T: Send>(
    data: &mut [T],
    [item, part]: [usize; 2],
    f: impl Fn(usize, &mut [T]) + Sync,
) {
    if data.is_empty() || item.is_multiple_of(part) {
        return for_each_chunk(data, part, f);
    }
    let mut parts: Vec<_> = data.chunks_mut(item).flat_map(|item| item.chunks_mut(part)).collect();
    for_each_chunk(&mut parts, 1, |i, part| f(i, part[0]));
}

/// Calls `f(i)` for each `i` in `0..tasks`.
pub(crate) fn for_each(tasks: usize, f: impl Fn(usize) + Sync) {
    if tasks == 1 {
        return f(0);
    }
    each_task(tasks, &f);
}

/// [`for_each`] with `f` behind a pointer, for the same reason as in [`each_chunk`].
fn each_task(tasks: usize, f: &(dyn Fn(usize) + Sync)) {
    if threads::count() == 1 {
        #[cfg(test)]
        return work::paths(0..tasks, |_| 0).for_each(f);
        #[cfg(not(test))]
        return (0..tasks).for_each(f);
    }
    keep_awake();
    (0..tasks).into_par_iter().for_each(f);
}

/// The number of threads, of all pools together, that [`keep_awake`] keeps awake. A program has one
/// pool.
static AWAKE: AtomicUsize = AtomicUsize::new(0);

/// Makes the other threads of the pool look for work for a while before they sleep. Waking a thread
/// takes about as long as a kernel of a small network. See docs/design/threads.md.
fn keep_awake() {
    if AWAKE.load(Ordering::Relaxed) > 0 {
        return;
    }
    // If the calling thread is not in the pool, it sleeps until the kernel ends, and no thread is
    // kept awake. (The pool can include the main thread even then, and that thread has other work.)
    let Some(caller) = rayon::current_thread_index() else { return };
    AWAKE.fetch_add(threads::count() - 1, Ordering::Relaxed);
    rayon::spawn_broadcast(move |thread| {
        if thread.index() == caller {
            return;
        }
        let mut idle = Instant::now();
        while idle.elapsed() < SPIN_TIME {
            match rayon::yield_now() {
                Some(rayon::Yield::Executed) => idle = Instant::now(),
                _ => std::thread::yield_now(),
            }
        }
        AWAKE.fetch_sub(1, Ordering::Relaxed);
    });
}

/// y = the sum of all `parts` in order. Each part has the length of `y`.
pub(crate) fn sum_in_order<E: Element>(parts: &[E], y: &mut [E]) {
    let len = y.len();
    for_each_chunk(y, CHUNK, |t, y| {
        let at = t * CHUNK;
        y.copy_from_slice(&parts[at..at + y.len()]);
        for part in parts.chunks_exact(len).skip(1) {
            for (y, &p) in y.iter_mut().zip(&part[at..]) {
                *y += p;
            }
        }
    });
}

/// Counts the work of kernels, so that tests can check that it is divided into enough tasks. The
/// work of a matrix product is its number of multiplications. The work of a loop is its number of
/// elements.
#[cfg(test)]
pub(crate) mod work {
    use crate::{isa, threads};
    use std::cell::Cell;

    thread_local! {
        /// The total work of this thread, and the work of the longest path: the largest task of
        /// each loop, added up over all loops.
        static WORK: Cell<[usize; 2]> = const { Cell::new([0; 2]) };
    }

    pub(crate) fn add(work: usize) {
        WORK.set(WORK.get().map(|sum| sum + work));
    }

    /// Iterates over the `tasks` of a loop, which run one after another, and measures the longest
    /// path. `work` returns the work of a task that does not call [`add`].
    pub(super) fn paths<T>(tasks: impl Iterator<Item = T>, work: fn(&T) -> usize) -> impl Iterator<Item = T> {
        let start = WORK.get()[1];
        let longest = Cell::new(start);
        let mut own = [0; 2];
        let mut join = move |next: usize| {
            if WORK.get()[0] == own[0] {
                add(own[1]);
            }
            own = [WORK.get()[0], next];
            let [all, path] = WORK.get();
            longest.set(longest.get().max(path));
            WORK.set([all, longest.get()]);
        };
        let mut tasks = tasks;
        std::iter::from_fn(move || {
            let task = tasks.next();
            join(task.as_ref().map_or(0, work));
            let task = task?;
            WORK.set([WORK.get()[0], start]);
            Some(task)
        })
    }

    /// Returns an upper bound of the speedup of `f` by several threads, for any number of threads,
    /// with the instruction set `isa`. The bound is the total work divided by the work of the
    /// longest path.
    pub(crate) fn speedup(isa: isa::Isa, f: impl FnOnce() + Send) -> f64 {
        threads::with(1, || {
            isa::with(isa, || {
                let before = WORK.get();
                f();
                let [all, path] = WORK.get();
                (all - before[0]) as f64 / (path - before[1]) as f64
            })
        })
    }
}
