//! How the columns of a product y_bar w^T become the pixels of x_bar.
//!
//! For each window and kernel row the product holds a run of `kw` pixels, which overlap those of
//! the next window. Cut into segments of `stride` pixels, pixel by pixel of y, a row of x_bar is
//!
//! > segment j = sum over kernel rows a and e of run (i, j - e, a), segment e
//!
//! so every segment is gathered from few loads and written once. The runs are rounded up to whole
//! segments, and rows of windows have a border of zeros at both ends. Rows of x_bar are gathered
//! from the top to the bottom, so only few rows of windows exist at a time.

use crate::conv2d::Geometry;
use crate::memory::Buffer;
use crate::simd::{Lhs, Rhs, Rows, Simd};
use crate::tuning::conv2d::direct::MAX_BAND;
use std::ops::Range;

/// See the module.
pub(super) struct Overlap {
    /// Numbers in a segment.
    pub(super) segment: usize,
    /// Segments in a run.
    pub(super) segments: usize,
    /// Numbers of a window: `kh` runs.
    pub(super) window: usize,
    /// Numbers of a row of windows with its border.
    pub(super) row: usize,
    /// Rows of windows that exist at a time, row i in slot i modulo `slots`: those that a row of
    /// x_bar is gathered from, or more, up to [`MAX_BAND`] numbers.
    pub(super) slots: usize,
}

impl Overlap {
    pub(super) fn new(g: &Geometry) -> Self {
        let segment = g.spec.stride[1] * g.in_channels;
        let segments = g.kernel[1].div_ceil(g.spec.stride[1]);
        let window = g.kernel[0] * segments * segment;
        let row = (g.out_size[1] + 2 * (segments - 1)).saturating_mul(window);
        let slots = g.kernel[0].div_ceil(g.spec.stride[0]).max(MAX_BAND / row).min(g.out_size[0]);
        Overlap { segment, segments, window, row, slots }
    }

    /// Numbers of all slots. Saturates.
    pub(super) fn len(&self) -> usize {
        self.slots.saturating_mul(self.row)
    }

    /// Offset of a row of windows. Most images have a slot for each row, and need no division.
    pub(super) fn at(&self, i: usize) -> usize {
        if i < self.slots { i * self.row } else { i % self.slots * self.row }
    }

    /// The rows of windows that have row `r` of the padded x_bar.
    pub(super) fn windows(&self, g: &Geometry, r: usize) -> Range<usize> {
        let (sh, kh) = (g.spec.stride[0], g.kernel[0]);
        let end = (r / sh + 1).min(g.out_size[0]);
        (r + 1).saturating_sub(kh).div_ceil(sh).min(end)..end
    }

    /// w^T: rows are channels of y, columns the numbers of a window; what rounding up adds is 0.
    pub(super) fn kernel(&self, g: &Geometry, w: &[f32]) -> Buffer<f32> {
        let ([kh, kw], ci, co) = (g.kernel, g.in_channels, g.out_channels);
        let mut out = Buffer::zeroed(co * self.window);
        let run = self.segments * self.segment;
        for a in 0..kh {
            for p in 0..kw * ci {
                let line = &w[(a * kw * ci + p) * co..][..co];
                let column = out.as_mut_slice()[a * run + p..].iter_mut().step_by(self.window);
                column.zip(line).for_each(|(to, &from)| *to = from);
            }
        }
        out
    }

    /// Multiplies rows `rows` of an image y_bar by the kernel `b`: windows of x_bar, each in its
    /// slot. Not inlined, so that the caller's loop stays small.
    #[inline(never)]
    pub(super) fn multiply<S: Simd>(
        &self,
        s: S,
        [ow, co]: [usize; 2],
        rows: Range<usize>,
        (y_bar, b): (&[f32], Rhs<'_>),
        windows: &mut [f32],
    ) {
        let border = (self.segments - 1) * self.window;
        for i in rows {
            let a = Lhs::new(&y_bar[i * ow * co..], co, 1);
            for column in (0..self.window).step_by(S::PANEL) {
                let b = Rhs { data: &b.data[column..], ..b };
                let at = self.at(i) + border + column;
                let to = Rows { at, row_stride: self.window, accumulate: false };
                s.panel_into([ow, co, S::PANEL.min(self.window - column)], a, b, windows, to);
            }
        }
    }

    /// What segment 0 of row `r` of the padded x_bar is the sum of, as offsets; segment j is that a
    /// `window` further on.
    pub(super) fn sources(&self, g: &Geometry, r: usize) -> Vec<usize> {
        let (sh, run) = (g.spec.stride[0], self.segments * self.segment);
        let rows = (r % sh..g.kernel[0].min(r + 1)).step_by(sh).map(|a| (a, (r - a) / sh));
        rows.filter(|&(_, i)| i < g.out_size[0])
            .flat_map(|(a, i)| {
                let segment = move |e| (self.segments - 1 - e) * self.window + e * self.segment;
                let first = self.at(i) + a * run;
                (0..self.segments).map(move |e| first + segment(e))
            })
            .collect()
    }

    /// The row of the padded x_bar with these sources.
    #[inline(always)]
    pub(super) fn gather<S: Simd>(&self, s: S, windows: &[f32], sources: &[usize], line: &mut [f32]) {
        for (j, to) in line.chunks_exact_mut(self.segment).enumerate() {
            for at in (0..self.segment).step_by(S::LANES) {
                let lanes = S::LANES.min(self.segment - at);
                let mut sum = s.zero();
                for &source in sources {
                    sum = s.add(sum, s.load_padded(&windows[source + j * self.window + at..][..lanes], 0));
                }
                s.store_padded(sum, &mut to[at..at + lanes], 0);
            }
        }
    }
}
