//! The micro-kernel of `conv2d/direct/pairs.rs`: sums of products over tiles of 2 x 2 pixels, nine for each number of x and channel of y.

use super::panel::extent;
use super::{Rhs, Simd};

/// Products for each number of x and channel of y: three along each axis.
pub(crate) const POINTS: usize = 9;

/// An image x and its differences, all laid out alike.
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
    /// Numbers from (i, j) to (i + 1, j) and to (i, j + 1).
    pub(crate) step: [usize; 2],
}

impl Differences<'_> {
    /// Where the left factors of the nine products of the first tile are, for the number of x at `at`.
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

/// Adds to the sums of `P` numbers of x, from `at` on, and of the first vector of the pixels of y, over `tiles` rows and columns of tiles.
/// Tile (i, j) is pixels 2i and 2i + 1, 2j and 2j + 1 of both; pixel by pixel the rows of y are `2 tiles[1]` long. The sum of point p of number q
/// is vector `q * POINTS + p` of `sums`.
///
/// Nine products a tile and four vectors of y:
///
/// ```text
///     y00        y00 + y01        y01                both  down  both            of row 2i
///     y00 + y10  all four         y01 + y11    by    across  x   across          of row 2i + 1
///     y10        y10 + y11        y11                both  down  both            of row 2i + 1
/// ```
///
/// # Panics
/// If something leaves its slice.
#[inline(always)]
pub(crate) fn add_pairs<S: Simd, const P: usize>(
    s: S,
    tiles: [usize; 2],
    (x, at): (Differences<'_>, usize),
    y: Rhs<'_>,
    sums: &mut [f32],
) {
    let sums = &mut sums[..P * POINTS * S::LANES];
    let [down, across] = x.step;
    // The last number that is read is x(2 rows - 1, 2 columns - 1) or a difference there.
    let end = at + extent(2 * tiles[0], down, 2 * tiles[1], across) + P - 1;
    assert!([x.x, x.across, x.down, x.both].iter().all(|image| image.len() >= end), "pairs: x is too short");
    let pixels = 4 * tiles[0] * tiles[1];
    assert!(y.data.len() >= extent(pixels, y.row_stride, S::LANES, 1), "pairs: y is too short");
    let factors = x.factors(at);
    let mut m = [[s.zero(); POINTS]; P];
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
            // SAFETY: pixels 2i and 2i + 1, 2j and 2j + 1 of y lie in its slice: there are that many, as was asserted.
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
                    // SAFETY: number q of this tile and point lies in its image, as was asserted.
                    m[p] = s.mad(y, unsafe { *factors[p].add(offset + q) }, m[p]);
                }
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
