//! The transforms of x and y: from images to points and back.
//!
//! | function | formula | rows | columns |
//! | --- | --- | --- | --- |
//! | [`input`] | B^T d B | tiles | channels of all phases of x |
//! | [`input_adjoint`] | B m B^T, overlapping tiles added | tiles | channels of all phases of x |
//! | [`output`] | A^T m A | tiles | channels of y |
//! | [`output_adjoint`] | A y A^T | tiles | channels of y |
//!
//! Each function iterates over tiles, and for each tile over the channels in vectors. An NHWC pixel
//! is a run of channels, so every load and store accesses contiguous numbers. The pixels of a tile
//! are in several rows of an image, in runs that are too short for hardware prefetching. So while
//! one tile is transformed, the pixels of the next tile are prefetched.
//!
//! Each function has code for two kinds of tile. If all points and pixels exist and vectors are
//! whole, the tile is a [`Grid`], and a transform has only loads, sums and stores. Where a
//! transform adds to pixels, all neighbours above and to the left must exist too, so that the
//! shared pixels are known at compile time. If a tile is short or exceeds the image, each element
//! is checked.

use super::Part;
use super::points::{OperandOut, Transformed};
use super::tiling::Tiling;
use super::transform::{self, Form, N};
use super::window::Window;
use crate::simd::{Grid, GridMut, Lattice, Shared, Simd};
use crate::tuning::winograd::MIN_PREFETCH_CHANNELS;
use std::ops::Range;

/// Returns `lanes` consecutive channels of pixel (i, j) of a tile as one vector. The
/// vector is zero if the pixel is outside the image.
#[inline(always)]
fn channels<S: Simd>(
    s: S,
    x: &[f32],
    window: &Window,
    [i, j]: [usize; 2],
    channel: usize,
    lanes: usize,
) -> S::V {
    if window.contains(i, j) && lanes > 0 {
        let at = window.at(i, j) + channel;
        s.load_padded(&x[at..at + lanes], 0)
    } else {
        s.zero()
    }
}

/// Prefetches vectors, whose addresses may be invalid. Not inlined, because the transforms need all
/// registers. It uses no vectors, so it need not be compiled for the instruction set.
#[inline(never)]
fn prefetch<S: Simd>(s: S, x: &[f32], pixels: Lattice) {
    for i in 0..pixels.size[0] {
        for j in 0..pixels.size[1] {
            s.prefetch(x.as_ptr().wrapping_add(pixels.vector(i, j)));
        }
    }
}

/// Returns the product at point (i, j) of the tile and channels whose offset at point 0 is `at`.
/// The product is zero if the tile does not have this point.
#[inline(always)]
fn product<S: Simd>(s: S, m: Transformed<'_>, at: usize, [i, j]: [usize; 2], points: [usize; 2]) -> S::V {
    if i < points[0] && j < points[1] {
        s.load(&m.data[at + (i * N + j) * m.layout.point_stride..])
    } else {
        s.zero()
    }
}

/// Writes d^ = B^T d B of `tiles` to their rows of an operand.
///
/// # Safety
/// No other task may access these rows meanwhile.
#[inline(always)]
pub(super) unsafe fn input<S: Simd>(
    s: S,
    t: &Tiling,
    x: &[f32],
    tiles: Range<usize>,
    OperandOut { data: to, layout, tiles: all }: OperandOut<'_>,
) {
    for number in tiles {
        let (tile, next) = (t.tile(number), t.tile(number + 1));
        let row = t.row(all, number, tile);
        let points = t.points(tile);
        for phase in 0..t.phases() {
            let window = t.input_window(tile, phase);
            let ahead = (t.channels[0] >= MIN_PREFETCH_CHANNELS).then(
                #[inline(always)]
                || t.input_window(next, phase),
            );
            for channel in (0..t.channels[0]).step_by(S::LANES) {
                if let Some(ahead) = &ahead {
                    prefetch(s, x, ahead.pixels(channel));
                }
                let lanes = S::LANES.min(t.g.in_channels.saturating_sub(channel));
                let at = layout.at(row, phase * t.channels[0] + channel);
                // After the last phase, a vector may include channels of the next pixel. Products
                // do not read them.
                if (lanes == S::LANES || t.phases() == 1)
                    && let Some(pixels) = window.whole(channel)
                    && let Some(d) = Grid::new(s, x, pixels)
                {
                    // SAFETY: the vectors are in a row that only this task accesses, by the
                    // caller's promise.
                    let mut m = unsafe { GridMut::new(s, to, layout.points(at)) };
                    transform::input(
                        s,
                        #[inline(always)]
                        |i, j| d.load(i, j),
                        #[inline(always)]
                        |i, j, v| m.store(i, j, v),
                    );
                    continue;
                }
                transform::input(
                    s,
                    #[inline(always)]
                    |i, j| channels(s, x, &window, [i, j], channel, lanes),
                    #[inline(always)]
                    |i, j, v| {
                        if i < points[0] && j < points[1] {
                            // SAFETY: the element is in a row that only this task accesses, by the
                            // caller's promise.
                            s.store(v, unsafe { to.slice(at + (i * N + j) * layout.point_stride, S::LANES) });
                        }
                    },
                );
            }
        }
    }
}

/// Computes y^ = A y A^T for each of `tiles`, and writes it to the row of the tile in an operand of
/// the products.
///
/// # Safety
/// No other task may access these rows meanwhile.
#[inline(always)]
pub(super) unsafe fn output_adjoint<S: Simd, F: Form>(
    s: S,
    t: &Tiling,
    y: &[f32],
    tiles: Range<usize>,
    OperandOut { data: to, layout, tiles: all }: OperandOut<'_>,
) {
    for number in tiles {
        let (tile, next) = (t.tile(number), t.tile(number + 1));
        let row = t.row(all, number, tile);
        let (points, window) = (t.points(tile), t.output_window(tile));
        let ahead = (t.channels[1] >= MIN_PREFETCH_CHANNELS).then(
            #[inline(always)]
            || t.output_window(next),
        );
        for channel in (0..t.channels[1]).step_by(S::LANES) {
            if let Some(ahead) = &ahead {
                prefetch(s, y, ahead.pixels(channel));
            }
            let lanes = S::LANES.min(t.g.out_channels.saturating_sub(channel));
            let at = layout.at(row, channel);
            if lanes == S::LANES
                && let Some(pixels) = window.whole(channel)
                && let Some(pixels) = Grid::new(s, y, pixels)
            {
                // SAFETY: the vectors are in a row that only this task accesses, by the caller's
                // promise.
                let mut m = unsafe { GridMut::new(s, to, layout.points(at)) };
                F::output_adjoint(
                    s,
                    #[inline(always)]
                    |i, j| pixels.load(i, j),
                    #[inline(always)]
                    |i, j, v| m.store(i, j, v),
                );
                continue;
            }
            F::output_adjoint(
                s,
                #[inline(always)]
                |i, j| channels(s, y, &window, [i, j], channel, lanes),
                #[inline(always)]
                |i, j, v| {
                    if i < points[0] && j < points[1] {
                        // SAFETY: the element is in a row that only this task accesses, by the
                        // caller's promise.
                        s.store(v, unsafe { to.slice(at + (i * N + j) * layout.point_stride, S::LANES) });
                    }
                },
            );
        }
    }
}

/// Computes Y = A^T m A of a part. Its columns are channels of y.
///
/// # Safety
/// No other task may access these channels of these tiles of `y` meanwhile.
#[inline(always)]
pub(super) unsafe fn output<S: Simd, F: Form>(
    s: S,
    t: &Tiling,
    m: Transformed<'_>,
    Part { tiles, columns }: &Part,
    y: Shared<'_>,
) {
    let end = columns.end.min(t.g.out_channels);
    for number in tiles.clone() {
        let tile = t.tile(number);
        let row = t.row(tiles, number, tile);
        let (points, window) = (t.points(tile), t.output_window(tile));
        for channel in (columns.start..end).step_by(S::LANES) {
            let at = m.layout.at(row, channel - columns.start);
            if channel + S::LANES <= end
                && let Some(pixels) = window.whole(channel)
                && let Some(m) = Grid::new(s, m.data, m.layout.points(at))
            {
                // SAFETY: only this task accesses these channels of the tile, by the caller's
                // promise.
                let mut y = unsafe { GridMut::new(s, y, pixels) };
                F::output(
                    s,
                    #[inline(always)]
                    |i, j| m.load(i, j),
                    #[inline(always)]
                    |i, j, v| y.store(i, j, v),
                );
                continue;
            }
            F::output(
                s,
                #[inline(always)]
                |i, j| product(s, m, at, [i, j], points),
                #[inline(always)]
                |i, j, v| {
                    if window.contains(i, j) {
                        // SAFETY: only this task accesses these channels of the tile, by the
                        // caller's promise.
                        let lanes =
                            unsafe { y.slice(window.at(i, j) + channel, S::LANES.min(end - channel)) };
                        s.store_padded(v, lanes, 0);
                    }
                },
            );
        }
    }
}

/// Computes x_bar = the sum over tiles of B m B^T, of a part. Its columns are the channels of all
/// phases of x.
///
/// A task transforms its tiles in order. The pixels that a tile shares with the tiles above and to
/// the left already hold the sum of these tiles. All other pixels are written for the first time,
/// so nothing is zeroed before. A band writes the pixels from the top left of its first tiles up to
/// the pixels of the next bands. The tiles above and to the left of the band are computed because
/// the band shares their last pixels.
///
/// # Safety
/// No other task may access these columns of these images of `x_bar` meanwhile, or of the pixels of
/// the band.
#[inline(always)]
pub(super) unsafe fn input_adjoint<S: Simd, F: Form>(
    s: S,
    t: &Tiling,
    m: Transformed<'_>,
    Part { tiles, columns }: &Part,
    x_bar: Shared<'_>,
) {
    let overlap = F::R - 1;
    for number in tiles.clone() {
        let tile = t.tile(number);
        let row = t.row(tiles, number, tile);
        let points = t.points(tile);
        let pixels = [0, 1].map(|axis| t.own_pixels(tile, axis));
        let shared = [tile.at[0] > 0, tile.at[1] > 0].map(|earlier| if earlier { overlap } else { 0 });
        for phase in columns.start / t.channels[0]..columns.end.div_ceil(t.channels[0]) {
            let first = phase * t.channels[0];
            let from = columns.start.max(first);
            let end = columns.end.min(first + t.g.in_channels);
            let mut window = t.input_window(tile, phase);
            for (axis, pixels) in pixels.iter().enumerate().filter(|(_, pixels)| pixels.len() < N) {
                window.keep(axis, pixels);
            }
            for column in (from..end).step_by(S::LANES) {
                let at = m.layout.at(row, column - columns.start);
                let lanes = S::LANES.min(end - column);
                if lanes == S::LANES
                    && shared == [overlap; 2]
                    && let Some(pixels) = window.whole(column - first)
                    && let Some(m) = Grid::new(s, m.data, m.layout.points(at))
                {
                    // SAFETY: only this task accesses these channels of the image, by the caller's
                    // promise.
                    let mut x_bar = unsafe { GridMut::new(s, x_bar, pixels) };
                    transform::input_adjoint(
                        s,
                        #[inline(always)]
                        |i, j| m.load(i, j),
                        #[inline(always)]
                        |i, j, v| {
                            if i < F::R - 1 || j < F::R - 1 {
                                x_bar.add(i, j, v)
                            } else {
                                x_bar.store(i, j, v)
                            }
                        },
                    );
                    continue;
                }
                transform::input_adjoint(
                    s,
                    #[inline(always)]
                    |i, j| product(s, m, at, [i, j], points),
                    #[inline(always)]
                    |i, j, v| {
                        if window.contains(i, j) {
                            // SAFETY: only this task accesses these channels of the image, by the
                            // caller's promise.
                            let lanes = unsafe { x_bar.slice(window.at(i, j) + column - first, lanes) };
                            let seen = i < shared[0] || j < shared[1];
                            let v = if seen { s.add(s.load_padded(lanes, 0), v) } else { v };
                            s.store_padded(v, lanes, 0);
                        }
                    },
                );
            }
        }
    }
}
