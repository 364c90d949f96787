//! The one-dimensional transforms of F(4, 2) and F(3, 3), and the two-dimensional transforms that
//! are composed of them.
//!
//! Both algorithms evaluate at the five points 1, -1, 1/2, -1/2 and infinity. This halves the
//! rounding error compared with the usual points 0, 1, -1, 2 and infinity. With the same points,
//! both share B:
//!
//! ```text
//!           d0    d1    d2   d3  d4          F(4, 2)                           F(3, 3)
//!        [ -1/4  -1/4    1    1   0 ]        A^T = [ 1   1   1    1   0 ]      A^T = [ 1   1   1    1   0 ]
//!        [  1/4  -1/4   -1    1   0 ]              [ 1  -1  1/2 -1/2  0 ]            [ 1  -1  1/2 -1/2  0 ]
//!  B^T = [ -1/2  -1    1/2    1   0 ]              [ 1   1  1/4  1/4  0 ]            [ 1   1  1/4  1/4  1 ]
//!        [  1/2  -1   -1/2    1   0 ]              [ 1  -1  1/8 -1/8  1 ]
//!        [  1/4   0   -5/4    0   1 ]        3 G = [ 2 -2 -4 4 0 ]^T           3 G = [ 2 -2 -4  4  0 ]^T
//!                                                  [ 2  2 -2 -2 3 ]                  [ 2  2 -2 -2  0 ]
//!                                                                                    [ 2 -2 -1  1  3 ]
//! ```
//!
//! The functions of this module multiply by these matrices, and they compute common subexpressions
//! only once. A test in `reference.rs` compares each function with its matrix.

use crate::simd::Simd;

/// The number of points, and of pixels of a tile of the input, in one dimension.
pub(super) const N: usize = 5;

/// A minimal filtering algorithm F(M, R). It computes M outputs Y of a filter g with R taps from N
/// = M + R - 1 inputs d:
///
/// > Y = A^T \[ (G g) . (B^T d) \]
///
/// (Lavin & Gray 2016, section 4). In two dimensions, each matrix is applied from both sides. Each
/// method takes a function that reads element (i, j), and a function that receives element (i, j)
/// of the result.
pub(super) trait Form: Copy + Send + Sync + 'static {
    /// The number of outputs of a tile, per dimension.
    const M: usize;
    /// The number of taps of the filter, per dimension.
    const R: usize;
    /// Transforms a tile of x or y to the N x N points: B^T d B for x (if `X`), and A y A^T for y.
    fn points<S: Simd, const X: bool>(
        s: S,
        d: impl Fn(usize, usize) -> S::V,
        m: impl FnMut(usize, usize, S::V),
    );
    /// Transforms N x N points back to a tile of x or y: B m B^T for x (if `X`), and A^T m A for y.
    /// This is the adjoint of `points` with the same `X`.
    fn pixels<S: Simd, const X: bool>(
        s: S,
        m: impl Fn(usize, usize) -> S::V,
        d: impl FnMut(usize, usize, S::V),
    );
    /// Transforms the filter to the N x N points: G g G^T.
    fn filter<S: Simd>(s: S, g: impl Fn(usize, usize) -> S::V, m: impl FnMut(usize, usize, S::V));
    /// Transforms N x N points back to the filter: G^T m G. This is the adjoint of `filter`.
    fn filter_adjoint<S: Simd>(s: S, m: impl Fn(usize, usize) -> S::V, g: impl FnMut(usize, usize, S::V));
}

/// F(4 x 4, 2 x 2): the phases of a 4 x 4 kernel with stride 2.
#[derive(Clone, Copy)]
pub(super) struct F42;

/// F(3 x 3, 3 x 3): a 3 x 3 kernel, or the phases of a 5 x 5 kernel with stride 2.
#[derive(Clone, Copy)]
pub(super) struct F33;

/// Calls [`sandwich`] with the one-dimensional function `$t`, in a closure that is always inlined.
macro_rules! apply {
    ($s:ident, $t:ident: $from:tt to $to:tt, $x:ident, $y:ident) => {
        sandwich::<S, $from, $to>(
            $s,
            #[inline(always)]
            |v| $t($s, v),
            $x,
            $y,
        )
    };
}

/// Implements [`Form`] with the four one-dimensional functions in the order A^T, A, G, G^T.
macro_rules! form {
    ($form:ty, $m:literal, $r:literal, $a_t:ident, $a:ident, $g:ident, $g_t:ident) => {
        impl Form for $form {
            const M: usize = $m;
            const R: usize = $r;
            #[inline(always)]
            fn points<S: Simd, const X: bool>(
                s: S,
                d: impl Fn(usize, usize) -> S::V,
                m: impl FnMut(usize, usize, S::V),
            ) {
                if X { apply!(s, b_t: N to N, d, m) } else { apply!(s, $a: $m to N, d, m) }
            }
            #[inline(always)]
            fn pixels<S: Simd, const X: bool>(
                s: S,
                m: impl Fn(usize, usize) -> S::V,
                d: impl FnMut(usize, usize, S::V),
            ) {
                if X { apply!(s, b: N to N, m, d) } else { apply!(s, $a_t: N to $m, m, d) }
            }
            #[inline(always)]
            fn filter<S: Simd>(s: S, g: impl Fn(usize, usize) -> S::V, m: impl FnMut(usize, usize, S::V)) {
                apply!(s, $g: $r to N, g, m);
            }
            #[inline(always)]
            fn filter_adjoint<S: Simd>(
                s: S,
                m: impl Fn(usize, usize) -> S::V,
                g: impl FnMut(usize, usize, S::V),
            ) {
                apply!(s, $g_t: N to $r, m, g);
            }
        }
    };
}
form!(F42, 4, 2, a_t42, a42, g42, g_t42);
form!(F33, 3, 3, a_t33, a33, g33, g_t33);

/// Computes Y = T X T^T for the O x I matrix T. `t` multiplies a vector by T, `x` returns element
/// (i, j) of X, and `y` receives element (i, j) of Y. `t` is applied to every column of X, and then
/// to every row of the result.
#[inline(always)]
fn sandwich<S: Simd, const I: usize, const O: usize>(
    s: S,
    t: impl Fn([S::V; I]) -> [S::V; O],
    x: impl Fn(usize, usize) -> S::V,
    mut y: impl FnMut(usize, usize, S::V),
) {
    let mut columns = [[s.zero(); O]; I];
    for (j, column) in columns.iter_mut().enumerate() {
        let mut x_j = [s.zero(); I];
        for (i, x_ij) in x_j.iter_mut().enumerate() {
            *x_ij = x(i, j);
        }
        *column = t(x_j);
    }
    for i in 0..O {
        let mut row = [s.zero(); I];
        for (r, column) in row.iter_mut().zip(&columns) {
            *r = column[i];
        }
        for (j, &v) in t(row).iter().enumerate() {
            y(i, j, v);
        }
    }
}

/// B^T d
#[inline(always)]
fn b_t<S: Simd>(s: S, d: [S::V; N]) -> [S::V; N] {
    let even = s.mad(d[0], -0.25, d[2]);
    let odd = s.mad(d[1], -0.25, d[3]);
    let (even_half, odd_half) = (s.sub(d[2], d[0]), s.sub(d[3], d[1]));
    [
        s.add(odd, even),
        s.sub(odd, even),
        s.mad(even_half, 0.5, odd_half),
        s.mad(even_half, -0.5, odd_half),
        s.mad(d[0], 0.25, s.mad(d[2], -1.25, d[4])),
    ]
}

/// B m
#[inline(always)]
fn b<S: Simd>(s: S, m: [S::V; N]) -> [S::V; N] {
    let (sum, difference) = (s.add(m[0], m[1]), s.sub(m[0], m[1]));
    let (sum_half, difference_half) = (s.add(m[2], m[3]), s.sub(m[2], m[3]));
    [
        s.mad(difference, -0.25, s.mad(difference_half, -0.5, s.scale(m[4], 0.25))),
        s.sub(s.scale(sum, -0.25), sum_half),
        s.mad(m[4], -1.25, s.mad(difference_half, 0.5, difference)),
        s.add(sum, sum_half),
        m[4],
    ]
}

/// A^T m of F(4, 2)
#[inline(always)]
fn a_t42<S: Simd>(s: S, m: [S::V; N]) -> [S::V; 4] {
    let (sum, difference) = (s.add(m[0], m[1]), s.sub(m[0], m[1]));
    let (sum_half, difference_half) = (s.add(m[2], m[3]), s.sub(m[2], m[3]));
    [
        s.add(sum, sum_half),
        s.mad(difference_half, 0.5, difference),
        s.mad(sum_half, 0.25, sum),
        s.add(s.mad(difference_half, 0.125, difference), m[4]),
    ]
}

/// A y of F(4, 2)
#[inline(always)]
fn a42<S: Simd>(s: S, y: [S::V; 4]) -> [S::V; N] {
    let (even, odd) = (s.add(y[0], y[2]), s.add(y[1], y[3]));
    let (even_half, odd_half) = (s.mad(y[2], 0.25, y[0]), s.mad(y[3], 0.25, y[1]));
    [
        s.add(even, odd),
        s.sub(even, odd),
        s.mad(odd_half, 0.5, even_half),
        s.mad(odd_half, -0.5, even_half),
        y[3],
    ]
}

const THIRD: f32 = 1.0 / 3.0;

/// G g of F(4, 2)
#[inline(always)]
fn g42<S: Simd>(s: S, g: [S::V; 2]) -> [S::V; N] {
    let double = s.add(g[0], g[0]);
    [
        s.scale(s.add(g[0], g[1]), 2.0 * THIRD),
        s.scale(s.sub(g[1], g[0]), 2.0 * THIRD),
        s.scale(s.add(double, g[1]), -2.0 * THIRD),
        s.scale(s.sub(double, g[1]), 2.0 * THIRD),
        g[1],
    ]
}

/// G^T m of F(4, 2)
#[inline(always)]
fn g_t42<S: Simd>(s: S, m: [S::V; N]) -> [S::V; 2] {
    let difference_half = s.sub(m[3], m[2]);
    let even = s.fma(difference_half, s.splat(2.0), s.sub(m[0], m[1]));
    let odd = s.sub(s.add(m[0], m[1]), s.add(m[2], m[3]));
    [s.scale(even, 2.0 * THIRD), s.mad(odd, 2.0 * THIRD, m[4])]
}

/// A^T m of F(3, 3)
#[inline(always)]
fn a_t33<S: Simd>(s: S, m: [S::V; N]) -> [S::V; 3] {
    let (sum, difference) = (s.add(m[0], m[1]), s.sub(m[0], m[1]));
    let (sum_half, difference_half) = (s.add(m[2], m[3]), s.sub(m[2], m[3]));
    [s.add(sum, sum_half), s.mad(difference_half, 0.5, difference), s.add(s.mad(sum_half, 0.25, sum), m[4])]
}

/// A y of F(3, 3)
#[inline(always)]
fn a33<S: Simd>(s: S, y: [S::V; 3]) -> [S::V; N] {
    let (even, even_half) = (s.add(y[0], y[2]), s.mad(y[2], 0.25, y[0]));
    [s.add(even, y[1]), s.sub(even, y[1]), s.mad(y[1], 0.5, even_half), s.mad(y[1], -0.5, even_half), y[2]]
}

/// G g of F(3, 3)
#[inline(always)]
fn g33<S: Simd>(s: S, g: [S::V; 3]) -> [S::V; N] {
    let even = s.add(g[0], g[2]);
    let (even_half, odd_half) = (s.mad(g[0], 4.0, g[2]), s.add(g[1], g[1]));
    [
        s.scale(s.add(even, g[1]), 2.0 * THIRD),
        s.scale(s.sub(g[1], even), 2.0 * THIRD),
        s.scale(s.add(even_half, odd_half), -THIRD),
        s.scale(s.sub(even_half, odd_half), THIRD),
        g[2],
    ]
}

/// G^T m of F(3, 3)
#[inline(always)]
fn g_t33<S: Simd>(s: S, m: [S::V; N]) -> [S::V; 3] {
    let (sum, difference) = (s.add(m[0], m[1]), s.sub(m[0], m[1]));
    let (sum_half, difference_half) = (s.add(m[2], m[3]), s.sub(m[3], m[2]));
    [
        s.scale(s.mad(difference_half, 2.0, difference), 2.0 * THIRD),
        s.scale(s.sub(sum, sum_half), 2.0 * THIRD),
        s.mad(s.mad(difference, 2.0, difference_half), THIRD, m[4]),
    ]
}
