//! C <- A B in `f32` on vector instructions, after Goto & van de Geijn 2008.
//!
//! ```text
//!     for each tile of C                                                      (parallel)
//!         for each block of k                      loop over the inner dimension
//!             for each panel of the tile           256 x 32 numbers of B, in the first-level cache
//!                 micro-kernel                     the tile's rows of A, in the second-level cache
//! ```
//!
//! The micro-kernel wants whole vectors of the rows of B. A row-major B that the caches hold is
//! read where it lies, but for columns that fill no vector; copying would cost a product of a
//! hundred rows a tenth of its time. Else B is packed in panels: where the tiles take all rows of
//! A, each panel belongs to one task (one in the middle to two), which packs it just before it is
//! used; otherwise all are packed first and shared. A is read where it lies, too, if its rows do
//! not fall into the same sets of the cache; else it is packed first.
//!
//! Products of another form: one with a single column is computed as its transpose, a row times a
//! transposed matrix as dot products, and a small C with a long inner dimension as a sum of shares.

use super::{Mat, Update};
use crate::memory::{Buffer, Scratch};
use crate::parallel;
use crate::simd::{LINE, Lhs, Next, Out, Rhs, Shared, Simd};
use std::ops::Range;

/// Rows of a block of B, columns of a block of A, at most.
const KC: usize = 256;
/// Rows of a tile, about, where there are many.
const MC: usize = 384;
/// As many rows of A are one tile.
const ONE_TILE: usize = 512;
/// Columns of a tile, at most.
const NC: usize = 512;
/// Tiles that are enough to share among a few threads.
const TASKS: usize = 16;
/// Rows of a tile that are enough to read B once more for.
const LOW_TILE: usize = 64;
/// A larger B, with more rows of A than one tile, is packed: its panels are read several times, and
/// its rows lie on many pages.
const IN_PLACE: usize = 1 << 18;
/// A column-major A is read where it lies if it has no more columns: every line that a column's
/// numbers lie on is still in the first-level cache when the next rows want its rest.
const SHORT: usize = 64;
/// With fewer rows of A than this, packing B is not worth it: where all its rows fall into the same
/// sets of the cache, and where its panels leave it for another reason.
const ROWS_IF_ALIASED: usize = 24;
const ROWS_IF_LARGE: usize = 256;
/// Distance of rows of packed A beyond their length: not a power of two, so that they fall into
/// different sets.
const PAD: usize = 16;
/// Rows this many numbers apart, 4 KiB, share a set of the first-level cache.
const ALIAS: usize = SETS * LINE;
/// Sets of that cache, and lines of a set.
const SETS: usize = 64;
const WAYS: usize = 8;
/// Rows of A that one task packs.
const SLAB: usize = 32;
/// Blocks of k in a share, at least, where C is cut into shares.
const SHARE: usize = 4;

/// C <- A B, or C + A B; `c` is row-major and `m` x `n`.
pub(super) fn gemm<S: Simd>(s: S, a: Mat<'_, f32>, b: Mat<'_, f32>, into: Update, c: &mut [f32]) {
    let (m, k, n) = (a.rows, a.cols, b.cols);
    if n == 1 && m > 1 {
        return gemm(s, b.t(), a.t(), into, c);
    }
    if m == 1 && b.col_stride > 1 && a.col_stride == 1 {
        return row_times_transposed(s, a.data, b, into, c);
    }
    if let Some(shares) = Shares::of::<S>([m, k, n]) {
        return in_shares(s, a, b, into, c, shares);
    }
    let in_place = reads_in_place(&a, &b);
    let [mc, nc] = tile_size::<S>(m, n, in_place);
    let tiles = Tiles::new([m, n], [mc, nc]);
    let kc = block_size(k);
    let product = Product::new(s, [a, b], kc, m <= mc, |tasks, f| parallel::for_each(tasks, f));
    let c = Shared::new(c);
    let scratch = Scratch::reserve([kc * S::PANEL]);
    parallel::for_each(tiles.tasks(), |task| {
        let [rows, columns] = tiles.get(task);
        let [mut panel] = scratch.take();
        // SAFETY: the caller checked the size of C; the tiles of different tasks have no element in
        // common.
        unsafe { product.tile(rows, columns, into, c, panel.as_mut_slice()) };
    });
}

/// How a long inner dimension is cut where C is small.
struct Shares {
    /// Length of the inner dimension.
    k: usize,
    /// Length of a share; the last may be shorter.
    len: usize,
    /// Rows of a block of B in every share. A shorter share may not choose its own: `block_size` is
    /// not monotonic, so its blocks could be longer than the scratch of a task.
    kc: usize,
}

impl Shares {
    /// Returns the shares of an `m` x `k` times `k` x `n` product, or `None` if C has enough tiles.
    fn of<S: Simd>([m, k, n]: [usize; 3]) -> Option<Self> {
        let shares = (k / (SHARE * KC)).min(TASKS);
        let small = m.div_ceil(64) * n.div_ceil(2 * S::PANEL) < TASKS / 2;
        (shares > 1 && small).then(|| {
            let len = k.div_ceil(shares);
            Shares { k, len, kc: block_size(len) }
        })
    }

    fn count(&self) -> usize {
        self.k.div_ceil(self.len)
    }

    fn get(&self, share: usize) -> Range<usize> {
        share * self.len..((share + 1) * self.len).min(self.k)
    }
}

/// C as the sum of products of shares of A's columns and B's rows, added in their order.
fn in_shares<S: Simd>(s: S, a: Mat<'_, f32>, b: Mat<'_, f32>, into: Update, c: &mut [f32], shares: Shares) {
    let (m, n, kc) = (a.rows, b.cols, shares.kc);
    let mut parts = Buffer::take(shares.count() * m * n);
    // The second is there for what a share packs of A.
    let scratch = Scratch::reserve([kc * S::PANEL, shares.len.div_ceil(kc) * m * (kc + PAD)]);
    parallel::for_each_chunk(parts.as_mut_slice(), m * n, |share, part| {
        let inner = shares.get(share);
        let (a, b) = (a.columns(inner.clone()), b.t().columns(inner).t());
        let [mut panel, _] = scratch.take();
        let product = Product::new(s, [a, b], kc, true, |tasks, f| (0..tasks).for_each(f));
        // SAFETY: `part` is this task's own, and holds the whole product.
        unsafe { product.tile(0..m, 0..n, Update::Overwrite, Shared::new(part), panel.as_mut_slice()) };
    });
    if into == Update::Accumulate {
        let mut sum = Buffer::take(m * n);
        parallel::sum_in_order(parts.as_slice(), sum.as_mut_slice());
        c.iter_mut().zip(sum.as_slice()).for_each(|(c, sum)| *c += sum);
    } else {
        parallel::sum_in_order(parts.as_slice(), c);
    }
}

/// A product with what was packed of its operands.
struct Product<'a, S> {
    s: S,
    a: Mat<'a, f32>,
    b: Mat<'a, f32>,
    /// Rows of a block of B.
    kc: usize,
    /// A by blocks of `kc` columns, rows of a block `kc + PAD` apart, where A itself is not read.
    packed_a: Option<Buffer<f32>>,
    panels: Panels,
}

/// Where a task finds a panel of B.
enum Panels {
    /// In B itself, as far as its columns fill vectors; the task packs the rest.
    InPlace,
    /// Packed by the task itself when it comes to it.
    Own,
    /// Packed before: B in blocks of `kc` rows, each block in panels, each panel row-major and
    /// filled up with zeros.
    Packed(Buffer<f32>),
}

impl<'a, S: Simd> Product<'a, S> {
    /// Packs what is to be packed for all tasks, in tasks of `for_each`. With one tile for all rows
    /// of A, panels are not.
    fn new(
        s: S,
        [a, b]: [Mat<'a, f32>; 2],
        kc: usize,
        one_tile: bool,
        for_each: impl FnOnce(usize, &(dyn Fn(usize) + Sync)),
    ) -> Self {
        let (m, k, n) = (a.rows, a.cols, b.cols);
        let blocks = k.div_ceil(kc);
        let a_lies_well = a.col_stride == 1 && !a.row_stride.is_multiple_of(ALIAS)
            || a.row_stride == 1 && k <= SHORT && !a.col_stride.is_multiple_of(ALIAS);
        let mut packed_a = (!a_lies_well).then(|| Buffer::take(blocks * m * (kc + PAD)));
        let in_place = reads_in_place(&a, &b);
        let wide = n.next_multiple_of(S::PANEL);
        let mut packed_b = (!in_place && !one_tile).then(|| Buffer::take(k * wide));

        let (slabs, panels) = (m.div_ceil(SLAB), wide / S::PANEL);
        let tasks_of_a = if a_lies_well { 0 } else { blocks * slabs };
        let tasks_of_b = if packed_b.is_some() { blocks * panels } else { 0 };
        let to_a = packed_a.as_mut().map(|p| Shared::new(p.as_mut_slice()));
        let to_b = packed_b.as_mut().map(|p| Shared::new(p.as_mut_slice()));
        let block = |i: usize| i * kc..((i + 1) * kc).min(k);
        for_each(tasks_of_a + tasks_of_b, &|task| match (to_a, to_b) {
            (Some(to), _) if task < tasks_of_a => {
                let (i, row) = (task / slabs, task % slabs * SLAB);
                let rows = row..(row + SLAB).min(m);
                // SAFETY: each task writes some rows of one block.
                let to = unsafe { to.slice((i * m + row) * (kc + PAD), rows.len() * (kc + PAD)) };
                copy(s, &a, rows, block(i), to, kc + PAD);
            }
            (_, Some(to)) => {
                let task = task - tasks_of_a;
                let (rows, column) = (block(task / panels), task % panels * S::PANEL);
                // SAFETY: each task writes one panel of one block, which lie one after the other
                // inside the buffer.
                let panel =
                    unsafe { to.slice(rows.start * wide + column * rows.len(), rows.len() * S::PANEL) };
                pack_panel(s, &b, rows, column..(column + S::PANEL).min(n), panel);
            }
            _ => {}
        });
        let panels = match packed_b {
            Some(packed) => Panels::Packed(packed),
            None if in_place => Panels::InPlace,
            None => Panels::Own,
        };
        Product { s, a, b, kc, packed_a, panels }
    }

    /// Some rows and columns of C. `own` has room for `kc` rows of a panel.
    ///
    /// # Safety
    /// C holds the whole product row by row, and nobody else accesses this part of it meanwhile.
    unsafe fn tile(
        &self,
        rows: Range<usize>,
        columns: Range<usize>,
        into: Update,
        c: Shared<'_>,
        own: &mut [f32],
    ) {
        let &Product { s, a, b, kc, .. } = self;
        let (m, k, n) = (a.rows, a.cols, b.cols);
        for p in (0..k).step_by(kc) {
            let inner = p..(p + kc).min(k);
            let a = match &self.packed_a {
                None => Lhs::new(&a.data[a.offset(rows.start, p)..], a.row_stride, a.col_stride),
                Some(packed) => {
                    let at = (p / kc * m + rows.start) * (kc + PAD);
                    Lhs::new(&packed.as_slice()[at..], kc + PAD, 1)
                }
            };
            for column in columns.clone().step_by(S::PANEL) {
                let cols = S::PANEL.min(columns.end - column);
                let b = match &self.panels {
                    Panels::InPlace if cols.is_multiple_of(S::LANES) => {
                        Rhs::new(&b.data[b.offset(p, column)..], b.row_stride)
                    }
                    Panels::Packed(all) => {
                        debug_assert!(column.is_multiple_of(S::PANEL));
                        let at = p * n.next_multiple_of(S::PANEL) + column * inner.len();
                        Rhs::new(&all.as_slice()[at..], S::PANEL)
                    }
                    Panels::InPlace | Panels::Own => {
                        pack_panel(s, &b, inner.clone(), column..column + cols, own);
                        Rhs::new(own, S::PANEL)
                    }
                };
                let b = Rhs { next: self.next_panel(p, column, &columns), ..b };
                let accumulate = p > 0 || into == Update::Accumulate;
                let c = Out { data: c, at: rows.start * n + column, row_stride: n, accumulate };
                // SAFETY: the caller's promise is passed on.
                unsafe { s.panel([rows.len(), inner.len(), cols], a, b, c) };
            }
        }
    }

    /// Where in B the panel lies that comes after that of row p and column j of a task's columns:
    /// beside it, below it, or where the next task's columns begin. (The lower half of a tile reads
    /// what the upper half has read.) Of a B that was packed the micro-kernel itself sees what
    /// comes next.
    fn next_panel(&self, p: usize, j: usize, columns: &Range<usize>) -> Next<'a> {
        let (b, [k, n]) = (&self.b, [self.b.rows, self.b.cols]);
        let (p, j) = match (j + S::PANEL, p + self.kc) {
            _ if matches!(self.panels, Panels::Packed(_)) => return Next::default(),
            (beside, _) if beside < columns.end => (p, beside),
            (_, below) if below < k => (below, columns.start),
            _ if columns.end < n => (0, columns.end),
            _ => return Next::default(),
        };
        let (rows, cols) = (self.kc.min(k - p), S::PANEL.min(n - j));
        let data = &b.data[b.offset(p, j)..];
        match b.col_stride {
            1 => Next { data, rows, len: cols, row_stride: b.row_stride },
            _ => Next { data, rows: cols, len: rows, row_stride: b.col_stride },
        }
    }
}

/// Is B to be read where it lies?
fn reads_in_place(a: &Mat<'_, f32>, b: &Mat<'_, f32>) -> bool {
    b.col_stride == 1
        && (a.rows <= ONE_TILE || b.rows * b.cols <= IN_PLACE)
        && a.rows < rows_to_pack(b.row_stride, block_size(b.rows))
}

/// Rows of A that repay packing a B of so many rows, so far apart. No number does if a panel stays
/// in the first-level cache as it is: if rows begin where lines do, and their distance is no power
/// of two so large that few sets are left for them.
fn rows_to_pack(row_stride: usize, rows: usize) -> usize {
    let lines = (row_stride / LINE) | SETS;
    let sets = SETS >> lines.trailing_zeros();
    match row_stride.is_multiple_of(LINE) {
        true if sets == 1 => ROWS_IF_ALIASED,
        true if sets * WAYS >= rows => usize::MAX,
        _ => ROWS_IF_LARGE,
    }
}

/// Rows of a block: equal blocks, so that none is too short to be worth its sums' way to memory and
/// back.
fn block_size(k: usize) -> usize {
    k.div_ceil(k.div_ceil(KC))
}

/// Tiles of equal height, narrower and then lower ones until there are enough of them: sooner lower
/// where no panel is packed for each of them. From the shape alone.
fn tile_size<S: Simd>(m: usize, n: usize, in_place: bool) -> [usize; 2] {
    let (rows, least) = if m <= ONE_TILE { (ONE_TILE, S::PANEL) } else { (MC, 2 * S::PANEL) };
    let mut mc = m.div_ceil(m.div_ceil(rows)).next_multiple_of(8);
    let mut nc = NC.min(n.next_multiple_of(S::PANEL));
    while nc > least && m.div_ceil(mc) * n.div_ceil(nc) < TASKS {
        nc = (nc / 2).next_multiple_of(S::PANEL);
    }
    let fewer = |mc: usize, enough| m.div_ceil(mc) * n.div_ceil(nc) < enough;
    while mc > 16 && fewer(mc, TASKS / 2) || mc > LOW_TILE && in_place && fewer(mc, TASKS) {
        mc = (mc / 2).next_multiple_of(8);
    }
    [mc, nc]
}

/// How C is cut, one tile a task, in the order of memory: for each row of tiles from the left to
/// the right.
///
/// Two threads begin with the first task and with that in the middle. So that they have the same to
/// do, an odd tile out lies in the middle, be it narrow or not, and is two of half the height: if
/// it is the only row of tiles and high enough. Panels that are packed for all tasks begin at
/// multiples of their width, and a tile after a narrow one need not; but those are packed for
/// several rows of tiles.
struct Tiles {
    /// Of C.
    size: [usize; 2],
    /// Of a tile that no edge cuts.
    full: [usize; 2],
    /// Is the tile in the middle two?
    halves: bool,
}

impl Tiles {
    fn new([m, n]: [usize; 2], [mc, nc]: [usize; 2]) -> Self {
        let across = n.div_ceil(nc);
        let halves = across > 1 && across % 2 == 1 && (2 * LOW_TILE..=mc).contains(&m);
        Tiles { size: [m, n], full: [mc, nc], halves }
    }

    /// How many stand below and beside each other; two halves are one.
    fn counts(&self) -> [usize; 2] {
        std::array::from_fn(|axis| self.size[axis].div_ceil(self.full[axis]))
    }

    fn tasks(&self) -> usize {
        self.counts().iter().product::<usize>() + usize::from(self.halves)
    }

    /// Rows and columns of a task's tile.
    fn get(&self, task: usize) -> [Range<usize>; 2] {
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

/// Copies a block of B, at most a panel wide, into rows of a panel, filled up with zeros.
fn pack_panel<S: Simd>(s: S, b: &Mat<'_, f32>, rows: Range<usize>, columns: Range<usize>, panel: &mut [f32]) {
    let panel = &mut panel[..rows.len() * S::PANEL];
    if b.col_stride > 1 {
        if columns.len() < S::PANEL {
            panel.fill(0.0);
        }
        return copy(s, b, rows, columns, panel, S::PANEL);
    }
    s.vectorize(
        #[inline(always)]
        || {
            for (row, to) in rows.zip(panel.chunks_exact_mut(S::PANEL)) {
                let from = &b.data[b.offset(row, columns.start)..][..columns.len()];
                for at in (0..S::PANEL).step_by(S::LANES) {
                    s.store(s.load_padded(from, at), &mut to[at..]);
                }
            }
        },
    );
}

/// Copies a block of a matrix, whichever way it lies, into rows `stride` apart.
fn copy<S: Simd>(
    s: S,
    from: &Mat<'_, f32>,
    rows: Range<usize>,
    cols: Range<usize>,
    to: &mut [f32],
    stride: usize,
) {
    let [m, n] = [rows.len(), cols.len()];
    let at = |i, j| from.offset(rows.start + i, cols.start + j);
    if from.col_stride == 1 {
        for (i, to) in (0..m).zip(to.chunks_mut(stride)) {
            to[..n].copy_from_slice(&from.data[at(i, 0)..][..n]);
        }
        return;
    }
    // Of a transposed matrix.
    debug_assert_eq!(from.row_stride, 1);
    if m < 8 || n < 8 {
        for (i, to) in (0..m).zip(to.chunks_mut(stride)) {
            to[..n].iter_mut().enumerate().for_each(|(j, to)| *to = from.data[at(i, j)]);
        }
        return;
    }
    s.vectorize(
        #[inline(always)]
        || {
            for i in (0..m).step_by(LINE) {
                for j in (0..n).step_by(8) {
                    // What would leave the block goes back to its last 8 rows or columns.
                    let j = j.min(n - 8);
                    for q in 0..8 {
                        s.prefetch(from.data.as_ptr().wrapping_add(at(i + 2 * LINE, j + q)));
                    }
                    for i in (i..m.min(i + LINE)).step_by(8) {
                        let i = i.min(m - 8);
                        s.transpose8(
                            &from.data[at(i, j)..],
                            from.col_stride,
                            &mut to[i * stride + j..],
                            stride,
                        );
                    }
                }
            }
        },
    );
}

/// One row times a matrix whose columns lie in memory one after the other: a dot product each.
fn row_times_transposed<S: Simd>(s: S, a: &[f32], b: Mat<'_, f32>, into: Update, c: &mut [f32]) {
    let (a, columns) = (&a[..b.rows], (parallel::CHUNK / b.rows.max(1)).max(1));
    parallel::for_each_chunk(c, columns, |t, c| {
        for (j, c) in c.iter_mut().enumerate() {
            let column = &b.data[b.offset(0, t * columns + j)..][..a.len()];
            let product = s.vectorize(
                #[inline(always)]
                || dot(s, a, column),
            );
            *c = if into == Update::Accumulate { *c + product } else { product };
        }
    });
}

/// Four running vectors, added up lane by lane in order.
#[inline(always)]
fn dot<S: Simd>(s: S, a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [s.zero(); 4];
    for at in (0..a.len()).step_by(4 * S::LANES) {
        for (q, sum) in sums.iter_mut().enumerate() {
            let at = at + q * S::LANES;
            *sum = s.fma(s.load_padded(a, at), s.load_padded(b, at), *sum);
        }
    }
    let mut lanes = [0.0; 16];
    s.store_padded(s.add(s.add(sums[0], sums[1]), s.add(sums[2], sums[3])), &mut lanes, 0);
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::testing::less;
    use crate::simd::Portable;

    /// Every element of C is in one tile, and two threads that take half of the tasks each have the
    /// same to do where the tile in the middle is two.
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
            let tiles = Tiles::new(size, full);
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

    /// None is empty or longer than the first, for which the scratch of all is sized.
    #[test]
    fn shares_cover_every_inner_dimension() {
        let mut cut = 0;
        for [m, n] in [[16, 2], [1, 40], [64, 64], [300, 1]] {
            for k in 0..=less(70_000, 5_000) {
                let Some(shares) = Shares::of::<Portable>([m, k, n]) else { continue };
                let ranges: Vec<_> = (0..shares.count()).map(|share| shares.get(share)).collect();
                assert_eq!(ranges.iter().map(Range::len).sum::<usize>(), k);
                assert!(ranges.windows(2).all(|pair| pair[0].end == pair[1].start), "k = {k}: {ranges:?}");
                assert!(ranges.iter().all(|range| !range.is_empty()), "k = {k}: {ranges:?}");
                assert!(shares.kc <= KC && ranges.iter().all(|r| r.len() <= shares.len), "k = {k}");
                cut += 1;
            }
        }
        assert!(cut > less(200_000, 5_000), "{cut} products are cut");
    }

    /// The panel that is asked for is the one that is multiplied next, in a B that lies either way.
    #[test]
    fn next_is_what_comes_next() {
        let (m, k, n) = (8, 601, 5 * Portable::PANEL - 3);
        let numbers = vec![0.0; k * n];
        let a = Mat::new(&numbers, m, k);
        for b in [Mat::new(&numbers, k, n), Mat::new(&numbers, n, k).t()] {
            let (kc, panel) = (block_size(k), Portable::PANEL);
            let product = Product::new(Portable, [a, b], kc, true, |tasks, f| (0..tasks).for_each(f));
            let tasks = [0..4 * panel, 4 * panel..n];
            let order: Vec<[usize; 3]> = (0..2)
                .flat_map(|task| {
                    let columns = tasks[task].clone();
                    (0..k)
                        .step_by(kc)
                        .flat_map(move |p| columns.clone().step_by(panel).map(move |j| [task, p, j]))
                })
                .collect();
            for now_and_next in order.windows(2) {
                let [[task, p, j], [_, next_p, next_j]] = [now_and_next[0], now_and_next[1]];
                let next = product.next_panel(p, j, &tasks[task]);
                assert_eq!(next.data.as_ptr(), &raw const b.data[b.offset(next_p, next_j)], "after {p}, {j}");
                let [rows, cols] = [kc.min(k - next_p), panel.min(n - next_j)];
                let want = if b.col_stride == 1 { [rows, cols, n] } else { [cols, rows, k] };
                assert_eq!([next.rows, next.len, next.row_stride], want);
            }
            let &[task, p, j] = order.last().expect("panels");
            assert_eq!(product.next_panel(p, j, &tasks[task]).rows, 0);
        }
    }
}
