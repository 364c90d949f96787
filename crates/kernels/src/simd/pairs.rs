//! The micro-kernel of `conv2d/direct/pairs.rs`. It goes through tiles of 2 x 2 pixels of x and y
//! and adds up products. For each number of a pixel of x and each channel of y, it computes nine
//! sums.

use super::operands::extent;
use super::{Rhs, Simd};
use crate::tuning::cache::LINE;

/// The number of products of a tile for each number of a pixel of x and each channel of y: three
/// along each axis.
pub(crate) const POINTS: usize = 9;

/// The number of elements of y that are prefetched at each tile: two cache lines.
pub(crate) const PREFETCHED: usize = 2 * LINE;

/// An image x and its differences, all with the same layout.
#[derive(Clone, Copy)]
pub(crate) struct Differences<'a> {
    /// x(i, j)
    pub(crate) x: &'a [f32],
    /// x(i, j) - x(i, j + 1)
    pub(crate) across: &'a [f32],
    /// x(i, j) - x(i + 1, j)
    pub(crate) down: &'a [f32],
    /// across(i, j) - across(i + 1, j)
    pub(crate) both: &'a [f32],
    /// The distances from (i, j) to (i + 1, j) and to (i, j + 1).
    pub(crate) step: [usize; 2],
}

impl Differences<'_> {
    /// Returns the addresses of the nine factors of x that the first tile needs. `at` is the
    /// position of its number of x in the image.
    #[inline(always)]
    fn factors(&self, at: usize) -> [*const f32; POINTS] {
        let [down, across] = self.step;
        [
            (self.both, 0),
            (self.down, across),
            (self.both, across),
            (self.across, down),
            (self.x, down + across),
            (self.across, down + across),
            (self.both, down),
            (self.down, down + across),
            (self.both, down + across),
        ]
        .map(
            #[inline(always)]
            |(image, offset)| image.as_ptr().wrapping_add(at + offset),
        )
    }
}

/// Adds the products of `tiles` rows and columns of tiles to `sums`. From x it uses `N` consecutive
/// numbers of each pixel, the first at `at`. From y it uses the first vector of each pixel. Tile
/// (i, j) has rows 2i and 2i + 1 and columns 2j and 2j + 1 of x and of y. A row of y has `2
/// tiles[1]` pixels. The sum for product p and number q is vector `q * POINTS + p` of `sums`. If
/// `PREFETCH`, each tile prefetches two more cache lines, starting at `next`. That address may be
/// invalid.
///
/// A tile computes nine products from four vectors of y. The left table has the factors of y, and
/// the right table those of x. The columns of the right table are at columns 2j, 2j + 1 and 2j + 1
/// of x:
///
/// ```text
///     y00        y00 + y01        y01                both  down  both            of row 2i
///     y00 + y10  all four         y01 + y11    by    across  x   across          of row 2i + 1
///     y10        y10 + y11        y11                both  down  both            of row 2i + 1
/// ```
///
/// # Panics
/// If an operand exceeds its slice.
#[inline(always)]
pub(crate) fn add_pairs<S: Simd, const N: usize, const PREFETCH: bool>(
    s: S,
    tiles: [usize; 2],
    (x, at): (Differences<'_>, usize),
    (y, mut next): (Rhs<'_>, *const f32),
    sums: &mut [f32],
) {
    let sums = &mut sums[..N * POINTS * S::LANES];
    let [down, across] = x.step;
    // The last number that is read is x(2 rows - 1, 2 columns - 1) or one of its differences.
    let end = at + extent(2 * tiles[0], down, 2 * tiles[1], across) + N - 1;
    assert!([x.x, x.across, x.down, x.both].iter().all(|image| image.len() >= end), "pairs: x is too short");
    let pixels = 4 * tiles[0] * tiles[1];
    assert!(y.data.len() >= extent(pixels, y.row_stride, S::LANES, 1), "pairs: y is too short");
    let factors = x.factors(at);
    let mut m = [[s.zero(); POINTS]; N];
    for (q, m) in m.iter_mut().enumerate() {
        for (p, m) in m.iter_mut().enumerate() {
            *m = s.load(&sums[(q * POINTS + p) * S::LANES..]);
        }
    }
    for i in 0..tiles[0] {
        let mut upper = y.data.as_ptr().wrapping_add(4 * i * tiles[1] * y.row_stride);
        let mut lower = upper.wrapping_add(2 * tiles[1] * y.row_stride);
        let mut offset = 2 * i * down;
        for _ in 0..tiles[1] {
            // SAFETY: rows 2i and 2i + 1 and columns 2j and 2j + 1 of y are in its slice. The
            // assertion above checked its number of pixels.
            let [y00, y01, y10, y11] = unsafe {
                [upper, upper.wrapping_add(y.row_stride), lower, lower.wrapping_add(y.row_stride)].map(
                    #[inline(always)]
                    |y| s.load(std::slice::from_raw_parts(y, S::LANES)),
                )
            };
            let (top, bottom) = (s.add(y00, y01), s.add(y10, y11));
            let (left, right) = (s.add(y00, y10), s.add(y01, y11));
            let sums_of_y = [y00, top, y01, left, s.add(top, bottom), right, y10, bottom, y11];
            for (p, &y) in sums_of_y.iter().enumerate() {
                for (q, m) in m.iter_mut().enumerate() {
                    // SAFETY: number q of this tile and point is in its image, as asserted above.
                    m[p] = s.mad(y, unsafe { *factors[p].add(offset + q) }, m[p]);
                }
            }
            if PREFETCH {
                s.prefetch(next);
                s.prefetch(next.wrapping_add(LINE));
                next = next.wrapping_add(PREFETCHED);
            }
            upper = upper.wrapping_add(2 * y.row_stride);
            lower = lower.wrapping_add(2 * y.row_stride);
            offset += 2 * across;
        }
    }
    for (q, m) in m.iter().enumerate() {
        for (p, &m) in m.iter().enumerate() {
            s.store(m, &mut sums[(q * POINTS + p) * S::LANES..]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Portable;

    const LANES: usize = Portable::LANES;
    /// `X` is the number of elements of x that one row of two tiles reads, with two numbers per
    /// pixel. `Y` is the number of elements of y.
    const X: usize = 9 + 3 * 2 + 2;
    const Y: usize = 7 * LANES + LANES;

    fn run(x: usize, y: usize) -> Vec<f32> {
        let (ones, mut sums) = ([1.0; X], vec![0.0; 2 * POINTS * LANES]);
        let x = Differences { x: &ones[..x], across: &ones, down: &ones, both: &ones, step: [9, 2] };
        let pixels: Vec<f32> = (0..Y).map(|i| (i / LANES) as f32).collect();
        let y = Rhs::new(&pixels[..y], LANES);
        add_pairs::<_, 2, false>(Portable, [1, 2], (x, 0), (y, std::ptr::null()), &mut sums);
        sums
    }

    /// If all factors of x are 1, the nine sums are sums of pixels of y. The upper row of y has
    /// pixels 0 to 3 and the lower row pixels 4 to 7. So y00 is pixel 0 or 2, y01 is 1 or 3, y10 is
    /// 4 or 6, and y11 is 5 or 7.
    #[test]
    fn the_nine_sums_of_y() {
        for sums in run(X, Y).chunks_exact(POINTS * LANES) {
            let sums: Vec<f32> = sums.iter().copied().step_by(LANES).collect();
            assert_eq!(sums, [2.0, 6.0, 4.0, 12.0, 28.0, 16.0, 10.0, 22.0, 12.0]);
        }
    }

    #[test]
    #[should_panic(expected = "x is too short")]
    fn an_x_that_is_too_short_panics() {
        run(X - 1, Y);
    }

    #[test]
    #[should_panic(expected = "y is too short")]
    fn a_y_that_is_too_short_panics() {
        run(X, Y - 1);
    }
}
