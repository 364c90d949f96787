//! Convolution straight from the image, for what Winograd's algorithm is not made for: few channels
//! of x without a stride to take out, few channels of y, kernels of one tap, single pictures. Any
//! geometry without dilation and groups, in `f32`, on vector instructions.
//!
//! In a padded NHWC image one kernel row of a window is a run of `kw * channels` neighbouring
//! numbers, and the window of the next output pixel starts `stride * channels` further on. So the
//! micro-kernel reads windows in place, and no patch is ever copied:
//!
//! ```text
//!     one image, 3 channels, 4 x 4 kernel, stride 2, output row i:
//!
//!     padded row 2i     |. . .|r g b|r g b|r g b|r g b|r g b|      window 0: run 0 = 12 numbers from 0
//!     padded row 2i+1   |. . .|r g b|r g b|r g b|r g b|r g b|                run 1 = 12 numbers from one row on
//!                        ^            ^
//!                        window 0     window 1: 6 numbers further, the row stride of the left operand
//! ```
//!
//! | kernel | product, per image | left operand read by |
//! | --- | --- | --- |
//! | [`forward`] | \[windows of an output row\] \[kernel\] | rows, kh runs |
//! | [`weight_grad`] | \[windows\]^T y_bar, for each kernel row | columns, one run per output row |
//! | [`pairs::weight_grad`] | the same, of kernels twice as long as their stride | by pairs of taps, from images of differences |
//! | [`input_grad`] | y_bar \[kernel\]^T, then overlapping windows are added | rows |
//!
//! A task takes a band of rows of one image: all of them, unless images are few or large
//! ([`Bands`]).

mod overlap;
pub(super) mod pairs;
#[cfg(test)]
mod tests;

use super::Geometry;
use crate::memory::{Buffer, Scratch};
use crate::parallel;
use crate::simd::{Lhs, Rhs, Rows, Simd};
use crate::size;
use crate::tuning::InstructionSet;
use crate::tuning::conv2d::direct::{MAX_BAND, MAX_PARTIAL, MIN_OUT_CHANNELS, SHARES};
use crate::tuning::tasks::{CHUNK, MIN_TASK};
use overlap::Overlap;
use std::ops::Range;

/// Is this path faster than patches? It is not without vector instructions, or for few channels of
/// y.
pub(super) fn pays(g: &Geometry) -> bool {
    possible(g) && g.out_channels >= MIN_OUT_CHANNELS && InstructionSet::active().direct && !g.is_dense()
}

/// Is it possible for the geometry?
pub(super) fn possible(g: &Geometry) -> bool {
    let empty = g.batch == 0 || g.in_size.contains(&0) || g.out_size.contains(&0);
    let [height, width] = [0, 1].map(|a| g.in_size[a] + 2 * g.spec.padding[a]);
    let padded = size::checked_len(&[height, width, g.in_channels]);
    // A stride much larger than the image would make long segments of zeros.
    let strides = g.spec.stride[0] / 4 <= height && g.spec.stride[1] / 4 <= width;
    let plain = !empty && g.spec.dilation == [1, 1] && g.spec.groups == 1;
    plain && strides && g.affords(padded) && g.affords(Some(Overlap::new(g).len()))
}

/// The rows of each image, of x or of y, in bands, one for a task. From the shape
/// alone.
struct Bands {
    /// Rows of an image.
    rows: usize,
    /// Rows of a band, except the last one of an image.
    height: usize,
}

impl Bands {
    /// Bands of up to `highest` rows, all about as high: whole images where there are enough for
    /// all threads, else higher than `lowest` rows.
    fn new(batch: usize, rows: usize, [lowest, highest]: [usize; 2]) -> Self {
        let bands =
            SHARES.div_ceil(batch).min(rows / lowest.max(1)).max(rows.div_ceil(highest.max(1))).max(1);
        Bands { rows, height: rows.div_ceil(bands) }
    }

    /// Bands of the rows of y, each with work for a task, whose windows read [`MAX_BAND`] numbers
    /// of a padded image.
    fn of_windows(g: &Geometry, padded: &Padded) -> Self {
        let work = g.out_size[1] * g.kernel[0] * g.kernel[1] * g.in_channels * g.out_channels;
        let highest = (MAX_BAND / padded.row).saturating_sub(g.kernel[0]) / g.spec.stride[0] + 1;
        Self::new(g.batch, g.out_size[0], [MIN_TASK.div_ceil(work), highest])
    }

    /// Bands of an image.
    fn count(&self) -> usize {
        self.rows.div_ceil(self.height)
    }

    /// The image of a band, and its rows.
    fn get(&self, band: usize) -> (usize, Range<usize>) {
        let first = band % self.count() * self.height;
        (band / self.count(), first..(first + self.height).min(self.rows))
    }
}

/// Rows of a padded image.
struct Padded {
    /// Numbers in a row.
    row: usize,
}

impl Padded {
    fn new(g: &Geometry) -> Self {
        Padded { row: (g.in_size[1] + 2 * g.spec.padding[1]) * g.in_channels }
    }

    /// Numbers that some rows of windows read.
    fn len(&self, g: &Geometry, windows: usize) -> usize {
        ((windows - 1) * g.spec.stride[0] + g.kernel[0]) * self.row
    }

    /// What some rows of windows read: lines of image `x` between zeros, which are there already,
    /// and zeros above and below the image.
    fn fill(&self, g: &Geometry, x: &[f32], windows: &Range<usize>, padded: &mut [f32]) {
        let (line, side) = (g.in_size[1] * g.in_channels, g.spec.padding[1] * g.in_channels);
        let rows = padded[..self.len(g, windows.len())].chunks_exact_mut(self.row);
        for (row, to) in (windows.start * g.spec.stride[0]..).zip(rows) {
            // Above the image, this wraps.
            let row = row.wrapping_sub(g.spec.padding[0]);
            if row >= g.in_size[0] {
                to.fill(0.0);
                continue;
            }
            to[side..side + line].copy_from_slice(&x[row * line..][..line]);
        }
    }
}

/// `data` with rows of `cols` as a right operand, whose rows are whole vectors: as it is if they
/// are, else copied.
fn whole_vectors<'a, S: Simd>(data: &'a [f32], cols: usize, copy: &'a mut Option<Buffer<f32>>) -> Rhs<'a> {
    if cols.is_multiple_of(S::LANES) {
        return Rhs::new(data, cols);
    }
    let row_stride = cols.next_multiple_of(S::PANEL);
    let copy = copy.insert(Buffer::take(data.len() / cols * row_stride));
    let rows = (CHUNK / row_stride).max(1);
    parallel::for_each_chunk(copy.as_mut_slice(), rows * row_stride, |t, copy| {
        let data = data[t * rows * cols..].chunks_exact(cols);
        for (to, from) in copy.chunks_exact_mut(row_stride).zip(data) {
            to[..cols].copy_from_slice(from);
            to[cols..].fill(0.0);
        }
    });
    Rhs::new(copy.as_slice(), row_stride)
}

/// y = x conv w
pub(super) fn forward<S: Simd>(s: S, g: &Geometry, x: &[f32], w: &[f32], y: &mut [f32]) {
    let ([oh, ow], [kh, kw], [sh, sw]) = (g.out_size, g.kernel, g.spec.stride);
    let (ci, co, padded) = (g.in_channels, g.out_channels, Padded::new(g));
    let (image, mut copy) = (g.in_size[0] * g.in_size[1] * ci, None);
    let w = whole_vectors::<S>(w, co, &mut copy);
    let bands = Bands::of_windows(g, &padded);
    let scratch = Scratch::reserve([padded.len(g, bands.height)]);
    parallel::for_each_part(y, [oh, bands.height].map(|rows| rows * ow * co), |band, y| {
        let (n, rows) = bands.get(band);
        let [mut buffer] = scratch.take();
        buffer.as_mut_slice().fill(0.0);
        padded.fill(g, &x[n * image..(n + 1) * image], &rows, buffer.as_mut_slice());
        for i in 0..rows.len() {
            let data = &buffer.as_slice()[i * sh * padded.row..];
            let a = Lhs { data, row_stride: sw * ci, k_stride: 1, runs: kh, run_stride: padded.row };
            for column in (0..co).step_by(S::PANEL) {
                let b = Rhs { data: &w.data[column..], ..w };
                let to = Rows { at: i * ow * co + column, row_stride: co, accumulate: false };
                s.panel_into([ow, kw * ci, S::PANEL.min(co - column)], a, b, y, to);
            }
        }
    });
}

/// w_bar, the gradient by w of <y_bar, x conv w>
pub(super) fn weight_grad<S: Simd>(s: S, g: &Geometry, x: &[f32], y_bar: &[f32], w_bar: &mut [f32]) {
    let ([oh, ow], [kh, kw], [sh, sw]) = (g.out_size, g.kernel, g.spec.stride);
    let (ci, co, padded) = (g.in_channels, g.out_channels, Padded::new(g));
    let (image, len, mut copy) = (g.in_size[0] * g.in_size[1] * ci, w_bar.len(), None);
    let y_bar = whole_vectors::<S>(y_bar, co, &mut copy);
    // A task: some bands, and all kernel rows or, where the sums of many shares would take too much
    // memory, one.
    let bands = Bands::of_windows(g, &padded);
    let all_bands = g.batch * bands.count();
    let share = all_bands.div_ceil((MAX_PARTIAL / len).clamp(1, SHARES));
    let shares = all_bands.div_ceil(share);
    let rows = if shares < SHARES / 2 { 1 } else { kh };
    let block = rows * kw * ci * co;
    let mut partial = Buffer::take(shares * len);
    let scratch = Scratch::reserve([padded.len(g, bands.height)]);
    parallel::for_each_chunk(partial.as_mut_slice(), block, |task, w_bar| {
        let (first, first_row) = (task / (kh / rows) * share, task % (kh / rows) * rows);
        let [mut buffer] = scratch.take();
        buffer.as_mut_slice().fill(0.0);
        for band in first..(first + share).min(all_bands) {
            let (n, windows) = bands.get(band);
            padded.fill(g, &x[n * image..(n + 1) * image], &windows, buffer.as_mut_slice());
            let (y_at, runs) = ((n * oh + windows.start) * ow * y_bar.row_stride, windows.len());
            for row in 0..rows {
                let data = &buffer.as_slice()[(first_row + row) * padded.row..];
                let a = Lhs { data, row_stride: 1, k_stride: sw * ci, runs, run_stride: sh * padded.row };
                for column in (0..co).step_by(S::PANEL) {
                    let b = Rhs { data: &y_bar.data[y_at + column..], ..y_bar };
                    let at = row * kw * ci * co + column;
                    let to = Rows { at, row_stride: co, accumulate: band > first };
                    s.panel_into([kw * ci, ow, S::PANEL.min(co - column)], a, b, w_bar, to);
                }
            }
        }
    });
    parallel::sum_in_order(partial.as_slice(), w_bar);
}

/// x_bar, the gradient by x of <y_bar, x conv w>
pub(super) fn input_grad<S: Simd>(s: S, g: &Geometry, y_bar: &[f32], w: &[f32], x_bar: &mut [f32]) {
    let ([oh, ow], [h, wd]) = (g.out_size, g.in_size);
    let (ci, co) = (g.in_channels, g.out_channels);
    let (overlap, padded, mut copy) = (Overlap::new(g), Padded::new(g), None);
    let kernel = overlap.kernel(g, w);
    let b = whole_vectors::<S>(kernel.as_slice(), overlap.window, &mut copy);
    let border = (overlap.segments - 1) * overlap.window;
    // Pixels that no window covers stay 0.
    let reached = (ow + overlap.segments - 1) * overlap.segment;
    // Neighbouring bands both compute the windows between them, so bands are high beside the
    // kernel.
    let work = (wd * ci * g.kernel[0] * g.kernel[1] * co).div_ceil(g.spec.stride[0] * g.spec.stride[1]);
    let bands = Bands::new(g.batch, h, [MIN_TASK.div_ceil(work).max(4 * g.kernel[0]), h]);
    let scratch = Scratch::reserve([overlap.len(), padded.row.max(reached)]);
    parallel::for_each_part(x_bar, [h, bands.height].map(|rows| rows * wd * ci), |band, x_bar| {
        let (n, rows) = bands.get(band);
        let y_bar = &y_bar[n * oh * ow * co..][..oh * ow * co];
        let [mut windows, mut line] = scratch.take();
        let (windows, line) = (windows.as_mut_slice(), line.as_mut_slice());
        for row in windows.chunks_exact_mut(overlap.row) {
            row[..border].fill(0.0);
            row[border + ow * overlap.window..].fill(0.0);
        }
        line.fill(0.0);
        let (mut next, last) = (0, overlap.windows(g, rows.end - 1 + g.spec.padding[0]).end);
        for (r, x_bar) in (rows.start + g.spec.padding[0]..).zip(x_bar.chunks_exact_mut(wd * ci)) {
            if next < last {
                let needed = overlap.windows(g, r);
                if needed.end > next {
                    // As many ahead as there are slots.
                    let ahead = last.min(needed.start + overlap.slots);
                    overlap.multiply(s, [ow, co], needed.start.max(next)..ahead, (y_bar, b), windows);
                    next = ahead;
                }
            }
            let sources = overlap.sources(g, r);
            s.vectorize(
                #[inline(always)]
                || overlap.gather(s, windows, &sources, &mut line[..reached]),
            );
            x_bar.copy_from_slice(&line[g.spec.padding[1] * ci..][..wd * ci]);
        }
    });
}
