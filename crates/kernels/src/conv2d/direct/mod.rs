//! Convolution that reads windows directly from the image. It is for layers that do not suit
//! Winograd's algorithm: x has few channels and there is no stride to remove, y has few channels,
//! the kernel has one tap, or there are few pixels in all. It supports any geometry without
//! dilation and groups, in `f32`, with vector instructions.
//!
//! In a padded NHWC image, one kernel row of a window is a run of `kw * channels` contiguous
//! numbers. The window of the next output pixel starts `stride * channels` numbers later. So the
//! micro-kernel reads windows in place, and patches are never copied:
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
//! | kernel | product, per image | how the left operand is read |
//! | --- | --- | --- |
//! | [`forward`] | \[windows of an output row\] \[kernel\] | by rows, kh runs |
//! | [`weight_grad`] | \[windows\]^T y_bar, for each kernel row | by columns, one run per output row |
//! | [`pairs::weight_grad`] | the same product, for kernels twice as long as their stride | by pairs of taps, from images of differences |
//! | [`input_grad`] | y_bar \[kernel\]^T, then overlapping windows are added | by rows |
//!
//! A task computes a band of rows of one image. The band has all rows of the image, unless there
//! are few images or the images are large. If there are few rows, a task computes only some of the
//! columns or channels of the result ([`Pieces`]).

mod overlap;
pub(super) mod pairs;
#[cfg(test)]
mod tests;

use super::Geometry;
use crate::memory::{Buffer, Scratch};
use crate::parallel;
use crate::simd::{Columns, Lhs, Pieces, Rhs, Simd, for_each_piece};
use crate::size;
use crate::tuning::InstructionSet;
use crate::tuning::conv2d::direct::{
    CHANNELS, FEWEST_CHANNELS, MAX_BAND, MAX_COLUMNS, MAX_PARTIAL, MIN_COLUMNS, MIN_OUT_CHANNELS,
    MIN_ROWS_OF_W, SHARES,
};
use crate::tuning::tasks::{CHUNK, MIN_TASK};
use overlap::{Kernels, Overlap};
use std::ops::Range;

/// Returns whether this path is faster than `products`, which copies patches. It is not faster
/// without vector instructions, or if y has few channels.
pub(super) fn pays(g: &Geometry) -> bool {
    possible(g) && g.out_channels >= MIN_OUT_CHANNELS && InstructionSet::active().direct && !g.is_dense()
}

/// Returns whether this path supports the geometry.
pub(super) fn possible(g: &Geometry) -> bool {
    let empty = g.batch == 0 || g.in_size.contains(&0) || g.out_size.contains(&0);
    let [height, width] = [0, 1].map(|a| g.in_size[a] + 2 * g.spec.padding[a]);
    let padded = size::checked_len(&[height, width, g.in_channels]);
    // A stride much larger than the image would result in long segments of zeros.
    let strides = g.spec.stride[0] / 4 <= height && g.spec.stride[1] / 4 <= width;
    let plain = !empty && g.spec.dilation == [1, 1] && g.spec.groups == 1;
    plain
        && strides
        && g.affords(padded)
        && g.affords(Some(Overlap::new(g, &(0..g.in_size[1]), g.in_channels).len()))
}

/// Returns the least and the largest number of rows of y in a band, as limits for [`bands_of`].
/// With the least number, a band is enough work for a task. With the largest number, the windows of
/// a band read up to [`MAX_BAND`] numbers of a padded image.
fn band_of_windows(g: &Geometry) -> [usize; 2] {
    let work = g.out_size[1] * g.kernel[0] * g.kernel[1] * g.in_channels * g.out_channels;
    let highest = (MAX_BAND / padded_row(g)).saturating_sub(g.kernel[0]) / g.spec.stride[0] + 1;
    [MIN_TASK.div_ceil(work), highest]
}

/// Divides the rows of y of each image into bands of about equal height, from the shape alone.
/// [`weight_grad`] divides the bands of all images into shares, and adds up the sums of the shares.
/// A band has at most `highest` rows. If there are enough images for all threads, a band is a whole
/// image, or as many rows as `highest` allows. If there are fewer images, bands are lower, but they
/// have at least `lowest` rows unless `highest` is less.
fn bands_of(batch: usize, rows: usize, [lowest, highest]: [usize; 2]) -> Pieces {
    let bands = SHARES.div_ceil(batch).min(rows / lowest.max(1)).max(rows.div_ceil(highest.max(1))).max(1);
    Pieces::new([batch, rows, 1, 1], [1, rows.div_ceil(bands), 1, 1])
}

/// The bands of all images of x with their padding: the rows of a padded image that the windows of
/// a band read.
struct PaddedBands<'a> {
    g: &'a Geometry,
    x: &'a [f32],
    bands: Pieces,
    /// The length of a row of a padded image.
    row: usize,
    /// The length of a band.
    len: usize,
}

impl PaddedBands<'_> {
    /// Returns the image of a band, and the first row of the band in the padded image.
    fn get(&self, band: usize) -> (&[f32], usize) {
        let ([n, windows, ..], image) = (self.bands.get(band), self.x.len() / self.g.batch);
        (&self.x[n.start * image..][..image], windows.start * self.g.spec.stride[0])
    }

    /// Writes a band to `to`, and returns it. The padding at the left and right in `to` must
    /// already be 0.
    fn fill<'a>(&self, band: usize, to: &'a mut [f32]) -> &'a [f32] {
        let (x, first) = self.get(band);
        pad_rows(self.g, x, [first, 0], self.row, to);
        to
    }

    /// Returns all bands, one after another.
    fn all(&self) -> Buffer<f32> {
        let mut all = Buffer::take(self.bands.count() * self.len);
        let (part, rows) = (CHUNK.min(self.row), self.len / self.row);
        parallel::for_each_part(all.as_mut_slice(), [self.row, part], |i, to| {
            let (row, at) = (i / self.row.div_ceil(part), i % self.row.div_ceil(part) * part);
            let (x, first) = self.get(row / rows);
            to.fill(0.0);
            pad(self.g, x, [first + row % rows, at], to);
        });
        all
    }
}

/// Returns the length of a row of a padded image.
fn padded_row(g: &Geometry) -> usize {
    (g.in_size[1] + 2 * g.spec.padding[1]) * g.in_channels
}

/// Returns the number of rows of a padded image that `windows` neighbouring rows of windows read.
fn padded_rows(g: &Geometry, windows: usize) -> usize {
    (windows - 1) * g.spec.stride[0] + g.kernel[0]
}

/// Writes a part of row `row` of a padded image to `to`, from number `at` of the row on. `x` is the
/// image without padding. The padding at the left and right in `to` must already be 0.
fn pad(g: &Geometry, x: &[f32], [row, at]: [usize; 2], to: &mut [f32]) {
    let (line, side) = (g.in_size[1] * g.in_channels, g.spec.padding[1] * g.in_channels);
    // This wraps above the image.
    let row = row.wrapping_sub(g.spec.padding[0]);
    if row >= g.in_size[0] {
        return to.fill(0.0);
    }
    let inside = side.saturating_sub(at).min(to.len())..(side + line).saturating_sub(at).min(to.len());
    if !inside.is_empty() {
        let from = row * line + at + inside.start - side;
        to[inside.clone()].copy_from_slice(&x[from..][..inside.len()]);
    }
}

/// Calls [`pad`] for neighbouring rows of a padded image, from row `row` on. Each row starts
/// `stride` numbers after the row before it in `to`.
fn pad_rows(g: &Geometry, x: &[f32], [row, at]: [usize; 2], stride: usize, to: &mut [f32]) {
    for (row, to) in (row..).zip(to.chunks_exact_mut(stride)) {
        pad(g, x, [row, at], to);
    }
}

/// Returns the row stride of a right operand with `cols` columns, whose rows are padded to whole
/// vectors.
fn whole_row<S: Simd>(cols: usize) -> usize {
    if cols.is_multiple_of(S::LANES) { cols } else { cols.next_multiple_of(S::PANEL) }
}

/// Returns `data` as a right operand whose rows are whole vectors. `data` has rows of `cols`
/// numbers. If such a row is not a whole number of vectors, `data` is copied to `copy`, with zeros
/// after each row.
fn whole_vectors<'a, S: Simd>(data: &'a [f32], cols: usize, copy: &'a mut Option<Buffer<f32>>) -> Rhs<'a> {
    if cols.is_multiple_of(S::LANES) {
        return Rhs::new(data, cols);
    }
    let row_stride = whole_row::<S>(cols);
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

/// Computes y = x conv w.
pub(super) fn forward<S: Simd>(s: S, g: &Geometry, x: &[f32], w: &[f32], y: &mut [f32]) {
    let ([kh, kw], [sh, sw], [_, oh, ow, co]) = (g.kernel, g.spec.stride, g.y_shape());
    let (ci, image, mut copy) = (g.in_channels, g.in_size[0] * g.in_size[1] * g.in_channels, None);
    let w = whole_vectors::<S>(w, co, &mut copy);
    let ([lowest, highest], widest) = (band_of_windows(g), MAX_BAND / (kh * sw * ci));
    let limits = [[1, lowest, MIN_COLUMNS, CHANNELS], [1, highest, widest.max(MAX_COLUMNS), co]];
    let pieces = Pieces::divide([g.batch, oh, ow, co], limits, kh * kw * ci);
    let row_of = |columns: usize| ((columns - 1) * sw + kw) * ci;
    let [_, height, width, _] = pieces.part;
    let scratch = Scratch::reserve([padded_rows(g, height) * row_of(width)]);
    for_each_piece(y, &pieces, |piece| {
        let [images, rows, columns, channels] = piece.at.clone();
        let ([mut padded], row) = (scratch.take(), row_of(columns.len()));
        let padded = &mut padded.as_mut_slice()[..padded_rows(g, rows.len()) * row];
        let x = &x[images.start * image..][..image];
        padded.fill(0.0);
        pad_rows(g, x, [rows.start * sh, columns.start * sw * ci], row, padded);
        for i in rows.clone() {
            let data = &padded[(i - rows.start) * sh * row..];
            let a = Lhs { runs: kh, run_stride: row, ..Lhs::new(data, sw * ci, 1) };
            let b = Columns::in_place::<S>(Rhs { data: &w.data[channels.start..], ..w });
            s.product_into(kw * ci, a, b, piece.row(images.start, i), false);
        }
    });
}

/// Computes w_bar, the gradient of <y_bar, x conv w> with respect to w.
pub(super) fn weight_grad<S: Simd>(s: S, g: &Geometry, x: &[f32], y_bar: &[f32], w_bar: &mut [f32]) {
    let ([kh, kw], [sh, sw], [_, oh, ow, co]) = (g.kernel, g.spec.stride, g.y_shape());
    let (ci, len, row) = (g.in_channels, w_bar.len(), padded_row(g));
    let mut copy = None;
    let y_bar = whole_vectors::<S>(y_bar, co, &mut copy);
    let bands = bands_of(g.batch, oh, band_of_windows(g));
    let (all_bands, height) = (bands.count(), bands.part[1]);
    let share = all_bands.div_ceil((MAX_PARTIAL / len).clamp(1, SHARES));
    let shares = all_bands.div_ceil(share);
    // A task has a share of the bands and all of w_bar. If there are few shares, a task has only
    // some kernel rows, taps and channels of w_bar.
    let rows = if shares < SHARES / 2 { 1 } else { kh };
    let limits = [[1, 1, MIN_ROWS_OF_W, CHANNELS], [1, rows, kw * ci, co]];
    let pieces = Pieces::divide([shares, kh, kw * ci, co], limits, share * height * ow);
    let padded = PaddedBands { g, x, bands, row, len: padded_rows(g, height) * row };
    // Tasks of the same share read the same bands, so these are padded only once.
    let all = (pieces.count() / shares > kh).then(|| padded.all());
    let mut partial = Buffer::take(shares * len);
    let scratch = Scratch::reserve([if all.is_some() { 0 } else { padded.len }]);
    for_each_piece(partial.as_mut_slice(), &pieces, |piece| {
        let [of, kernel_rows, taps, channels] = piece.at.clone();
        let [mut own] = scratch.take();
        own.as_mut_slice().fill(0.0);
        let first = of.start * share;
        for band in first..(first + share).min(all_bands) {
            let [n, windows, ..] = bands.get(band);
            let data = match &all {
                Some(all) => &all.as_slice()[band * padded.len..][..padded.len],
                None => padded.fill(band, own.as_mut_slice()),
            };
            let (y_at, runs) = ((n.start * oh + windows.start) * ow * y_bar.row_stride, windows.len());
            for r in kernel_rows.clone() {
                let data = &data[r * row + taps.start..];
                let a = Lhs { runs, run_stride: sh * row, ..Lhs::new(data, 1, sw * ci) };
                let b = Columns::in_place::<S>(Rhs { data: &y_bar.data[y_at + channels.start..], ..y_bar });
                s.product_into(ow, a, b, piece.row(of.start, r), band > first);
            }
        }
    });
    parallel::sum_in_order(partial.as_slice(), w_bar);
}

/// Returns the division of x_bar into pieces, one for each task. A window that reaches into two
/// pieces is computed twice. So the height and the width of a piece are several times those of the
/// kernel. If that gives too few pieces, smaller pieces are used.
fn pieces_of_x(g: &Geometry) -> Pieces {
    let [batch, h, w, ci] = g.x_shape();
    let [sh, sw] = g.spec.stride;
    let work = (g.kernel[0] * g.kernel[1] * g.out_channels).div_ceil(sh * sw);
    let widest = (MAX_BAND / (g.kernel[0] * g.kernel[1] * ci)).max(MAX_COLUMNS).saturating_mul(sw);
    let least =
        |times: usize, channels| [1, times * g.kernel[0], (times * g.kernel[1]).max(MIN_COLUMNS), channels];
    let [usual, fewest] = [least(4, CHANNELS), least(2, FEWEST_CHANNELS)];
    Pieces::divide_further([batch, h, w, ci], [usual, fewest], [1, h, widest.max(usual[2]), ci], work)
}

/// Computes x_bar, the gradient of <y_bar, x conv w> with respect to x.
pub(super) fn input_grad<S: Simd>(s: S, g: &Geometry, y_bar: &[f32], w: &[f32], x_bar: &mut [f32]) {
    let ([oh, ow], co, pieces) = (g.out_size, g.out_channels, pieces_of_x(g));
    let kernels = Kernels::new(s, g, w, pieces.part[3]);
    let overlap_of = |at: &[Range<usize>; 4]| Overlap::new(g, &at[2], at[3].len());
    let [windows, line] = (0..pieces.counts[2..].iter().product())
        .map(|i| overlap_of(&pieces.get(i)))
        .fold([0; 2], |[windows, line], overlap| [overlap.len().max(windows), overlap.line.max(line)]);
    let scratch = Scratch::reserve([windows, line]);
    for_each_piece(x_bar, &pieces, |piece| {
        let (overlap, [images, rows, columns, channels]) = (overlap_of(&piece.at), piece.at.clone());
        let y_bar = &y_bar[images.start * oh * ow * co..][..oh * ow * co];
        let b = kernels.get(g, channels.start);
        let [mut windows, mut line] = scratch.take();
        let (windows, line) = (windows.as_mut_slice(), line.as_mut_slice());
        overlap.clear_borders(windows);
        line.fill(0.0);
        let (padding, len) = (g.spec.padding, columns.len() * channels.len());
        let skip = (columns.start + padding[1]) * channels.len() - overlap.first * overlap.segment;
        let (mut next, last) = (0, overlap.windows(g, rows.end - 1 + padding[0]).end);
        for row in rows {
            let r = row + padding[0];
            if next < last {
                let needed = overlap.windows(g, r);
                if needed.end > next {
                    // Computes as many rows ahead as there are slots.
                    let ahead = last.min(needed.start + overlap.slots);
                    overlap.multiply(s, [ow, co], needed.start.max(next)..ahead, (y_bar, b), windows);
                    next = ahead;
                }
            }
            let sources = overlap.sources(g, r);
            s.vectorize(
                #[inline(always)]
                || overlap.gather(s, windows, &sources, &mut line[..overlap.across * overlap.segment]),
            );
            piece.row(images.start, row).copy_from(&line[skip..][..len]);
        }
    });
}
