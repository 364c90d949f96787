//! Adds overlapping windows: the columns of a product y_bar w^T become the pixels of x_bar.
//!
//! For each window and kernel row, the product has a run of `kw` pixels, which overlaps the run of
//! the next window. Neighbouring windows are `stride` pixels apart, so runs are divided into
//! segments of `stride` pixels. A row of x_bar is then
//!
//! > segment j = sum over kernel rows a and e of run (i, j - e, a), segment e
//!
//! So every segment of x_bar is the sum of a few segments of runs, and it is written once. The
//! length of a run is rounded up to whole segments. A row of windows has a border of zeros at both
//! ends. Rows of x_bar are computed from top to bottom, so only a few rows of windows are stored at
//! once.

use super::whole_row;
use crate::conv2d::Geometry;
use crate::gemm::{Mat, copy};
use crate::memory::Buffer;
use crate::parallel;
use crate::simd::{Block, Columns, Lhs, Rhs, Simd};
use crate::tuning::cache::LINE;
use crate::tuning::conv2d::direct::MAX_BAND;
use std::ops::Range;

/// The transpose of w, as one matrix for each block of channels of x. The rows of a matrix are the
/// channels of y. Its columns are the numbers of a window in this block of channels. Each row of a
/// window is rounded up to whole segments, and the additional columns are 0.
pub(super) struct Kernels {
    data: Buffer<f32>,
    /// The number of channels of x in a block. The last block can have fewer.
    channels: usize,
    /// The row stride of every matrix.
    stride: usize,
}

impl Kernels {
    pub(super) fn new<S: Simd>(s: S, g: &Geometry, w: &[f32], channels: usize) -> Self {
        let ([kh, kw], ci, co) = (g.kernel, g.in_channels, g.out_channels);
        let pixels = kw.next_multiple_of(g.spec.stride[1]);
        let stride = whole_row::<S>(kh * pixels * channels);
        let mut data = Buffer::take(ci.div_ceil(channels) * co * stride);
        // A task reads this many columns of w, so that it uses whole cache lines.
        let rows = LINE.min(co);
        parallel::for_each_part(data.as_mut_slice(), [co, rows].map(|rows| rows * stride), |part, to| {
            let parts = co.div_ceil(rows);
            let (channel, first) = (part / parts * channels, part % parts * rows);
            let (own, rows) = (channels.min(ci - channel), first..(first + rows).min(co));
            to.fill(0.0);
            for tap in 0..kh * kw {
                let from = Mat::strided(&w[(tap * ci + channel) * co..], own, co, co);
                let at = (tap / kw * pixels + tap % kw) * own;
                copy(s, &from.t(), [rows.clone(), 0..own], &mut to[at..], stride);
            }
        });
        Kernels { data, channels, stride }
    }

    /// Returns the matrix of the block that starts at channel `channel` of x.
    pub(super) fn get(&self, g: &Geometry, channel: usize) -> Rhs<'_> {
        let at = channel / self.channels * g.out_channels * self.stride;
        Rhs::new(&self.data.as_slice()[at..], self.stride)
    }
}

/// The layout of the windows that contribute to some columns and channels of x_bar. A window has
/// one run for each kernel row, and a run is divided into segments. The module documentation
/// explains how segments are added.
pub(super) struct Overlap {
    /// The length of a segment: `stride` pixels of the channels.
    pub(super) segment: usize,
    /// The number of segments in a run.
    segments: usize,
    /// The first segment of a row of x_bar that is computed. `across` is the number of these
    /// segments.
    pub(super) first: usize,
    pub(super) across: usize,
    /// The number of windows of a row of an image.
    out_width: usize,
    /// The length of a window: `kh` runs.
    window: usize,
    /// The length of a row of windows, including the zeros of its border.
    row: usize,
    /// The length of the segments of all columns, including zeros after the last window.
    pub(super) line: usize,
    /// The number of rows of windows that are stored at once. Row i of windows is in slot i modulo
    /// `slots`. There are enough slots for one row of x_bar, and more slots if they fit in
    /// [`MAX_BAND`] numbers.
    pub(super) slots: usize,
}

impl Overlap {
    pub(super) fn new(g: &Geometry, columns: &Range<usize>, channels: usize) -> Self {
        let (stride, padding) = (g.spec.stride[1], g.spec.padding[1]);
        let (segment, segments) = (stride * channels, g.kernel[1].div_ceil(stride));
        let window = g.kernel[0] * segments * segment;
        // Pixels that no window covers stay 0.
        let reached = g.out_size[1] + segments - 1;
        let (first, end) = ((columns.start + padding) / stride, (columns.end + padding).div_ceil(stride));
        // The first and the last column include the border.
        let first = if columns.start == 0 { 0 } else { first };
        let end = if columns.end == g.in_size[1] { end.max(reached) } else { end };
        let across = end.min(reached).saturating_sub(first);
        let row = (across + segments - 1).saturating_mul(window).max(1);
        let slots = g.kernel[0].div_ceil(g.spec.stride[0]).max(MAX_BAND / row).min(g.out_size[0]);
        let (out_width, line) = (g.out_size[1], end.max(first + across) - first);
        Overlap { segment, segments, first, across, out_width, window, row, line: line * segment, slots }
    }

    /// Returns the windows of a row that contribute to the computed segments, and the number of
    /// windows of zeros before them, in the left border.
    fn columns(&self) -> (Range<usize>, usize) {
        let before = (self.segments - 1).saturating_sub(self.first);
        let start = self.first.saturating_sub(self.segments - 1).min(self.out_width);
        (start..(self.first + self.across).clamp(start, self.out_width), before)
    }

    /// Writes the zeros of the border of every row of windows.
    pub(super) fn clear_borders(&self, windows: &mut [f32]) {
        let (columns, before) = self.columns();
        for row in windows.chunks_exact_mut(self.row) {
            row[..before * self.window].fill(0.0);
            row[(before + columns.len()) * self.window..].fill(0.0);
        }
    }

    /// Returns the length of all slots, or `usize::MAX` on overflow.
    pub(super) fn len(&self) -> usize {
        self.slots.saturating_mul(self.row)
    }

    /// Returns the offset of row `i` of windows. If all rows of an image have their own slot, as in
    /// most images, this needs no division.
    pub(super) fn at(&self, i: usize) -> usize {
        if i < self.slots { i * self.row } else { i % self.slots * self.row }
    }

    /// Returns the rows of windows that cover row `r` of the padded x_bar.
    pub(super) fn windows(&self, g: &Geometry, r: usize) -> Range<usize> {
        let (sh, kh) = (g.spec.stride[0], g.kernel[0]);
        let end = (r / sh + 1).min(g.out_size[0]);
        (r + 1).saturating_sub(kh).div_ceil(sh).min(end)..end
    }

    /// Multiplies the rows `rows` of an image of y_bar by `b`, a matrix of [`Kernels`]. Writes the
    /// resulting windows to their slots in `windows`. The function is not inlined, so that the loop
    /// of its caller stays small.
    #[inline(never)]
    pub(super) fn multiply<S: Simd>(
        &self,
        s: S,
        [ow, co]: [usize; 2],
        rows: Range<usize>,
        (y_bar, b): (&[f32], Rhs<'_>),
        windows: &mut [f32],
    ) {
        let (columns, before) = self.columns();
        for i in rows.take_while(|_| !columns.is_empty()) {
            let a = Lhs::new(&y_bar[(i * ow + columns.start) * co..], co, 1);
            let to = &mut windows[self.at(i) + before * self.window..];
            let to = Block::new(to, [columns.len(), self.window], self.window);
            s.product_into(co, a, Columns::in_place::<S>(b), to, false);
        }
    }

    /// Returns the offsets of the segments of windows whose sum is segment 0 of row `r` of the
    /// padded x_bar. For each next segment of this row, all offsets are one window further.
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

    /// Computes one row of the padded x_bar. `sources` are the offsets that [`Self::sources`]
    /// returns for this row.
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
