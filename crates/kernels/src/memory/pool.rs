//! The pool's idle storage, and the bound on its size.
//!
//! The bound is a multiple, [`IDLE_FACTOR`], of the high-water mark: the largest number of bytes
//! that were needed at once. The pool serves a request in one of these ways, in this order:
//!
//! 1. It returns idle storage of the requested size class, if there is any.
//! 2. If idle storage and the request together are within the bound, the caller allocates storage.
//! 3. Otherwise, the request borrows idle storage of a larger class.
//! 4. If there is none, the caller allocates new storage, and the pool frees the storage that has
//!    been idle longest until idle storage is within the bound again.
//!
//! The bound is checked at requests. Storage that is dropped after the last request stays idle too,
//! so at most [`IDLE_FACTOR`] + 1 times the high-water mark is idle, for every sequence of sizes. A
//! step that repeats allocates nothing in its third run and later runs if the storage of all its
//! classes is within the bound. If the storage exceeds the bound, this is almost always true as
//! well; a test counts the exceptions.

use super::{Stats, Storage, WORD};
use crate::tuning::tasks::{BORROW_FACTOR, IDLE_FACTOR};
use std::collections::BTreeMap;

pub(super) struct Pool {
    /// Idle storage by size class, in the order in which it was dropped.
    free: BTreeMap<usize, Vec<IdleStorage>>,
    pub(super) stats: Stats,
    /// The largest number of bytes that were live or reserved for a kernel at once.
    high_water: usize,
    /// The number of storages that were dropped or reserved so far.
    drops: u64,
}

/// One idle storage.
struct IdleStorage {
    storage: Storage,
    /// The index of the kernel thread that dropped or reserved this storage. `None` if another
    /// thread did.
    thread: Option<usize>,
    /// The value of [`Pool::drops`] when this storage became idle.
    drop_number: u64,
}

impl Pool {
    pub(super) const fn new() -> Self {
        Pool {
            free: BTreeMap::new(),
            stats: Stats { fresh: 0, reused: 0, live: 0, peak: 0, idle: 0 },
            high_water: 0,
            drops: 0,
        }
    }

    /// Returns all idle storage to the system.
    pub(super) fn release(&mut self) {
        let stats = Stats { idle: 0, ..self.stats };
        *self = Pool { stats, high_water: stats.live, ..Pool::new() };
    }

    /// Returns storage for a request of a class, and counts it as live. If the result is `None`,
    /// the caller must allocate the storage. It is counted as live in this case too.
    pub(super) fn take(&mut self, requested: usize) -> Option<Storage> {
        let recycled = self.of_class(requested).or_else(|| self.of_larger_class(requested));
        let bytes = recycled.as_ref().map_or(requested, Storage::class) * WORD;
        self.stats.live += bytes;
        self.stats.peak = self.stats.peak.max(self.stats.live);
        self.raise_high_water(self.stats.live);
        if recycled.is_some() {
            self.stats.reused += 1;
            self.stats.idle -= bytes;
        } else {
            self.miss(&[]);
        }
        recycled
    }

    /// Takes back storage that is no longer live. It came from [`Pool::take`], or the caller
    /// allocated it after [`Pool::take`] returned `None`.
    pub(super) fn give(&mut self, storage: Storage) {
        self.stats.live -= storage.class() * WORD;
        self.put(storage);
    }

    /// Adds idle storage.
    pub(super) fn put(&mut self, storage: Storage) {
        let class = storage.class();
        self.stats.idle += class * WORD;
        self.drops += 1;
        let idle = IdleStorage { storage, thread: rayon::current_thread_index(), drop_number: self.drops };
        self.free.entry(class).or_default().push(idle);
    }

    /// Returns the number of idle storages of a class.
    pub(super) fn idle_count(&self, class: usize) -> usize {
        self.free.get(&class).map_or(0, Vec::len)
    }

    /// Returns the idle storage of a class that this thread dropped last. If this thread dropped
    /// none, returns the storage of the class that was dropped last.
    fn of_class(&mut self, requested: usize) -> Option<Storage> {
        let idle = self.free.get_mut(&requested)?;
        let thread = rayon::current_thread_index();
        let own = idle.iter().rposition(|i| i.thread == thread);
        let at = own.or(idle.len().checked_sub(1))?;
        Some(idle.remove(at).storage)
    }

    /// Returns the most recently dropped idle storage of a larger class. Returns `None` if the
    /// bound allows new storage for the request, or if no such storage is idle.
    fn of_larger_class(&mut self, requested: usize) -> Option<Storage> {
        if self.stats.idle + requested * WORD <= self.bound() {
            return None;
        }
        let larger = self.free.range_mut(requested + 1..=BORROW_FACTOR.saturating_mul(requested));
        let (_, idle) = larger.max_by_key(|(_, idle)| idle.last().map(|i| i.drop_number))?;
        Some(idle.pop()?.storage)
    }

    /// Records that `bytes` are live or reserved for a kernel.
    pub(super) fn raise_high_water(&mut self, bytes: usize) {
        self.high_water = self.high_water.max(bytes);
    }

    /// Returns the largest number of bytes that may be idle when storage is allocated.
    fn bound(&self) -> usize {
        self.high_water.saturating_mul(IDLE_FACTOR)
    }

    /// Counts one allocation. Then frees the storage that has been idle longest until idle storage
    /// is within the bound. Storage of the classes `kept` is not freed.
    pub(super) fn miss(&mut self, kept: &[usize]) {
        self.stats.fresh += 1;
        while self.stats.idle > self.bound() {
            let others =
                self.free.iter_mut().filter(|(class, idle)| !idle.is_empty() && !kept.contains(class));
            let Some((&class, idle)) = others.min_by_key(|(_, idle)| idle[0].drop_number) else { return };
            idle.remove(0);
            self.stats.idle -= class * WORD;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::size_class;
    use super::*;
    use crate::reference::testing::{Dice, less};

    /// An event of a step. `Ok` is a request with its number of words. `Err` is no
    /// failure: it drops the storage of the earlier request with this index.
    type Event = Result<usize, usize>;

    /// Returns a random step. At its end nothing is live.
    fn random_step(dice: &mut Dice) -> Vec<Event> {
        let sizes = [2, 5, 10, 30][dice.roll(0, 3)];
        let sizes: Vec<usize> =
            (0..sizes).map(|_| (64.0 * 1.13f64.powi(dice.roll(0, 60) as i32)) as usize).collect();
        let (mut events, mut live, mut requests) = (Vec::new(), Vec::new(), 0);
        for _ in 0..[10, 30, 100][dice.roll(0, 2)] {
            if !live.is_empty() && dice.roll(0, 1) == 0 {
                events.push(Err(live.remove(dice.roll(0, live.len() - 1))));
            } else {
                events.push(Ok(sizes[dice.roll(0, sizes.len() - 1)]));
                live.push(requests);
                requests += 1;
            }
        }
        events.extend(live.into_iter().map(Err));
        events
    }

    /// Runs a step. Returns the number of storages that it allocated.
    fn run(pool: &mut Pool, step: &[Event]) -> u64 {
        let before = pool.stats.fresh;
        let mut live = Vec::new();
        for event in step {
            match *event {
                Ok(words) => {
                    let class = size_class(words);
                    let storage = pool.take(class).unwrap_or_else(|| Storage::allocate(class));
                    assert!(storage.class() >= words);
                    live.push(Some(storage));
                }
                Err(request) => pool.give(live[request].take().expect("it is live")),
            }
            let idle = pool.free.values().flatten().map(|i| i.storage.class() * WORD).sum();
            assert_eq!(pool.stats.idle, idle, "idle bytes are counted");
        }
        assert_eq!(pool.stats.live, 0);
        pool.stats.fresh - before
    }

    /// Runs a cycle of steps several times. Returns the number of storages that each run of the
    /// cycle allocated.
    ///
    /// # Panics
    /// If idle storage exceeds the bound.
    fn repeat(case: usize, cycle: &[Vec<Event>]) -> Vec<u64> {
        let mut pool = Pool::new();
        let fresh = (0..8).map(|_| cycle.iter().map(|step| run(&mut pool, step)).sum()).collect();
        // Dropping live storage can raise idle storage above the bound.
        let Stats { idle, peak, .. } = pool.stats;
        assert!(idle <= (IDLE_FACTOR + 1) * peak, "case {case}: {idle} bytes idle, {peak} needed at once");
        fresh
    }

    /// With random steps that repeat, idle storage never exceeds a small multiple of the bytes that
    /// are needed at once. After a few repetitions nothing is allocated, even if two steps
    /// alternate.
    #[test]
    fn steps_that_repeat_find_their_storage() {
        let mut dice = Dice(28);
        let cases = less(2_000, 20);
        let mut late = [0, 0];
        for case in 0..cases {
            let steps = [(); 2].map(|()| random_step(&mut dice));
            for (cycle, late) in [&steps[..1], &steps].into_iter().zip(&mut late) {
                let fresh = repeat(case, cycle);
                assert!(fresh[0] > 0 && fresh[6..] == [0, 0], "case {case}: allocated {fresh:?}");
                *late += usize::from(fresh[2..] != [0; 6]);
            }
        }
        assert!(late[0] * 1_000 <= cases && late[1] * 200 <= cases, "{late:?} of {cases} allocate late");
    }

    /// A request gets new storage instead of larger idle storage as long as the bound allows new
    /// storage. It never gets storage that is more than [`BORROW_FACTOR`] times as large.
    #[test]
    fn storage_is_lent_with_measure() {
        const LARGE: usize = 4_096;
        const SMALL: usize = LARGE / BORROW_FACTOR;
        let mut pool = Pool::new();
        pool.raise_high_water(LARGE * WORD);
        (0..IDLE_FACTOR).for_each(|_| pool.put(Storage::allocate(LARGE)));
        let borrowed = pool.take(SMALL).expect("the idle limit is reached");
        assert_eq!(borrowed.class(), LARGE);
        assert_eq!(pool.take(SMALL), None, "below the idle limit");
        pool.give(borrowed);
        pool.give(Storage::allocate(SMALL));
        assert_eq!(pool.take(SMALL).expect("storage of its own class").class(), SMALL);
        assert_eq!(pool.take(SMALL - 8), None, "larger storage is too large");
    }
}
