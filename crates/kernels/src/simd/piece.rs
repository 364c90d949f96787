//! Outputs that are divided into pieces, one for each task. A piece contains matrices that only its
//! task accesses.

use super::Shared;
use crate::parallel;
use crate::tuning::tasks::{MIN_TASK, TASKS};
use std::ops::Range;

/// The division of an array of four axes (batch, rows, columns, channels) into pieces. It depends
/// only on the shape of the array and the work per element.
///
/// One task computes one piece. The array is divided first into whole images and then into rows,
/// because the tasks of such pieces repeat the least work. If these pieces are too few, they are
/// also divided into columns, and then into channels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pieces {
    size: [usize; 4],
    /// The size of a piece, except the last piece along an axis.
    pub(crate) part: [usize; 4],
    /// The number of pieces along each axis.
    pub(crate) counts: [usize; 4],
}

impl Pieces {
    pub(crate) fn new(size: [usize; 4], part: [usize; 4]) -> Self {
        let part = part.map(|part| part.max(1));
        Pieces { size, part, counts: std::array::from_fn(|axis| size[axis].div_ceil(part[axis])) }
    }

    /// Divides an array along one axis after another until there are enough pieces. A piece has at
    /// least `least` and at most `most` elements along each axis, and enough work for a task.
    /// `work` is the number of multiplications per element. The number of channels of a piece is a
    /// multiple of `least[3]`, except in the last piece along the axis.
    pub(crate) fn divide(size: [usize; 4], [least, most]: [[usize; 4]; 2], work: usize) -> Self {
        let mut pieces = Pieces::new(size, size);
        for axis in 0..4 {
            let mut parts = pieces.part;
            let of_one =
                (0..4).filter(|&a| a != axis).fold(work.max(1), |work, a| work.saturating_mul(parts[a]));
            let thinnest = least[axis].max(MIN_TASK.div_ceil(of_one)).max(1);
            // Divides columns and channels only if images and rows give far too few pieces.
            let enough = if axis < 2 || pieces.count() < TASKS / 2 { TASKS } else { 1 };
            let count = enough.div_ceil(pieces.count().max(1)).min(size[axis] / thinnest);
            let part = size[axis].div_ceil(count.max(size[axis].div_ceil(most[axis].max(1))).max(1));
            let step = if axis == 3 { least[3].max(1) } else { 1 };
            parts[axis] = part.next_multiple_of(step).min(size[axis]);
            pieces = Pieces::new(size, parts);
        }
        pieces
    }

    /// Divides an array like [`divide`](Self::divide) into pieces of at least `usual` elements
    /// along each axis. If there are too few of these pieces for several threads, `fewest` replaces
    /// `usual`. The tasks of smaller pieces repeat more work, which pays off only if most threads
    /// would have no work otherwise.
    pub(crate) fn divide_further(
        size: [usize; 4],
        [usual, fewest]: [[usize; 4]; 2],
        most: [usize; 4],
        work: usize,
    ) -> Self {
        let pieces = Pieces::divide(size, [usual, most], work);
        if pieces.count() < TASKS / 4 { Pieces::divide(size, [fewest, most], work) } else { pieces }
    }

    pub(crate) fn count(&self) -> usize {
        self.counts.iter().product()
    }

    /// Returns the range of piece `i` along each axis. Pieces are numbered in the order of memory.
    pub(crate) fn get(&self, mut i: usize) -> [Range<usize>; 4] {
        let mut at = [0; 4];
        for (at, count) in at.iter_mut().zip(self.counts).rev() {
            (*at, i) = (i % count, i / count);
        }
        std::array::from_fn(|axis| {
            let start = at[axis] * self.part[axis];
            start..(start + self.part[axis]).min(self.size[axis])
        })
    }
}

/// Calls `f` for each piece of `data`, in parallel.
///
/// # Panics
/// If `data` does not have the size of the pieces.
pub(crate) fn for_each_piece<E: Send>(data: &mut [E], pieces: &Pieces, f: impl Fn(&mut Piece<'_, E>) + Sync) {
    let size = pieces.size;
    assert_eq!(data.len(), size.iter().product::<usize>(), "the array does not fit shape {size:?}");
    let data = Shared::new(data);
    parallel::for_each(pieces.count(), |i| f(&mut Piece { data, size, at: pieces.get(i) }));
}

/// A piece of an array, accessed by one task only. [`for_each_piece`] creates each piece once, and
/// pieces are disjoint.
pub(crate) struct Piece<'a, E = f32> {
    data: Shared<'a, E>,
    size: [usize; 4],
    /// The range of images, rows, columns and channels.
    pub(crate) at: [Range<usize>; 4],
}

impl<E> Piece<'_, E> {
    /// Returns the part of the rows `own` of an image that is in this piece. It is a matrix with
    /// one row for each pixel and one column for each channel.
    ///
    /// # Panics
    /// If a row is not in the piece, or the piece has several rows but not all columns.
    #[inline(always)]
    pub(crate) fn rows(&mut self, image: usize, own: Range<usize>) -> Block<'_, E> {
        let ([images, rows, columns, channels], [_, height, width, row_stride]) = (&self.at, self.size);
        let within = images.contains(&image) && rows.start <= own.start && own.end <= rows.end;
        assert!(within, "rows that are not in the piece");
        assert!(
            own.len() == 1 || columns.len() == width,
            "several rows of a piece that does not have all columns"
        );
        let at = ((image * height + own.start) * width + columns.start) * row_stride + channels.start;
        Block { data: self.data, at, size: [own.len() * columns.len(), channels.len()], row_stride }
    }

    /// Returns the part of a row of an image that is in this piece.
    ///
    /// # Panics
    /// If the row is not in the piece.
    #[inline(always)]
    pub(crate) fn row(&mut self, image: usize, row: usize) -> Block<'_, E> {
        self.rows(image, row..row + 1)
    }
}

/// A row-major matrix in a slice. Only the owner of the block accesses the elements of the matrix.
/// Each access checks that it is inside the slice.
pub(crate) struct Block<'a, E = f32> {
    data: Shared<'a, E>,
    at: usize,
    size: [usize; 2],
    row_stride: usize,
}

impl<'a, E> Block<'a, E> {
    /// Returns the matrix with `size[0]` rows and `size[1]` columns at the start of `data`. Row i
    /// starts at `i * row_stride`.
    #[inline(always)]
    pub(crate) fn new(data: &'a mut [E], size: [usize; 2], row_stride: usize) -> Self {
        Block { data: Shared::new(data), at: 0, size, row_stride }
    }

    #[inline(always)]
    pub(crate) fn size(&self) -> [usize; 2] {
        self.size
    }

    /// Returns a block of the given columns.
    ///
    /// # Panics
    /// If the matrix does not have these columns.
    #[inline(always)]
    pub(crate) fn columns(&mut self, columns: Range<usize>) -> Block<'_, E> {
        assert!(columns.start <= columns.end && columns.end <= self.size[1], "no such columns in the block");
        Block { at: self.at + columns.start, size: [self.size[0], columns.len()], ..*self }
    }

    /// Returns this block with a shorter lifetime.
    pub(crate) fn reborrow(&mut self) -> Block<'_, E> {
        Block { ..*self }
    }

    /// Returns row `i`.
    ///
    /// # Panics
    /// If there is no such row, or it exceeds the slice.
    #[inline]
    pub(crate) fn line(&mut self, i: usize) -> &mut [E] {
        assert!(i < self.size[0], "row {i} of {}", self.size[0]);
        let at = self.at + i * self.row_stride;
        self.data.rows(at, 1, 0, self.size[1]);
        // SAFETY: the row was checked to be in the slice, and only the owner of the block accesses
        // it.
        unsafe { self.data.slice(at, self.size[1]) }
    }

    /// Returns the slice, the position of the first element in it, and the distance of rows.
    #[inline(always)]
    pub(crate) fn parts(&mut self) -> (Shared<'_, E>, usize, usize) {
        (self.data, self.at, self.row_stride)
    }
}

impl<E: Copy> Block<'_, E> {
    pub(crate) fn fill(&mut self, value: E) {
        (0..self.size[0]).for_each(|i| self.line(i).fill(value));
    }

    /// Overwrites the matrix with `from`, which has its rows one after another.
    pub(crate) fn copy_from(&mut self, from: &[E]) {
        let [rows, cols] = self.size;
        if cols == self.row_stride {
            Block { size: [1, rows * cols], ..*self }.line(0).copy_from_slice(from);
        } else {
            from.chunks_exact(cols).enumerate().for_each(|(i, from)| self.line(i).copy_from_slice(from));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every element of an array is in exactly one piece, and no piece is larger than `most`.
    #[test]
    fn pieces_cover_an_array() {
        for (size, least, most) in [
            ([1, 7, 9, 64], [1, 1, 1, 16], [1, 3, 9, 64]),
            ([3, 1, 1, 40], [1, 1, 1, 16], [1, 1, 1, 40]),
            ([1, 2, 50, 3], [1, 4, 8, 3], [1, 2, 50, 3]),
            ([20, 3, 3, 3], [1, 1, 1, 3], [1, 3, 3, 3]),
            ([0, 3, 3, 3], [1, 1, 1, 3], [1, 3, 3, 3]),
        ] {
            let pieces = Pieces::divide(size, [least, most], MIN_TASK);
            let mut seen = vec![0; size.iter().product()];
            for_each_piece(&mut seen, &pieces, |piece| {
                let [images, rows, _, channels] = piece.at.clone();
                assert!((0..4).all(|axis| piece.at[axis].len() <= most[axis]));
                assert!(channels.start.is_multiple_of(least[3]));
                for (n, row) in images.flat_map(|n| rows.clone().map(move |row| (n, row))) {
                    let mut block = piece.row(n, row);
                    (0..block.size()[0]).for_each(|j| block.line(j).iter_mut().for_each(|seen| *seen += 1));
                }
            });
            assert!(seen.iter().all(|&times| times == 1), "{size:?} in {pieces:?}");
        }
    }

    #[test]
    fn rows_come_first_then_columns_then_channels() {
        let count = |size, least: [usize; 4]| {
            let pieces = Pieces::divide(size, [least, [1, size[1], size[2], size[3]]], MIN_TASK);
            pieces.counts
        };
        assert_eq!(count([1, 256, 256, 64], [1, 1, 1, 16]), [1, 16, 1, 1]);
        assert_eq!(count([16, 256, 256, 64], [1, 1, 1, 16]), [16, 1, 1, 1]);
        assert_eq!(count([1, 2, 256, 64], [1, 1, 1, 16]), [1, 2, 8, 1]);
        assert_eq!(count([1, 4, 4, 512], [1, 8, 8, 16]), [1, 1, 1, 16]);
        assert_eq!(count([1, 4, 4, 40], [1, 8, 8, 16]), [1, 1, 1, 2]);
    }

    #[test]
    #[should_panic(expected = "not in the piece")]
    fn a_row_of_another_piece_panics() {
        for_each_piece(&mut [0; 4], &Pieces::new([1, 2, 2, 1], [1, 1, 2, 1]), |piece| {
            piece.row(0, 1);
        });
    }

    #[test]
    #[should_panic(expected = "end at")]
    fn a_block_that_leaves_its_slice_panics() {
        Block::new(&mut [0.0f32; 10], [3, 2], 5).line(2);
    }
}
