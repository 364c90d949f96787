//! The transforms of x and y: from images to points and back.
//!
//! | function | formula | rows | columns |
//! | --- | --- | --- | --- |
//! | [`load`] of x | B^T d B | tiles | channels of all phases of x |
//! | [`store`] to x_bar | B m B^T, overlapping tiles added | tiles | channels of all phases of x |
//! | [`store`] to y | A^T m A | tiles | channels of y |
//! | [`load`] of y_bar | A y A^T | tiles | channels of y |
//!
//! The parameter `X` is true for x and x_bar. Each function iterates over tiles, and for each tile
//! over the channels in vectors. An NHWC pixel is a run of channels, so every load and store
//! accesses contiguous numbers. The pixels of a tile are in several rows of an image, in runs that
//! are too short for hardware prefetching. So while one tile is transformed, the pixels of the next
//! tile are prefetched.
//!
//! Each function has code for two kinds of tile. If a tile is not short, is inside the image and
//! fills whole vectors, it is a [`Grid`], and its transform has only loads, sums and stores. For
//! x_bar, there must also be a tile above and a tile to the left, so that the pixels that they
//! share with this tile are known at compile time. In all other tiles, each element is checked.

use super::points::{OperandOut, Transformed};
use super::tiling::Tiling;
use super::transform::{Form, N};
use super::window::Window;
use crate::simd::{Grid, GridMut, Lattice, Shared, Simd};
use crate::tuning::winograd::MIN_PREFETCH_CHANNELS;
use std::ops::Range;

/// Returns `lanes` channels of pixel (i, j) of a tile as one vector, from channel `channel` on. The
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

/// Prefetches the vectors at `pixels`. Their addresses may be outside `x`. The function is not
/// inlined, because the transforms need all registers. It has no vector arithmetic, so it need not
/// be compiled for each instruction set.
#[inline(never)]
fn prefetch<S: Simd>(s: S, x: &[f32], pixels: Lattice) {
    for i in 0..pixels.size[0] {
        for j in 0..pixels.size[1] {
            s.prefetch(x.as_ptr().wrapping_add(pixels.vector(i, j)));
        }
    }
}

/// Returns a vector of the product `m` at point (i, j). `at` is the offset of this vector at point
/// (0, 0). The tile has `points[0]` x `points[1]` points. The result is zero for all other points.
#[inline(always)]
fn product<S: Simd>(s: S, m: Transformed<'_>, at: usize, [i, j]: [usize; 2], points: [usize; 2]) -> S::V {
    if i < points[0] && j < points[1] {
        s.load(&m.data[at + (i * N + j) * m.layout.point_stride..])
    } else {
        s.zero()
    }
}

/// Transforms the tiles `tiles` of x (if `X`) or y_bar, and writes them to the rows of the operand
/// for these tiles.
///
/// # Safety
/// No other task may access these rows meanwhile.
#[inline(always)]
pub(super) unsafe fn load<S: Simd, F: Form, const X: bool>(
    s: S,
    t: &Tiling,
    image: &[f32],
    tiles: Range<usize>,
    OperandOut { data: to, layout, tiles: all }: OperandOut<'_>,
) {
    let [phases, own, padded] = t.phases_and_channels::<X>();
    for number in tiles {
        let (tile, next) = (t.tile(number), t.tile(number + 1));
        let row = t.row(all, number, tile);
        let points = t.points(tile);
        for phase in 0..phases {
            let window = t.window::<X>(tile, phase);
            let ahead = (padded >= MIN_PREFETCH_CHANNELS).then(
                #[inline(always)]
                || t.window::<X>(next, phase),
            );
            for channel in (0..padded).step_by(S::LANES) {
                if let Some(ahead) = &ahead {
                    prefetch(s, image, ahead.pixels(channel));
                }
                let lanes = S::LANES.min(own.saturating_sub(channel));
                let at = layout.at(row, phase * padded + channel);
                // After the last phase of x, a vector may include channels of the next pixel.
                // Products do not read them.
                if (lanes == S::LANES || X && phases == 1)
                    && let Some(pixels) = window.whole(channel)
                    && let Some(d) = Grid::new(s, image, pixels)
                {
                    // SAFETY: the vectors are in a row that only this task accesses, by the
                    // caller's promise.
                    let mut m = unsafe { GridMut::new(s, to, layout.points(at)) };
                    F::points::<S, X>(
                        s,
                        #[inline(always)]
                        |i, j| d.load(i, j),
                        #[inline(always)]
                        |i, j, v| m.store(i, j, v),
                    );
                    continue;
                }
                F::points::<S, X>(
                    s,
                    #[inline(always)]
                    |i, j| channels(s, image, &window, [i, j], channel, lanes),
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

/// The part of a product that is transformed back at once.
pub(super) struct Part {
    /// The tiles of the product, which are its rows from row 0 on: all tiles of the task, or the
    /// next few of them.
    pub(super) tiles: Range<usize>,
    /// The channels of y, or of all phases of x, which are the columns of the product from column 0
    /// on.
    pub(super) columns: Range<usize>,
}

/// Transforms a part of a product back into tiles of x_bar (if `X`) or y. Tiles of x_bar overlap,
/// and their shared pixels are added.
///
/// A task transforms its tiles in order. The pixels that a tile shares with the tiles above and to
/// the left already hold the sum of these tiles. All other pixels are written for the first time,
/// so nothing is zeroed before. If a task has only a band of the tiles of an image, it writes all
/// pixels of these tiles, except those that the bands below and to the right also write. The tiles
/// just above the band and to its left are computed too, because they share pixels with the band.
///
/// # Safety
/// No other task may access these columns of these tiles meanwhile. If `X`, no other task may
/// access these columns anywhere in the images or bands of the tiles.
#[inline(always)]
pub(super) unsafe fn store<S: Simd, F: Form, const X: bool>(
    s: S,
    t: &Tiling,
    m: Transformed<'_>,
    Part { tiles, columns }: &Part,
    image: Shared<'_>,
) {
    let overlap = if X { F::R - 1 } else { 0 };
    let [_, own, padded] = t.phases_and_channels::<X>();
    let phases = columns.start / padded..columns.end.div_ceil(padded);
    for number in tiles.clone() {
        let tile = t.tile(number);
        let row = t.row(tiles, number, tile);
        let points = t.points(tile);
        // Whether there is a tile above and one to the left. For y, the compiler removes all that
        // depends on them.
        let [above, left] = [tile.at[0] > 0, tile.at[1] > 0];
        let kept = if X { [t.own_pixels(tile, 0), t.own_pixels(tile, 1)] } else { [0..N, 0..N] };
        for phase in phases.clone() {
            let first = phase * padded;
            let from = columns.start.max(first);
            let end = columns.end.min(first + own);
            let mut window = t.window::<X>(tile, phase);
            if X && kept.iter().any(|pixels| pixels.len() < N) {
                window.keep(&kept);
            }
            for column in (from..end).step_by(S::LANES) {
                let at = m.layout.at(row, column - columns.start);
                let lanes = S::LANES.min(end - column);
                if lanes == S::LANES
                    && (!X || above && left)
                    && let Some(pixels) = window.whole(column - first)
                    && let Some(m) = Grid::new(s, m.data, m.layout.points(at))
                {
                    // SAFETY: only this task accesses these channels of the image, by the caller's
                    // promise.
                    let mut image = unsafe { GridMut::new(s, image, pixels) };
                    F::pixels::<S, X>(
                        s,
                        #[inline(always)]
                        |i, j| m.load(i, j),
                        #[inline(always)]
                        |i, j, v| {
                            if i < overlap || j < overlap { image.add(i, j, v) } else { image.store(i, j, v) }
                        },
                    );
                    continue;
                }
                F::pixels::<S, X>(
                    s,
                    #[inline(always)]
                    |i, j| product(s, m, at, [i, j], points),
                    #[inline(always)]
                    |i, j, v| {
                        if window.contains(i, j) {
                            // SAFETY: only this task accesses these channels of the image, by the
                            // caller's promise.
                            let lanes = unsafe { image.slice(window.at(i, j) + column - first, lanes) };
                            let seen = above && i < overlap || left && j < overlap;
                            let v = if seen { s.add(s.load_padded(lanes, 0), v) } else { v };
                            s.store_padded(v, lanes, 0);
                        }
                    },
                );
            }
        }
    }
}
