//! The weight gradient of a kernel twice as long as its stride, in 9 products for every 16 of the plain sum.
//!
//! Along one axis, such a kernel has two taps in each phase, and two neighbouring outputs y0, y1 meet three neighbours x0, x1, x2 of the
//! phase (they are a stride apart in the image):
//!
//! > w0 += y0 x0 + y1 x1,   w1 += y0 x1 + y1 x2
//!
//! Four products; three are enough, F(2, 2) of Winograd (1980):
//!
//! > m0 += y0 (x0 - x1),   m1 += (y0 + y1) x1,   m2 += y1 (x1 - x2),   and in the end  w0 = m0 + m1,   w1 = m1 - m2
//!
//! With both axes, nine for sixteen. What makes it worth while without the tiles of `winograd` is that nothing needs to be transformed:
//! differences of pixels a stride apart are whole *images* of differences, found by three passes over x, which few channels make short; the
//! sums of y are five additions to 2 x 2 pixels; and the products are added up, for all images of a task, before they are taken apart.
//! Every sum is of products of sums, so small integers stay exact.
//!
//! Eighteen sums and nine vectors of y want 32 registers: with 16, AVX2 does better by the plain sum.

use super::{MAX_PARTIAL, SHARES, whole_vectors};
use crate::conv2d::Geometry;
use crate::isa::Isa;
use crate::memory::{Buffer, Scratch};
use crate::parallel;
use crate::simd::{Differences, LINE, POINTS, Rhs, Simd, add_pairs};

/// Numbers of an image and its differences that a task has at a time: they shall stay in the second-level cache.
const MAX_IMAGES: usize = 24 * 1024;

/// With more channels of x, sums of many products pay for the tiles of Winograd's algorithm.
const MAX_IN_CHANNELS: usize = 4;
/// Sums are loaded and stored once a band, and added up, and taken apart: bands must have so many tiles, and all images together.
const MIN_TILES: [usize; 2] = [32, 1024];

/// Is it faster than the plain sum and, where that serves the geometry, than Winograd's algorithm on packed phases?
pub(in crate::conv2d) fn pays(g: &Geometry) -> bool {
    if Isa::active() != Isa::Avx512 || !super::pays(g) || !possible(g) || g.in_channels > MAX_IN_CHANNELS {
        return false;
    }
    let (bands, columns) = (Bands::new(g), g.out_size[1] / 2);
    let tiles = [bands.tiles, g.batch * bands.all].map(|rows| rows * columns);
    (0..2).all(|i| tiles[i] >= MIN_TILES[i]) && SHARES * sums_len(g, LINE) <= MAX_PARTIAL
}

/// Does it serve the geometry?
pub(super) fn possible(g: &Geometry) -> bool {
    let pairs = |a: usize| g.kernel[a] == 2 * g.spec.stride[a] && g.out_size[a].is_multiple_of(2);
    super::possible(g) && pairs(0) && pairs(1)
}

/// Sums of a task, with vectors of so many lanes: of all numbers of x in a pixel of all its phases and all channels of y, at all points.
fn sums_len(g: &Geometry, lanes: usize) -> usize {
    g.spec.stride[0] * g.spec.stride[1] * g.in_channels * POINTS * g.out_channels.next_multiple_of(lanes)
}

/// Bands of an image, whole rows of tiles, which a task takes one by one.
struct Bands {
    /// Numbers from a pixel to the next of its phase, below and to the right.
    step: [usize; 2],
    /// Numbers of a row of the padded image, in whole lines of the cache.
    row: usize,
    /// Rows of tiles in an image, and in a band (but for the last).
    all: usize,
    tiles: usize,
}

impl Bands {
    fn new(g: &Geometry) -> Self {
        let row = ((g.in_size[1] + 2 * g.spec.padding[1]) * g.in_channels).next_multiple_of(LINE);
        let (step, all) = ([g.spec.stride[0] * row, g.spec.stride[1] * g.in_channels], g.out_size[0] / 2);
        // As many as the cache holds, unless there would be fewer bands than shares; all alike.
        let most = (MAX_IMAGES / (8 * step[0])).min(g.batch * all / SHARES).clamp(1, all);
        Bands { step, row, all, tiles: all.div_ceil(all.div_ceil(most)) }
    }

    /// Bands in an image.
    fn count(&self) -> usize {
        self.all.div_ceil(self.tiles)
    }

    /// Numbers of `tiles` rows of tiles; what they reach below them comes to one pixel more.
    fn len(&self, tiles: usize) -> usize {
        2 * tiles * self.step[0]
    }

    /// Copies rows of `image` between the zeros to their sides, the first of tile row `first` foremost.
    fn fill(&self, g: &Geometry, image: &[f32], first: usize, x: &mut [f32]) {
        let (line, side) = (g.in_size[1] * g.in_channels, g.spec.padding[1] * g.in_channels);
        let top = 2 * first * g.spec.stride[0];
        for (r, x) in x.chunks_exact_mut(self.row).enumerate() {
            let x = &mut x[side..side + line];
            // Above the image, this wraps.
            match (top + r).wrapping_sub(g.spec.padding[0]) {
                row if row < g.in_size[0] => x.copy_from_slice(&image[row * line..][..line]),
                _ => x.fill(0.0),
            }
        }
    }
}

/// to = a - b
#[inline(always)]
fn subtract(to: &mut [f32], a: &[f32], b: &[f32]) {
    for ((to, &a), &b) in to.iter_mut().zip(a).zip(b) {
        *to = a - b;
    }
}

/// w_bar, the gradient by w of <y_bar, x conv w>
pub(in crate::conv2d) fn weight_grad<S: Simd>(
    s: S,
    g: &Geometry,
    x: &[f32],
    y_bar: &[f32],
    w_bar: &mut [f32],
) {
    let ([oh, ow], co, bands) = (g.out_size, g.out_channels, Bands::new(g));
    let (image, [down, across], mut copy) = (g.in_size[0] * g.in_size[1] * g.in_channels, bands.step, None);
    let y_bar = whole_vectors::<S>(y_bar, co, &mut copy);
    // A task: a share of the bands of all images.
    let (all, len) = (g.batch * bands.count(), sums_len(g, S::LANES));
    let share = all.div_ceil(SHARES);
    let mut partial = Buffer::take(all.div_ceil(share) * len);
    let plane = bands.len(bands.tiles) + down;
    let scratch = Scratch::reserve([plane; 4]);
    parallel::for_each_chunk(partial.as_mut_slice(), len, |task, sums| {
        let [mut x_band, mut x_across, mut x_down, mut x_both] = scratch.take();
        x_band.as_mut_slice().fill(0.0);
        sums.fill(0.0);
        for band in task * share..all.min((task + 1) * share) {
            let (n, i) = (band / bands.count(), band % bands.count() * bands.tiles);
            let tiles = bands.tiles.min(bands.all - i);
            let len = bands.len(tiles);
            bands.fill(g, &x[n * image..][..image], i, &mut x_band.as_mut_slice()[..len + down]);
            s.vectorize(
                #[inline(always)]
                || {
                    let x = x_band.as_slice();
                    subtract(&mut x_across.as_mut_slice()[..len + down], x, &x[across..]);
                    subtract(&mut x_down.as_mut_slice()[..len], x, &x[down..]);
                    subtract(
                        &mut x_both.as_mut_slice()[..len],
                        x_across.as_slice(),
                        &x_across.as_slice()[down..],
                    );
                },
            );
            let x = Differences {
                x: x_band.as_slice(),
                across: x_across.as_slice(),
                down: x_down.as_slice(),
                both: x_both.as_slice(),
                step: bands.step,
            };
            let y_bar = Rhs { data: &y_bar.data[(n * oh + 2 * i) * ow * y_bar.row_stride..], ..y_bar };
            s.vectorize(
                #[inline(always)]
                || add_band(s, g, [tiles, ow / 2], x, bands.row, y_bar, sums),
            );
        }
    });
    let mut sums = Buffer::take(len);
    parallel::sum_in_order(partial.as_slice(), sums.as_mut_slice());
    s.vectorize(
        #[inline(always)]
        || take_apart(s, g, sums.as_slice(), w_bar),
    );
}

/// Adds the products of a band to `sums`: \[vectors of channels of y\]\[rows, numbers of a phase's pixel of x\]\[points\].
#[inline(always)]
fn add_band<S: Simd>(
    s: S,
    g: &Geometry,
    tiles: [usize; 2],
    x: Differences<'_>,
    row: usize,
    y: Rhs<'_>,
    sums: &mut [f32],
) {
    let (rows, run, number) = (g.spec.stride[0], x.step[1], POINTS * S::LANES);
    for (v, sums) in sums.chunks_exact_mut(rows * run * number).enumerate() {
        let y = Rhs { data: &y.data[v * S::LANES..], ..y };
        for (a, sums) in sums.chunks_exact_mut(run * number).enumerate() {
            for (pair, sums) in sums.chunks_mut(2 * number).enumerate() {
                let x = (x, a * row + 2 * pair);
                match sums.len() == number {
                    true => add_pairs::<S, 1>(s, tiles, x, y, sums),
                    false => add_pairs::<S, 2>(s, tiles, x, y, sums),
                }
            }
        }
    }
}

/// w_bar from the sums of products.
#[inline(always)]
fn take_apart<S: Simd>(s: S, g: &Geometry, sums: &[f32], w_bar: &mut [f32]) {
    let ([sh, sw], ci, co) = (g.spec.stride, g.in_channels, g.out_channels);
    let (run, number) = (sw * ci, POINTS * S::LANES);
    for (at, sums) in sums.chunks_exact(number).enumerate() {
        let (column, a, p) = (at / (sh * run) * S::LANES, at / run % sh, at % run);
        let m: [S::V; POINTS] = std::array::from_fn(
            #[inline(always)]
            |p| s.load(&sums[p * S::LANES..]),
        );
        for j in 0..2 {
            // Along the rows of x first: m0 + m1 or m1 - m2 of each row of points.
            let [m0, m1, m2] = [0, 3, 6].map(
                #[inline(always)]
                |i| if j == 0 { s.add(m[i], m[i + 1]) } else { s.sub(m[i + 1], m[i + 2]) },
            );
            for (i, w) in [s.add(m0, m1), s.sub(m1, m2)].into_iter().enumerate() {
                let to = &mut w_bar[((a + i * sh) * 2 * run + p + j * run) * co..][..co];
                s.store_padded(w, to, column);
            }
        }
    }
}
