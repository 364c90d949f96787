//! A matrix product with its packed operands. It computes a tile of C block by block and panel by
//! panel.

use super::packing::{
    a_is_read_in_place, b_is_read_in_place, copy, pack_panel, pack_panels, pack_tiles, packed_len,
    packed_row, packed_rows,
};
use super::tiles::Tiles;
use super::{Mat, Update};
use crate::memory::Buffer;
use crate::simd::{Lhs, Next, Out, Rhs, Shared, Simd, Write};
use crate::tuning::gemm::{Blocks, PACKED_COLUMNS, PACKED_ROWS};
use crate::tuning::tasks::TASKS;
use std::ops::Range;

/// A product A B. It contains a packed copy of each operand that is packed before the tasks start.
pub(super) struct Product<'a, S> {
    s: S,
    a: Mat<'a, f32>,
    b: Mat<'a, f32>,
    /// The number of rows of a block of B.
    kc: usize,
    /// The number of columns of a panel.
    panel: usize,
    /// The number of rows of a tile of the micro-kernel, if the panels are wide.
    tile: Option<usize>,
    /// A packed in blocks of `kc` columns, and each block in tiles or row by row. Rows of a block
    /// are [`packed_row`] numbers apart. `None` if A is read in place.
    packed_a: Option<Buffer<f32>>,
    panels: Panels,
}

/// Where a task finds the panels of B.
enum Panels {
    /// In B itself, if the columns of the panel fill whole vectors. Otherwise the task packs the
    /// panel.
    InPlace,
    /// In a buffer of the task, which packs the panel just before use.
    Own,
    /// In this buffer, which has all panels and was packed in advance. It stores B in blocks of
    /// `kc` rows, and each block in panels. Each panel is row-major and padded with zeros.
    Packed(Buffer<f32>),
}

impl<'a, S: Simd> Product<'a, S> {
    /// Packs the operands that several tasks need. `for_each` runs the packing as tasks. A block of
    /// B has `kc` rows. If `tiles` have all rows of A, each panel is used by one task, and that
    /// task packs it later.
    pub(super) fn new(
        s: S,
        [a, b]: [Mat<'a, f32>; 2],
        blocks: &Blocks,
        kc: usize,
        tiles: &Tiles,
        for_each: impl FnOnce(usize, &(dyn Fn(usize) + Sync)),
    ) -> Self {
        let (m, k, n) = (a.rows, a.cols, b.cols);
        let count = k.div_ceil(kc);
        let a_in_place = a_is_read_in_place(blocks, &a);
        let (panel, tile) = (blocks.panel::<S>(), tiles.wide_rows());
        let mut packed_a = (!a_in_place).then(|| Buffer::take(packed_len(tile, m, k, kc)));
        let in_place = b_is_read_in_place(blocks, &a, &b);
        let wide = n.next_multiple_of(panel);
        let mut packed_b = (!in_place && !tiles.have_all_rows()).then(|| Buffer::take(k * wide));

        let slab = PACKED_ROWS.next_multiple_of(tile.unwrap_or(1));
        let (slabs, panels) = (m.div_ceil(slab), wide / panel);
        // The panels of a column-major B have no lines in common.
        let group =
            if b.col_stride > 1 { 1 } else { (PACKED_COLUMNS / panel).min((count * panels).div_ceil(TASKS)) };
        let groups = panels.div_ceil(group);
        let tasks_of_a = if a_in_place { 0 } else { count * slabs };
        let tasks_of_b = if packed_b.is_some() { count * groups } else { 0 };
        let to_a = packed_a.as_mut().map(|p| Shared::new(p.as_mut_slice()));
        let to_b = packed_b.as_mut().map(|p| Shared::new(p.as_mut_slice()));
        let block = |i: usize| i * kc..((i + 1) * kc).min(k);
        for_each(tasks_of_a + tasks_of_b, &|task| match (to_a, to_b) {
            (Some(to), _) if task < tasks_of_a => {
                let (i, row) = (task / slabs, task % slabs * slab);
                let (rows, stride) = (row..(row + slab).min(m), packed_row(tile, kc));
                let block_start = i * packed_rows(tile, m) * stride;
                let (start, len) = match tile {
                    // Tiles of the last block can be shorter.
                    Some(tile) => (row * block(i).len(), rows.len().next_multiple_of(tile) * block(i).len()),
                    None => (row * stride, rows.len() * stride),
                };
                // SAFETY: each task writes some rows of one block, which are whole tiles.
                let to = unsafe { to.slice(block_start + start, len) };
                match tile {
                    Some(tile) => pack_tiles(s, &a, tile, [rows, block(i)], to),
                    None => copy(s, &a, [rows, block(i)], to, stride),
                }
            }
            (_, Some(to)) => {
                let task = task - tasks_of_a;
                let (rows, column) = (block(task / groups), task % groups * group * panel);
                let columns = column..(column + group * panel).min(wide);
                // SAFETY: each task writes some panels of one block. Panels are stored one after
                // another in the buffer.
                let to =
                    unsafe { to.slice(rows.start * wide + column * rows.len(), rows.len() * columns.len()) };
                pack_panels(s, &b, [rows, columns.start..columns.end.min(n)], panel, to);
            }
            _ => {}
        });
        let panels = match packed_b {
            Some(packed) => Panels::Packed(packed),
            None if in_place => Panels::InPlace,
            None => Panels::Own,
        };
        Product { s, a, b, kc, panel, tile, packed_a, panels }
    }

    /// Computes the given rows and columns of C. If the task must pack a panel, it packs it into
    /// `own`, which has room for `kc` rows of a panel.
    ///
    /// # Safety
    /// C must hold the whole product row by row. No other task may access these rows and columns
    /// meanwhile.
    pub(super) unsafe fn tile(
        &self,
        rows: Range<usize>,
        columns: Range<usize>,
        into: Update,
        c: Shared<'_>,
        own: &mut [f32],
    ) {
        let (k, n) = (self.a.cols, self.b.cols);
        for p in (0..k).step_by(self.kc) {
            let inner = p..(p + self.kc).min(k);
            let a = self.lhs(rows.start, p);
            let mut column = columns.start;
            while column < columns.end {
                let cols = self.columns_at(column, &columns);
                let b = self.rhs(inner.clone(), column..column + cols, own);
                let b = Rhs { next: self.next_panel(p, column, &columns), ..b };
                let overwrite = p == 0 && into == Update::Overwrite;
                let write = if overwrite { Write::Overwrite } else { Write::Continue };
                let c = Out { data: c, at: rows.start * n + column, row_stride: n, write };
                #[cfg(test)]
                crate::parallel::work::add(rows.len() * inner.len() * cols);
                // SAFETY: the caller's promise is passed on.
                unsafe { self.s.panel([rows.len(), inner.len(), cols], a, b, c) };
                column += cols;
            }
        }
    }

    /// Returns the number of columns that are multiplied at once from column `j` on, if `columns`
    /// are those of the task. If B is read in place, the last columns that do not fill a vector are
    /// separate, because only these must be packed.
    fn columns_at(&self, j: usize, columns: &Range<usize>) -> usize {
        let left = self.panel.min(columns.end - j);
        let whole = left / S::LANES * S::LANES;
        if matches!(self.panels, Panels::InPlace) && whole > 0 { whole } else { left }
    }

    /// Returns the part of A that starts at row `row` and at column `p`, the first column of a
    /// block.
    fn lhs(&self, row: usize, p: usize) -> Lhs<'_> {
        let &Product { ref a, kc, tile, .. } = self;
        let inner = kc.min(a.cols - p);
        match (&self.packed_a, tile) {
            (None, None) => Lhs::new(&a.data[a.offset(row, p)..], a.row_stride, a.col_stride),
            (None, Some(tile)) => {
                Lhs::new(&a.data[a.offset(row, p)..], a.row_stride, a.col_stride).in_tiles_of(tile)
            }
            (Some(packed), None) => {
                let at = (p / kc * a.rows + row) * packed_row(tile, kc);
                Lhs::new(&packed.as_slice()[at..], packed_row(tile, kc), 1)
            }
            (Some(packed), Some(tile)) => {
                let block = p / kc * packed_rows(Some(tile), a.rows) * kc;
                Lhs::packed(&packed.as_slice()[block + row * inner..], tile)
            }
        }
    }

    /// Returns the panel of B with the given columns and the given rows, which are those of a
    /// block. Packs the panel into `own` if this task must pack it.
    fn rhs<'b>(&'b self, rows: Range<usize>, columns: Range<usize>, own: &'b mut [f32]) -> Rhs<'b> {
        let b = &self.b;
        match &self.panels {
            Panels::InPlace if columns.len().is_multiple_of(S::LANES) => {
                Rhs::new(&b.data[b.offset(rows.start, columns.start)..], b.row_stride)
            }
            Panels::Packed(all) => {
                debug_assert!(columns.start.is_multiple_of(self.panel));
                let at = rows.start * b.cols.next_multiple_of(self.panel) + columns.start * rows.len();
                Rhs::new(&all.as_slice()[at..], self.panel)
            }
            Panels::InPlace | Panels::Own => {
                pack_panel(self.s, b, [rows, columns], self.panel, own);
                Rhs::new(own, self.panel)
            }
        }
    }

    /// Returns the panel of B that is multiplied after the panel at row p and column j. `columns`
    /// are the columns of the task. The next panel is the panel to the right. After the last panel
    /// of a block, it is the first panel of the next block. After the last block, it is the first
    /// panel of the next task. (The lower half of a split tile reads the same panels as the upper
    /// half.)
    ///
    /// Returns an empty panel if B was packed in advance, because the next panel then follows this
    /// one in memory and the micro-kernel finds it. Also returns an empty panel after the last
    /// panel of B.
    fn next_panel(&self, p: usize, j: usize, columns: &Range<usize>) -> Next<'_> {
        let (b, [k, n]) = (&self.b, [self.b.rows, self.b.cols]);
        let (p, j) = match (j + self.columns_at(j, columns), p + self.kc) {
            (right, _) if right < columns.end => (p, right),
            (_, below) if below < k => (below, columns.start),
            _ if columns.end < n => (0, columns.end),
            _ => return Next::default(),
        };
        let (rows, cols) = (self.kc.min(k - p), self.panel.min(n - j));
        if let Panels::Packed(all) = &self.panels {
            let (start, len) = (p * n.next_multiple_of(self.panel) + j * rows, rows * self.panel);
            return Next { data: &all.as_slice()[start..], rows: 1, len, row_stride: 0 };
        }
        let data = &b.data[b.offset(p, j)..];
        match b.col_stride {
            1 => Next { data, rows, len: cols, row_stride: b.row_stride },
            _ => Next { data, rows: cols, len: rows, row_stride: b.col_stride },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gemm::blocked::tiles::block_size;
    use crate::simd::Portable;

    /// The panel that [`Product::next_panel`] returns is the panel that is multiplied next,
    /// for a row-major and for a column-major B.
    #[test]
    fn next_is_what_comes_next() {
        let (blocks, m, k, n) = (&Blocks::ZEN, 8, 601, 5 * Portable::PANEL - 3);
        let numbers = vec![0.0; k * n];
        let a = Mat::new(&numbers, m, k);
        for b in [Mat::new(&numbers, k, n), Mat::new(&numbers, n, k).t()] {
            let (kc, panel) = (block_size(blocks, k), Portable::PANEL);
            let tiles = Tiles::whole::<Portable>(blocks, [m, n]);
            let product =
                Product::new(Portable, [a, b], blocks, kc, &tiles, |tasks, f| (0..tasks).for_each(f));
            let tasks = [0..4 * panel, 4 * panel..n];
            let order: Vec<[usize; 3]> = (0..2)
                .flat_map(|task| {
                    let columns = tasks[task].clone();
                    let next = |&j: &usize| Some(j + product.columns_at(j, &tasks[task]));
                    let starts = std::iter::successors(Some(columns.start), next);
                    let starts: Vec<_> = starts.take_while(|&j| j < columns.end).collect();
                    (0..k)
                        .step_by(kc)
                        .flat_map(move |p| starts.clone().into_iter().map(move |j| [task, p, j]))
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
