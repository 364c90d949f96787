//! The transforms of x and y: from images to points and back.
//!
//! | function | formula | rows | columns |
//! | --- | --- | --- | --- |
//! | [`input`] | B^T d B | tiles | channels of all phases of x |
//! | [`input_adjoint`] | B m B^T, overlapping tiles added | tiles | channels of all phases of x |
//! | [`output`] | A^T m A | tiles | channels of y |
//! | [`output_adjoint`] | A y A^T | tiles | channels of y |
//!
//! Each walks tiles, and for each tile the channels by vectors: an NHWC pixel is a run of channels,
//! so every load and store is of neighbouring numbers. A tile's pixels are in several rows of an
//! image, in runs too short for the processor's own prefetching. So while one tile is transformed,
//! the next one's pixels are prefetched.
//!
//! Each is written for two kinds of tile. Where all points and pixels exist and vectors are whole,
//! these are [`Grid`]s, and a transform is loads, sums and stores alone; where pixels are added to,
//! all four neighbours above and to the left must exist, too, so that it is known which. For a tile
//! that is short or sticks out of the image, each element is checked.

use super::Part;
use super::points::{OperandOut, Transformed};
use super::tiling::Tiling;
use super::transform::{self, Form, N};
use super::window::Window;
use crate::simd::{Grid, GridMut, Lattice, Shared, Simd};
use crate::tuning::winograd::MIN_PREFETCH_CHANNELS;
use std::ops::Range;

/// `lanes` channels of pixel (i, j) of a tile from one channel on, as one vector; zeros if the
/// pixel is outside.
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

/// Prefetches vectors, whose addresses may be invalid. Not inlined, because the transforms
/// need all registers; it has no vectors, so it need not be compiled for their instructions.
#[inline(never)]
fn prefetch<S: Simd>(s: S, x: &[f32], pixels: Lattice) {
    for i in 0..pixels.size[0] {
        for j in 0..pixels.size[1] {
            s.prefetch(x.as_ptr().wrapping_add(pixels.vector(i, j)));
        }
    }
}

/// The product at point (i, j) of the tile and channels that are `at` an offset at point 0; zero if
/// the tile has no such point.
#[inline(always)]
fn product<S: Simd>(s: S, m: Transformed<'_>, at: usize, [i, j]: [usize; 2], points: [usize; 2]) -> S::V {
    if i < points[0] && j < points[1] {
        s.load(&m.data[at + (i * N + j) * m.layout.point_stride..])
    } else {
        s.zero()
    }
}

/// d^ = B^T d B of `tiles`, into their rows of an operand.
///
/// # Safety
/// Nobody else may access these rows meanwhile.
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
                // Behind the last phase, a vector may reach into the next pixels' channels:
                // products stop before them.
                if (lanes == S::LANES || t.phases() == 1)
                    && let Some(pixels) = window.whole(channel)
                    && let Some(d) = Grid::new(s, x, pixels)
                {
                    // SAFETY: vectors of a row that is ours by the caller's promise.
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
                            // SAFETY: an element of a row that is ours by the caller's promise.
                            s.store(v, unsafe { to.slice(at + (i * N + j) * layout.point_stride, S::LANES) });
                        }
                    },
                );
            }
        }
    }
}

/// y^ = A y A^T of `tiles`, into their rows of an operand.
///
/// # Safety
/// Nobody else may access these rows meanwhile.
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
                // SAFETY: vectors of a row that is ours by the caller's promise.
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
                        // SAFETY: an element of a row that is ours by the caller's promise.
                        s.store(v, unsafe { to.slice(at + (i * N + j) * layout.point_stride, S::LANES) });
                    }
                },
            );
        }
    }
}

/// Y = A^T m A of a part: its columns are channels of y.
///
/// # Safety
/// Nobody else may access these channels of these tiles of `y` meanwhile.
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
                // SAFETY: channels of a tile that are ours by the caller's promise.
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
                        // SAFETY: channels of a tile that are ours by the caller's promise.
                        let lanes =
                            unsafe { y.slice(window.at(i, j) + channel, S::LANES.min(end - channel)) };
                        s.store_padded(v, lanes, 0);
                    }
                },
            );
        }
    }
}

/// x_bar = the sum over tiles of B m B^T, of a part: its columns are the channels of all phases of
/// x.
///
/// A task transforms its tiles in order, so the pixels that a tile shares with the tiles above and
/// to the left of it already hold the sum of those. All other pixels are written for the first
/// time, and nothing is zeroed first. A band writes the pixels from the top and the left of its
/// first tiles to those of the next bands. The tiles above and to the left are computed for their
/// last pixels, which the band shares with them.
///
/// # Safety
/// Nobody else may access these columns of these images, or of the pixels of the band, of `x_bar`
/// meanwhile.
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
                    // SAFETY: channels of an image that are ours by the caller's promise.
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
                            // SAFETY: channels of an image that are ours by the caller's promise.
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
