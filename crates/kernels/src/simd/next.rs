//! What a kernel reads next, as cache lines to prefetch.

use super::Simd;
use crate::tuning::cache::LINE;

/// Rows of numbers that are read soon, `len` of each, `row_stride` apart. They are prefetched as if
/// each row started at a cache line.
#[derive(Clone, Copy, Default)]
pub(crate) struct Next<'a> {
    pub(crate) data: &'a [f32],
    pub(crate) rows: usize,
    pub(crate) len: usize,
    pub(crate) row_stride: usize,
}

impl Next<'_> {
    /// An address in each of its cache lines, row by row.
    #[inline(always)]
    pub(super) fn lines(self) -> Lines {
        let Next { data, rows, len, row_stride } = self;
        Lines { row: data.as_ptr(), row_stride, len, at: 0, rows, each: 0 }
    }
}

/// The cache lines of a [`Next`] that are not prefetched yet.
pub(super) struct Lines {
    row: *const f32,
    row_stride: usize,
    len: usize,
    /// Numbers of the row that are prefetched.
    at: usize,
    /// Rows not finished.
    pub(super) rows: usize,
    /// Lines that are prefetched at once.
    each: usize,
}

impl Lines {
    /// The same lines, all prefetched after `times` calls of [`prefetch`](Self::prefetch).
    #[inline(always)]
    pub(super) fn within(self, times: usize) -> Self {
        // Most callers have no lines, and too little work to pay for a division.
        let each =
            if self.rows == 0 { 0 } else { (self.rows * self.len.div_ceil(LINE)).div_ceil(times.max(1)) };
        Lines { each, ..self }
    }

    /// Prefetches the next lines.
    #[inline(always)]
    pub(super) fn prefetch<S: Simd>(&mut self, s: S) {
        let each = self.each;
        self.by_ref().take(each).for_each(|line| s.prefetch_far(line));
    }
}

impl Iterator for Lines {
    type Item = *const f32;

    #[inline(always)]
    fn next(&mut self) -> Option<*const f32> {
        if self.rows == 0 {
            return None;
        }
        let line = self.row.wrapping_add(self.at);
        self.at += LINE;
        if self.at >= self.len {
            (self.row, self.at, self.rows) = (self.row.wrapping_add(self.row_stride), 0, self.rows - 1);
        }
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every line of every row once, in order, and no other; in the given number of calls or fewer.
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
            assert_eq!(next.lines().collect::<Vec<_>>(), want);
            let each = next.lines().within(times).each;
            assert!(each * times >= want.len() && each * times < want.len() + times, "{each} at once");
        }
    }
}
