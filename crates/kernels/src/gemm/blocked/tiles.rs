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

/// Returns the number of rows and columns of a tile of an `m` x `n` C. Tiles have about the same
/// number of rows. Their columns are halved, and then their rows, until there are enough tiles for
/// the threads. If B is read in place (`in_place`), tiles of few rows are cheaper, because their
/// tasks do not pack panels.
pub(super) fn tile_size<S: Simd>(blocks: &Blocks, [m, n]: [usize; 2], in_place: bool) -> [usize; 2] {
    let &Blocks { mc, nc, one_tile, low_tile, min_tile, .. } = blocks;
    let (rows, least) = if m <= one_tile { (one_tile, S::PANEL) } else { (mc, 2 * S::PANEL) };
    let mut mc = m.div_ceil(m.div_ceil(rows)).next_multiple_of(8);
    let mut nc = nc.min(n).next_multiple_of(S::PANEL);
    while nc > least && m.div_ceil(mc) * n.div_ceil(nc) < TASKS {
        nc = (nc / 2).next_multiple_of(S::PANEL);
    }
    let fewer = |mc: usize, enough| m.div_ceil(mc) * n.div_ceil(nc) < enough;
    while mc > min_tile && fewer(mc, TASKS / 2) || mc > low_tile && in_place && fewer(mc, TASKS) {
        mc = (mc / 2).next_multiple_of(8);
    }
    [mc, nc]
}

/// The tiles of C. Each task computes one tile. Tiles are numbered from left to right in the first
/// row of tiles, then in the second row, and so on.
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
    /// The number of rows and columns of a tile that is not at an edge.
    full: [usize; 2],
    /// Whether the tile in the middle is split into two.
    halves: bool,
}

impl Tiles {
    /// Divides an `m` x `n` C into tiles of `mc` x `nc`. The tile in the middle may be split if
    /// each half has at least `low_tile` rows.
    pub(super) fn new([m, n]: [usize; 2], [mc, nc]: [usize; 2], low_tile: usize) -> Self {
        let across = n.div_ceil(nc);
        let halves = across > 1 && across % 2 == 1 && (2 * low_tile..=mc).contains(&m);
        Tiles { size: [m, n], full: [mc, nc], halves }
    }

    /// Returns the number of tiles along the rows and the columns of C. The two halves of a split
    /// tile count as one tile.
    fn counts(&self) -> [usize; 2] {
        std::array::from_fn(|axis| self.size[axis].div_ceil(self.full[axis]))
    }

    pub(super) fn tasks(&self) -> usize {
        self.counts().iter().product::<usize>() + usize::from(self.halves)
    }

    /// Returns the rows and columns of a task's tile.
    pub(super) fn get(&self, task: usize) -> [Range<usize>; 2] {
        let ([m, n], [mc, nc], [_, across]) = (self.size, self.full, self.counts());
        if !self.halves {
            let (i, j) = (task / across * mc, task % across * nc);
            return [i..(i + mc).min(m), j..(j + nc).min(n)];
        }
        let (upper, lower) = (across / 2, across / 2 + 1);
        let (height, right) = ((m / 2).next_multiple_of(8), n - upper * nc);
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
            let tiles = Tiles::new(size, full, Blocks::ZEN.low_tile);
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
