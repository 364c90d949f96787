//! The memory that a kernel reads next, as cache lines to prefetch.

use super::Simd;
use crate::tuning::cache::LINE;

/// Rows that a kernel reads soon. Each row has `len` numbers and starts `row_stride` numbers after
/// the row before. They are prefetched as if each row started at a cache line.
#[derive(Clone, Copy, Default)]
pub(crate) struct Next<'a> {
    pub(crate) data: &'a [f32],
    pub(crate) rows: usize,
    pub(crate) len: usize,
    pub(crate) row_stride: usize,
}

impl Next<'_> {
    /// Returns the cache lines of the rows. `times` calls of [`Lines::prefetch`] prefetch all of
    /// them.
    #[inline(always)]
    pub(super) fn lines(self, times: usize) -> Lines {
        let Next { data, rows, len, row_stride } = self;
        // Most callers have no lines, and so little work that a division would cost time.
        let each = if rows == 0 { 0 } else { (rows * len.div_ceil(LINE)).div_ceil(times.max(1)) };
        Lines { row: data.as_ptr(), row_stride, len, at: 0, rows, each }
    }
}

/// The cache lines of a [`Next`] that are not prefetched yet.
pub(super) struct Lines {
    row: *const f32,
    row_stride: usize,
    len: usize,
    /// The number of elements of the current row that are prefetched.
    at: usize,
    /// The number of rows that are not finished.
    pub(super) rows: usize,
    /// The number of lines that one call of [`Lines::prefetch`] prefetches.
    each: usize,
}

impl Lines {
    /// Prefetches the next lines.
    #[inline(always)]
    pub(super) fn prefetch<S: Simd>(&mut self, s: S) {
        for _ in 0..self.each {
            if self.rows == 0 {
                return;
            }
            s.prefetch_l2(self.row.wrapping_add(self.at));
            self.at += LINE;
            if self.at >= self.len {
                (self.row, self.at, self.rows) = (self.row.wrapping_add(self.row_stride), 0, self.rows - 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::portable::{PREFETCHED, Portable};

    /// Every line of every row is prefetched once, in order, in at most the given number of calls.
    /// No other line is prefetched.
    #[test]
    fn lines_are_those_of_the_rows() {
        let data = [0.0; 400];
        for ([rows, len, row_stride], times) in
            [([3, 32, 100], 2), ([2, 33, 40], 7), ([1, 1, 1], 5), ([0, 32, 100], 3)]
        {
            let next = Next { data: &data, rows, len, row_stride };
            let want: Vec<*const f32> = (0..rows)
                .flat_map(|i| (0..len).step_by(LINE).map(move |at| i * row_stride + at))
                .map(|at| &raw const data[at])
                .collect();
            let mut lines = next.lines(times);
            PREFETCHED.take();
            (0..times).for_each(|_| lines.prefetch(Portable));
            assert_eq!(PREFETCHED.take(), want);
            let each = lines.each;
            assert!(each * times >= want.len() && each * times < want.len() + times, "{each} at once");
        }
    }
}
