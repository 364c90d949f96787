//! What waits for its next use, and how much of it is kept.
//!
//! The measure is the high-water mark: the most bytes that were needed at a time. A request is
//! served by storage of its own size class if some waits. Otherwise storage is allocated, as long
//! as no more than [`KEPT_TIMES`] the mark waits. Beyond that, the request borrows storage of a
//! larger class; and where there is none, storage is allocated, and what has waited longest is
//! given back to the system until no more than that waits.
//!
//! So what waits is bounded, whatever sizes come. A step that repeats finds all of its storage from
//! the third time on if the storage of all its classes is within the bound, and almost always if it
//! is not; the tests count how rarely it does not.

use super::{ALIGN_WORDS, Stats, WORD};
use crate::tuning::tasks::{KEPT_TIMES, LENT_TIMES};
use std::collections::BTreeMap;

pub(super) struct Pool {
    /// By size class, in the order in which it was dropped.
    free: BTreeMap<usize, Vec<Idle>>,
    pub(super) stats: Stats,
    /// The most bytes that were live, or set aside for a kernel, at a time.
    high_water: usize,
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

/// The size class of storage.
fn class(storage: &[u64]) -> usize {
    storage.len() - ALIGN_WORDS
}

impl Pool {
    pub(super) const fn new() -> Self {
        Pool {
            free: BTreeMap::new(),
            stats: Stats { fresh: 0, reused: 0, live: 0, peak: 0, idle: 0 },
            high_water: 0,
            dropped: 0,
        }
    }

    /// Gives all that waits back to the system.
    pub(super) fn release(&mut self) {
        let stats = Stats { idle: 0, ..self.stats };
        *self = Pool { stats, high_water: stats.live, ..Pool::new() };
    }

    /// Storage for a request of a class. `None` counts it as live already, for the caller to
    /// allocate.
    pub(super) fn take(&mut self, wanted: usize) -> Option<Vec<u64>> {
        let recycled = self.own(wanted).or_else(|| self.borrowed(wanted));
        let bytes = recycled.as_deref().map_or(wanted, class) * WORD;
        self.stats.live += bytes;
        self.stats.peak = self.stats.peak.max(self.stats.live);
        self.needs(self.stats.live);
        if recycled.is_some() {
            self.stats.reused += 1;
            self.stats.idle -= bytes;
        } else {
            self.miss(&[]);
        }
        recycled
    }

    /// Takes back what [`Pool::take`] gave out or counted.
    pub(super) fn give(&mut self, storage: Vec<u64>) {
        self.stats.live -= class(&storage) * WORD;
        self.put(storage);
    }

    /// Lets storage wait.
    pub(super) fn put(&mut self, storage: Vec<u64>) {
        let class = class(&storage);
        self.stats.idle += class * WORD;
        self.dropped += 1;
        let idle = Idle { storage, thread: rayon::current_thread_index(), since: self.dropped };
        self.free.entry(class).or_default().push(idle);
    }

    /// Number of storages of a class that wait.
    pub(super) fn waiting(&self, class: usize) -> usize {
        self.free.get(&class).map_or(0, Vec::len)
    }

    /// The storage of a class that this thread dropped last, or else what any did.
    fn own(&mut self, wanted: usize) -> Option<Vec<u64>> {
        let idle = self.free.get_mut(&wanted)?;
        let thread = rayon::current_thread_index();
        let own = idle.iter().rposition(|i| i.thread == thread);
        let at = own.or(idle.len().checked_sub(1))?;
        Some(idle.remove(at).storage)
    }

    /// Of the storage of larger classes what was dropped last, when as much waits as may.
    fn borrowed(&mut self, wanted: usize) -> Option<Vec<u64>> {
        if self.stats.idle + wanted * WORD <= self.bound() {
            return None;
        }
        let larger = self.free.range_mut(wanted + 1..=LENT_TIMES.saturating_mul(wanted));
        let (_, idle) = larger.max_by_key(|(_, idle)| idle.last().map(|i| i.since))?;
        Some(idle.pop()?.storage)
    }

    /// Notes that `bytes` are live or set aside for a kernel.
    pub(super) fn needs(&mut self, bytes: usize) {
        self.high_water = self.high_water.max(bytes);
    }

    /// The most bytes that may wait when storage is allocated.
    fn bound(&self) -> usize {
        self.high_water.saturating_mul(KEPT_TIMES)
    }

    /// Counts storage that has to be allocated, and makes room for it. Storage of the classes
    /// `kept` stays.
    pub(super) fn miss(&mut self, kept: &[usize]) {
        self.stats.fresh += 1;
        while self.stats.idle > self.bound() {
            let others =
                self.free.iter_mut().filter(|(class, idle)| !idle.is_empty() && !kept.contains(class));
            let Some((&class, idle)) = others.min_by_key(|(_, idle)| idle[0].since) else { return };
            idle.remove(0);
            self.stats.idle -= class * WORD;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{allocate, size_class};
    use super::*;
    use crate::reference::testing::{Dice, less};

    /// A request for words, or the number of an earlier one that ends.
    type Event = Result<usize, usize>;

    /// A random step: at the end nothing is live.
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

    /// Runs a step; returns the number of storages that it allocated.
    fn run(pool: &mut Pool, step: &[Event]) -> u64 {
        let before = pool.stats.fresh;
        let mut live = Vec::new();
        for event in step {
            match *event {
                Ok(words) => {
                    let class = size_class(words);
                    let storage = pool.take(class).unwrap_or_else(|| allocate(class));
                    assert!(storage.len() - ALIGN_WORDS >= words);
                    live.push(Some(storage));
                }
                Err(request) => pool.give(live[request].take().expect("it is live")),
            }
            let waiting = pool.free.values().flatten().map(|i| class(&i.storage) * WORD).sum();
            assert_eq!(pool.stats.idle, waiting, "bytes that wait are counted");
        }
        assert_eq!(pool.stats.live, 0);
        pool.stats.fresh - before
    }

    /// Repeats a cycle of steps; returns the number of storages that each repetition allocated.
    ///
    /// # Panics
    /// If more waits than the bound allows.
    fn repeat(case: usize, cycle: &[Vec<Event>]) -> Vec<u64> {
        let mut pool = Pool::new();
        let fresh = (0..8).map(|_| cycle.iter().map(|step| run(&mut pool, step)).sum()).collect();
        // What was live may come to wait above the bound.
        let Stats { idle, peak, .. } = pool.stats;
        assert!(
            idle <= (KEPT_TIMES + 1) * peak,
            "case {case}: {idle} bytes wait, {peak} were needed at a time"
        );
        fresh
    }

    /// Whatever the steps: no more waits than a small multiple of what they need at a time, and
    /// soon nothing is allocated, also where two steps alternate.
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

    /// A request takes no larger storage while the bound allows its own, and none that is far too
    /// large.
    #[test]
    fn storage_is_lent_with_measure() {
        const LARGE: usize = 4_096;
        const SMALL: usize = LARGE / LENT_TIMES;
        let mut pool = Pool::new();
        pool.needs(LARGE * WORD);
        (0..KEPT_TIMES).for_each(|_| pool.put(allocate(LARGE)));
        let lent = pool.take(SMALL).expect("as much waits as may");
        assert_eq!(class(&lent), LARGE);
        assert_eq!(pool.take(SMALL), None, "less waits now");
        pool.give(lent);
        pool.give(allocate(SMALL));
        assert_eq!(pool.take(SMALL).expect("its own").len(), allocate(SMALL).len());
        assert_eq!(pool.take(SMALL - 8), None, "the larger ones are too large");
    }
}
