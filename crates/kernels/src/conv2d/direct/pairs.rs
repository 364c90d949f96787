//! The weight gradient of a kernel twice as long as its stride, in 9 products for every 16 of the
//! plain sum.
//!
//! A *phase* is every stride-th pixel of the image. Along one axis, the kernel has two taps in each
//! phase. Two neighbouring outputs y0, y1 are multiplied with three consecutive pixels x0, x1, x2
//! of a phase:
//!
//! > w0 += y0 x0 + y1 x1,   w1 += y0 x1 + y1 x2
//!
//! These are four products. Three are enough, F(2, 2) of Winograd (1980):
//!
//! > m0 += y0 (x0 - x1),   m1 += (y0 + y1) x1,   m2 += y1 (x1 - x2),
//! > and in the end  w0 = m0 + m1,   w1 = m1 - m2
//!
//! With both axes, there are nine products instead of sixteen. `winograd` transforms one tile after
//! another. This module instead subtracts whole images: three passes over x compute three images of
//! differences of pixels that are a stride apart. The passes are short because x has few channels.
//! The sums of y need five additions per 2 x 2 pixels. The products are summed over all images of a
//! task before they are combined into w_bar. All steps are additions, subtractions and
//! multiplications, so results from small integers are exact. As in all of Winograd's algorithms,
//! an infinity in x may become NaN.
//!
//! The inner loop has eighteen sums (nine for each of two numbers of x) and nine vectors of y. They
//! need the 32 registers of AVX-512. With the 16 registers of AVX2, the plain sum is faster.

use super::{pad_rows, whole_vectors};
use crate::conv2d::Geometry;
use crate::memory::{Buffer, Scratch};
use crate::parallel;
use crate::simd::{Differences, POINTS, PREFETCHED, Pieces, Rhs, Simd, add_pairs};
use crate::tuning::InstructionSet;
use crate::tuning::cache::LINE;
use crate::tuning::conv2d::direct::{MAX_PARTIAL, SHARES};
use crate::tuning::conv2d::pairs::{MAX_BAND, MAX_CHANNELS, MIN_PREFETCHED_Y, MIN_TILES, MIN_TILES_OF_BAND};

/// Returns whether pairs of taps are faster than the plain sum. They are then also faster than
/// Winograd's algorithm on packed phases, if that algorithm supports the layer.
pub(in crate::conv2d) fn pays(g: &Geometry) -> bool {
    if !InstructionSet::active().pairs || !super::pays(g) || !possible(g) || numbers(g) > MAX_CHANNELS {
        return false;
    }
    let (bands, columns) = (Bands::new(g), g.out_size[1] / 2);
    let cached = 4 * bands.len(bands.height()) <= MAX_BAND;
    // A vector of AVX-512 has the length of a cache line.
    let small = SHARES * sums_len(g, LINE) <= MAX_PARTIAL;
    let many =
        bands.height() * columns >= MIN_TILES_OF_BAND && g.batch * (g.out_size[0] / 2) * columns >= MIN_TILES;
    cached && small && many
}

/// Returns whether this path supports the geometry.
pub(super) fn possible(g: &Geometry) -> bool {
    super::possible(g)
        && (0..2).all(|a| g.kernel[a] == 2 * g.spec.stride[a] && g.out_size[a].is_multiple_of(2))
}

/// Returns the number of channels of all phases of x together.
fn numbers(g: &Geometry) -> usize {
    g.spec.stride[0] * g.spec.stride[1] * g.in_channels
}

/// Returns the number of sums of a task. There is one sum for each combination of a channel of a
/// phase of x, one of the nine products, and a channel of y. The channels of y are padded to whole
/// vectors.
fn sums_len(g: &Geometry, lanes: usize) -> usize {
    numbers(g) * POINTS * g.out_channels.next_multiple_of(lanes)
}

/// The division of all images into bands of rows of tiles. A tile is 2 x 2 pixels of y. A task
/// computes its bands one by one.
struct Bands {
    /// The distance from a pixel to the next pixel of its phase below it, and to the next one on
    /// its right.
    step: [usize; 2],
    /// The length of a line of the padded image, in whole cache lines.
    line: usize,
    /// The rows of tiles of all images, in bands of about the same height.
    rows: Pieces,
}

impl Bands {
    fn new(g: &Geometry) -> Self {
        let line = ((g.in_size[1] + 2 * g.spec.padding[1]) * g.in_channels).next_multiple_of(LINE);
        let (step, rows) = ([g.spec.stride[0] * line, g.spec.stride[1] * g.in_channels], g.out_size[0] / 2);
        // Bands are as high as the cache allows, unless there would be fewer bands than shares.
        let highest = (MAX_BAND / (4 * step[0])).saturating_sub(1) / 2;
        let highest = highest.min(g.batch * rows / SHARES).clamp(1, rows);
        let height = rows.div_ceil(rows.div_ceil(highest));
        Bands { step, line, rows: Pieces::new([g.batch, rows, 1, 1], [1, height, 1, 1]) }
    }

    /// Returns the number of rows of tiles of a band. The last band of an image can have fewer.
    fn height(&self) -> usize {
        self.rows.part[1]
    }

    /// Returns the number of elements of padded x that a band with `height` rows of tiles reads.
    /// For each row of tiles, these are two rows of every phase. One more row of every phase
    /// follows below the band.
    fn len(&self, height: usize) -> usize {
        (2 * height + 1) * self.step[0]
    }
}

/// to = a - b, for the length of the shortest slice.
#[inline(always)]
fn subtract(to: &mut [f32], a: &[f32], b: &[f32]) {
    for ((to, &a), &b) in to.iter_mut().zip(a).zip(b) {
        *to = a - b;
    }
}

/// Computes w_bar, the gradient of <y_bar, x conv w> with respect to w.
pub(in crate::conv2d) fn weight_grad<S: Simd>(
    s: S,
    g: &Geometry,
    x: &[f32],
    y_bar: &[f32],
    w_bar: &mut [f32],
) {
    let ([oh, ow], bands, prefetched) = (g.out_size, Bands::new(g), y_bar.len() > MIN_PREFETCHED_Y);
    let (image, [down, across], mut copy) = (g.in_size[0] * g.in_size[1] * g.in_channels, bands.step, None);
    let y_bar = whole_vectors::<S>(y_bar, g.out_channels, &mut copy);
    // A task has a share of the bands of all images.
    let (all_bands, sums_len) = (bands.rows.count(), sums_len(g, S::LANES));
    let share = all_bands.div_ceil(SHARES);
    let mut partial = Buffer::take(all_bands.div_ceil(share) * sums_len);
    let scratch = Scratch::reserve([bands.len(bands.height()); 4]);
    parallel::for_each_chunk(partial.as_mut_slice(), sums_len, |task, sums| {
        let mut images = scratch.take();
        let [x_band, x_across, x_down, x_both] = images.each_mut().map(Buffer::as_mut_slice);
        x_band.fill(0.0);
        sums.fill(0.0);
        for band in task * share..all_bands.min((task + 1) * share) {
            let [n, rows, ..] = bands.rows.get(band);
            let (n, row, height) = (n.start, rows.start, rows.len());
            let len = bands.len(height);
            // Writes the lines that the band reads, with 0 at their sides and outside the image.
            let x = &x[n * image..][..image];
            pad_rows(g, x, [2 * row * g.spec.stride[0], 0], bands.line, &mut x_band[..len]);
            s.vectorize(
                #[inline(always)]
                || {
                    // The lowest pixels have no neighbours below, and no product needs these
                    // differences.
                    subtract(&mut x_across[..len], x_band, &x_band[across..]);
                    subtract(&mut x_down[..len - down], x_band, &x_band[down..]);
                    subtract(&mut x_both[..len - down], x_across, &x_across[down..]);
                    let x = Differences {
                        x: x_band,
                        across: x_across,
                        down: x_down,
                        both: x_both,
                        step: bands.step,
                    };
                    let y_bar =
                        Rhs { data: &y_bar.data[(n * oh + 2 * row) * ow * y_bar.row_stride..], ..y_bar };
                    add_band(s, g, [height, ow / 2], (x, bands.line), (y_bar, prefetched), sums);
                },
            );
        }
    });
    let mut sums = Buffer::take(sums_len);
    parallel::sum_in_order(partial.as_slice(), sums.as_mut_slice());
    s.vectorize(
        #[inline(always)]
        || take_apart(s, g, sums.as_slice(), w_bar),
    );
}

/// Adds the products of a band to `sums`. A *block* of x is as high and as wide as the stride, so
/// it has one pixel of each phase. `sums` has the shape \[vectors of channels of y\]\[rows of a
/// block\]\[numbers of such a row\]\[nine products\]\[lanes of a vector\]. If `prefetched`, the
/// numbers of y of the next band are prefetched.
#[inline(always)]
fn add_band<S: Simd>(
    s: S,
    g: &Geometry,
    tiles: [usize; 2],
    (x, line): (Differences<'_>, usize),
    (y, prefetched): (Rhs<'_>, bool),
    sums: &mut [f32],
) {
    let (lines, run, number) = (g.spec.stride[0], x.step[1], POINTS * S::LANES);
    let band = 4 * tiles[0] * tiles[1] * y.row_stride;
    let (mut next, mut left) = (y.data.as_ptr().wrapping_add(band), if prefetched { band } else { 0 });
    for (v, sums) in sums.chunks_exact_mut(lines * run * number).enumerate() {
        let y = Rhs { data: &y.data[v * S::LANES..], ..y };
        for (a, sums) in sums.chunks_exact_mut(run * number).enumerate() {
            for (q, sums) in sums.chunks_mut(2 * number).enumerate() {
                let (x, y) = ((x, a * line + 2 * q), (y, next));
                match (sums.len() == number, left > 0) {
                    (false, false) => add_pairs::<S, 2, false>(s, tiles, x, y, sums),
                    (false, true) => add_pairs::<S, 2, true>(s, tiles, x, y, sums),
                    (true, false) => add_pairs::<S, 1, false>(s, tiles, x, y, sums),
                    (true, true) => add_pairs::<S, 1, true>(s, tiles, x, y, sums),
                }
                let prefetched = tiles[0] * tiles[1] * PREFETCHED;
                (next, left) = (next.wrapping_add(prefetched), left.saturating_sub(prefetched));
            }
        }
    }
}

/// Computes w_bar from the sums of the nine products, `sums`.
#[inline(always)]
fn take_apart<S: Simd>(s: S, g: &Geometry, sums: &[f32], w_bar: &mut [f32]) {
    let ([sh, sw], co) = (g.spec.stride, g.out_channels);
    let (run, number) = (sw * g.in_channels, POINTS * S::LANES);
    for (at, sums) in sums.chunks_exact(number).enumerate() {
        let (column, a, q) = (at / (sh * run) * S::LANES, at / run % sh, at % run);
        let m: [S::V; POINTS] = std::array::from_fn(
            #[inline(always)]
            |p| s.load(&sums[p * S::LANES..]),
        );
        for j in 0..2 {
            // First along the rows of points: m0 + m1 and m1 - m2 of each row.
            let [m0, m1, m2] = [0, 3, 6].map(
                #[inline(always)]
                |i| if j == 0 { s.add(m[i], m[i + 1]) } else { s.sub(m[i + 1], m[i + 2]) },
            );
            for (i, w) in [s.add(m0, m1), s.sub(m1, m2)].into_iter().enumerate() {
                let to = &mut w_bar[((a + i * sh) * 2 * run + q + j * run) * co..][..co];
                s.store_padded(w, to, column);
            }
        }
    }
}
