//! The sizes of blocks and tiles, and the tiles of C.

use crate::simd::Simd;
use crate::tuning::gemm::Blocks;
use crate::tuning::tasks::TASKS;
use std::ops::Range;

/// Returns the number of rows of a block of B, if B has `k` rows. All blocks have about the same
/// number of rows. In a block of few rows, loading and storing the sums would cost more than
/// computing them.
pub(super) fn block_size(blocks: &Blocks, k: usize) -> usize {
    k.div_ceil(k.div_ceil(blocks.kc))
}

/// Returns the number of rows of a tile of the micro-kernel in a wide panel. The `m` rows of A are
/// divided among `tasks`, and each of them has the same number of tiles if possible.
pub(super) fn wide_rows<S: Simd>(m: usize, tasks: usize) -> usize {
    m.div_ceil(m.div_ceil(S::WIDE_ROWS).next_multiple_of(tasks))
}

/// The tiles of C. Each task computes one tile. Tiles are numbered from left to right in the first
/// row of tiles, then in the second row, and so on. They start at the start of a panel, and of a
/// tile of the micro-kernel if A is packed in such tiles.
///
/// With two threads, one starts with the first task and the other with the task in the middle. With
/// an odd number of tiles, one thread would compute one tile more than the other. So the tile in
/// the middle is split into two tiles of half the height, if there is a single row of tiles and it
/// is high enough. The tile in the middle also takes the columns that do not fill a tile, so it can
/// be narrower than the others. A tile to its right can then start inside a panel. This would be
/// wrong if panels were packed in advance for all tasks. But panels are packed in advance only for
/// several rows of tiles, and then no tile is split.
pub(super) struct Tiles {
    /// The number of rows and columns of C.
    size: [usize; 2],
    /// The largest number of rows and columns of a tile.
    full: [usize; 2],
    /// The number of rows of a tile of the micro-kernel and of columns of a panel, if the tiles of
    /// C differ by at most one of them. Otherwise all tiles are full, except those at the edges.
    even: Option<[usize; 2]>,
    /// Whether the tile in the middle is split into two.
    halves: bool,
}

impl Tiles {
    /// Divides an `m` x `n` C. The columns of tiles are halved, and then their rows, until there
    /// are enough tiles for the threads. If B is read in place (`in_place`), tiles of few rows are
    /// cheaper, because their tasks do not pack panels.
    pub(super) fn new<S: Simd>(blocks: &Blocks, [m, n]: [usize; 2], in_place: bool) -> Self {
        let &Blocks { mc, nc, one_tile, low_tile, min_tile, wide, .. } = blocks;
        let panel = blocks.panel::<S>();
        let (rows, least) = if m <= one_tile { (one_tile, panel) } else { (mc, 2 * panel) };
        let mut mc = m.div_ceil(m.div_ceil(rows)).next_multiple_of(8);
        let mut nc = nc.min(n).next_multiple_of(panel);
        while nc > least && m.div_ceil(mc) * n.div_ceil(nc) < TASKS {
            nc = (nc / 2).next_multiple_of(panel);
        }
        let fewer = |mc: usize, enough| m.div_ceil(mc) * n.div_ceil(nc) < enough;
        // A wide panel is as much work as two others. To pack it for fewer rows would cost more.
        let enough = if in_place { TASKS / 2 } else { TASKS / 2 * S::PANEL / panel };
        while mc > min_tile && fewer(mc, enough) || mc > low_tile && in_place && fewer(mc, TASKS) {
            mc = (mc / 2).next_multiple_of(8);
        }
        Self::of_size::<S>([m, n], [mc, nc], low_tile, wide)
    }

    fn of_size<S: Simd>([m, n]: [usize; 2], [mc, nc]: [usize; 2], low_tile: usize, wide: bool) -> Self {
        let across = n.div_ceil(nc);
        let halves = across > 1 && across % 2 == 1 && (2 * low_tile..=mc).contains(&m);
        let even = wide.then(|| [wide_rows::<S>(m, m.div_ceil(mc)), S::WIDE_PANEL]);
        Tiles { size: [m, n], full: [mc, nc], even, halves }
    }

    /// Returns one tile, which is an `m` x `n` C.
    pub(super) fn whole<S: Simd>(blocks: &Blocks, [m, n]: [usize; 2]) -> Self {
        Self::of_size::<S>([m, n], [m.next_multiple_of(8), n], blocks.low_tile, blocks.wide)
    }

    /// Returns the number of tiles along the rows and the columns of C. The two halves of a split
    /// tile count as one tile.
    fn counts(&self) -> [usize; 2] {
        let count = |axis: usize| self.size[axis].div_ceil(self.full[axis]);
        let units = |axis: usize| self.even.map_or(usize::MAX, |unit| self.size[axis].div_ceil(unit[axis]));
        [0, 1].map(|axis| count(axis).min(units(axis)))
    }

    /// Returns the number of rows of a tile of the micro-kernel in a wide panel.
    pub(super) fn wide_rows(&self) -> Option<usize> {
        self.even.map(|[rows, _]| rows)
    }

    /// Returns whether a tile has all rows of C. (The halves of a split tile do not.)
    pub(super) fn have_all_rows(&self) -> bool {
        self.counts()[0] == 1
    }

    pub(super) fn tasks(&self) -> usize {
        self.counts().iter().product::<usize>() + usize::from(self.halves)
    }

    /// Returns the rows and columns of a task's tile.
    pub(super) fn get(&self, task: usize) -> [Range<usize>; 2] {
        let ([m, n], [_, nc], counts) = (self.size, self.full, self.counts());
        let across = counts[1];
        if !self.halves {
            let at = [task / across, task % across];
            return [0, 1].map(|axis| {
                let edge = |i: usize| match self.even {
                    Some(unit) => self.size[axis].div_ceil(unit[axis]) * i / counts[axis] * unit[axis],
                    None => i * self.full[axis],
                };
                edge(at[axis]).min(self.size[axis])..edge(at[axis] + 1).min(self.size[axis])
            });
        }
        let (upper, lower) = (across / 2, across / 2 + 1);
        let step = self.wide_rows().unwrap_or(8);
        let (height, right) = ((m / 2).next_multiple_of(step), n - upper * nc);
        if task < upper {
            [0..m, task * nc..(task + 1) * nc]
        } else if task == upper {
            [0..height, upper * nc..right]
        } else if task == lower {
            [height..m, upper * nc..right]
        } else {
            let j = right + (task - lower - 1) * nc;
            [0..m, j..j + nc]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::testing::{Dice, less};
    use crate::simd::Portable;

    /// Every element of C is in exactly one tile. Tiles start at tiles of the micro-kernel and at
    /// panels, and differ by at most one of these.
    #[test]
    fn wide_tiles_cover_c_and_are_even() {
        let mut dice = Dice(32);
        let mut split = 0;
        for case in 0..less(300, 30) {
            let size @ [m, n] = [dice.roll(1, 1100), dice.roll(1, 700)];
            let tiles = Tiles::new::<Portable>(&Blocks::XEON, size, case % 2 == 0);
            let [unit, panel] = [tiles.wide_rows().expect("wide tiles"), Portable::WIDE_PANEL];
            assert!((1..=Portable::WIDE_ROWS).contains(&unit), "{size:?}");
            let mut seen = vec![0; m * n];
            let mut sizes = Vec::new();
            for task in 0..tiles.tasks() {
                let [rows, columns] = tiles.get(task);
                assert!(!rows.is_empty() && !columns.is_empty(), "{size:?}, {task}");
                assert!(rows.start.is_multiple_of(unit), "{size:?}, {task}");
                assert!(tiles.halves || columns.start.is_multiple_of(panel), "{size:?}, {task}");
                rows.clone().for_each(|i| columns.clone().for_each(|j| seen[i * n + j] += 1));
                sizes.push([rows.len().div_ceil(unit), columns.len().div_ceil(panel)]);
            }
            assert!(seen.iter().all(|&times| times == 1), "{size:?}");
            split += usize::from(tiles.halves);
            for axis in 0..if tiles.halves { 0 } else { 2 } {
                let [least, most] =
                    [sizes.iter().min_by_key(|s| s[axis]), sizes.iter().max_by_key(|s| s[axis])]
                        .map(|size| size.expect("a tile")[axis]);
                assert!(most - least <= 1, "{size:?}: {sizes:?}");
            }
        }
        assert!(split > 0, "no split tile");
    }

    /// Every element of C is in exactly one tile. If the tile in the middle is split, the first
    /// half of the tasks and the second half compute about the same number of elements.
    #[test]
    fn tiles_cover_c_and_balance() {
        for (size, full, halves) in [
            ([128, 400], [128, 32], true),
            ([400, 784], [400, 32], true),
            ([129, 41], [136, 20], true),
            ([128, 416], [128, 32], true),
            ([127, 400], [128, 32], false),
            ([256, 400], [128, 32], false),
            ([300, 144], [128, 32], false),
            ([128, 384], [128, 32], false),
            ([128, 32], [128, 32], false),
            ([128, 368], [128, 32], false),
            ([128, 20], [128, 32], false),
        ] {
            let tiles = Tiles::of_size::<Portable>(size, full, Blocks::ZEN.low_tile, false);
            assert_eq!(tiles.halves, halves, "{size:?}");
            let mut seen = vec![0; size[0] * size[1]];
            let areas: Vec<usize> = (0..tiles.tasks())
                .map(|task| {
                    let [rows, columns] = tiles.get(task);
                    assert!(!rows.is_empty() && !columns.is_empty(), "{size:?}, {task}");
                    assert!(rows.len() <= full[0] && columns.len() <= full[1], "{size:?}, {task}");
                    rows.clone().for_each(|i| columns.clone().for_each(|j| seen[i * size[1] + j] += 1));
                    rows.len() * columns.len()
                })
                .collect();
            assert!(seen.iter().all(|&times| times == 1), "{size:?}");
            if halves {
                let [one, other] = [&areas[..areas.len() / 2], &areas[areas.len() / 2..]];
                let [one, other]: [usize; 2] = [one, other].map(|areas| areas.iter().sum());
                assert!(one.abs_diff(other) <= full[1], "{size:?}: {one} and {other}");
            }
        }
    }
}
