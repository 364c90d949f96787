//! A reference implementation of Winograd's algorithm: its formulas in `f64`, with explicit
//! matrices. Tests compare every transform with its matrix, and the matrices and every path with
//! the definition.

use super::transform::{F33, F42, Form, N};
use super::*;
use crate::conv2d::Spec;
use crate::isa::{self, Isa};
use crate::reference::testing::{Dice, assert_same_bits, exact_conv2d, f32s, len, wave};
use crate::reference::{conv2d, conv2d_input_grad, conv2d_weight_grad};
use crate::simd::{Portable, with_simd};

pub(super) type Matrix = Vec<Vec<f64>>;

fn matrix<const R: usize, const C: usize>(rows: [[f64; C]; R]) -> Matrix {
    rows.iter().map(|r| r.to_vec()).collect()
}

fn transposed(a: &Matrix) -> Matrix {
    (0..a[0].len()).map(|j| a.iter().map(|row| row[j]).collect()).collect()
}

fn times(a: &Matrix, b: &Matrix) -> Matrix {
    let element = |row: &Vec<f64>, j: usize| row.iter().zip(b).map(|(x, b)| x * b[j]).sum();
    a.iter().map(|row| (0..b[0].len()).map(|j| element(row, j)).collect()).collect()
}

/// T X T^T
fn sandwich(t: &Matrix, x: &Matrix) -> Matrix {
    times(&times(t, x), &transposed(t))
}

fn b_t() -> Matrix {
    matrix([
        [-0.25, -0.25, 1.0, 1.0, 0.0],
        [0.25, -0.25, -1.0, 1.0, 0.0],
        [-0.5, -1.0, 0.5, 1.0, 0.0],
        [0.5, -1.0, -0.5, 1.0, 0.0],
        [0.25, 0.0, -1.25, 0.0, 1.0],
    ])
}

/// Returns A^T and G of F(M, R). Row i of A^T has the i-th powers of the points. Row p of G has the
/// powers of point p, divided by the product of its differences from the other finite points. The
/// last point is infinity. Its highest power counts as 1, and its other powers count as 0.
fn a_t_and_g(m: usize, r: usize) -> (Matrix, Matrix) {
    let points = [1.0f64, -1.0, 0.5, -0.5];
    let powers = |p: f64, n: usize| (0..n).map(|i| p.powi(i as i32)).collect::<Vec<_>>();
    let infinity = |n: usize| (0..n).map(|i| f64::from(u8::from(i + 1 == n))).collect::<Vec<_>>();
    let mut a = Vec::new();
    let mut g = Vec::new();
    for p in points {
        let distances: f64 = points.iter().filter(|&&q| q != p).map(|q| p - q).product();
        a.push(powers(p, m));
        g.push(powers(p, r).iter().map(|v| v / distances).collect());
    }
    a.push(infinity(m));
    g.push(infinity(r));
    (transposed(&a), g)
}

/// Returns A^T, G and B^T of F(M, R).
pub(super) fn matrices(m: usize, r: usize) -> [Matrix; 3] {
    let (a_t, g) = a_t_and_g(m, r);
    [a_t, g, b_t()]
}

/// Computes y, x_bar and w_bar for one tile with one input channel, one output channel and stride
/// 1, stage by stage.
pub(super) fn algorithm([a_t, g, b_t]: &[Matrix; 3], x: &Matrix, w: &Matrix, y_bar: &Matrix) -> [Matrix; 3] {
    let times_elementwise = |p: &Matrix, q: &Matrix| -> Matrix {
        p.iter().zip(q).map(|(p, q)| p.iter().zip(q).map(|(p, q)| p * q).collect()).collect()
    };
    let (w_hat, x_hat) = (sandwich(g, w), sandwich(b_t, x));
    let y_hat = sandwich(&transposed(a_t), y_bar);
    [
        sandwich(a_t, &times_elementwise(&w_hat, &x_hat)),
        sandwich(&transposed(b_t), &times_elementwise(&w_hat, &y_hat)),
        sandwich(&transposed(g), &times_elementwise(&x_hat, &y_hat)),
    ]
}

fn random_matrix(rows: usize, cols: usize, dice: &mut Dice) -> Matrix {
    (0..rows).map(|_| (0..cols).map(|_| dice.roll(0, 2000) as f64 / 1000.0 - 1.0).collect()).collect()
}

/// For one tile, y, x_bar and w_bar that are computed from the matrices equal the definition.
#[test]
fn the_matrices_compute_a_convolution_and_its_gradients() {
    let mut dice = Dice(3);
    for (m, r) in [(4, 2), (3, 3)] {
        let (x, w, y_bar) =
            (random_matrix(N, N, &mut dice), random_matrix(r, r, &mut dice), random_matrix(m, m, &mut dice));
        let g = Geometry::new([1, N, N, 1], [r, r, 1, 1], Spec::new(1, 0));
        let flat = |a: &Matrix| a.concat();
        let mut want = [vec![0.0; m * m], vec![0.0; N * N], vec![0.0; r * r]];
        conv2d(&g, &flat(&x), &flat(&w), &mut want[0]);
        conv2d_input_grad(&g, &flat(&y_bar), &flat(&w), &mut want[1]);
        conv2d_weight_grad(&g, &flat(&x), &flat(&y_bar), &mut want[2]);
        for (got, want) in algorithm(&matrices(m, r), &x, &w, &y_bar).iter().zip(&want) {
            let close = flat(got).iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-13);
            assert!(close, "F({m}, {r}): {got:?} for {want:?}");
        }
    }
}

/// Applies a two-dimensional transform of the fast path to a matrix.
macro_rules! apply {
    ($f:expr, $x:expr, $size:expr) => {{
        let (x, size) = ($x, $size);
        let mut y = vec![vec![f64::NAN; size]; size];
        $f(
            Portable,
            |i: usize, j: usize| [x[i][j] as f32; 8],
            |i: usize, j: usize, v: [f32; 8]| y[i][j] = f64::from(v[3]),
        );
        y
    }};
}

/// Each transform of the fast path gives the same result as multiplications by its matrix.
#[test]
fn every_transform_equals_its_matrix() {
    fn check<F: Form>() {
        let mut dice = Dice(8);
        let (a_t, g) = a_t_and_g(F::M, F::R);
        let of_size = |n: usize, dice: &mut Dice| random_matrix(n, n, dice);
        let (d, y, w) = (of_size(N, &mut dice), of_size(F::M, &mut dice), of_size(F::R, &mut dice));
        let cases = [
            ("B^T d B", apply!(F::points::<_, true>, &d, N), sandwich(&b_t(), &d)),
            ("B m B^T", apply!(F::pixels::<_, true>, &d, N), sandwich(&transposed(&b_t()), &d)),
            ("A^T m A", apply!(F::pixels::<_, false>, &d, F::M), sandwich(&a_t, &d)),
            ("A y A^T", apply!(F::points::<_, false>, &y, N), sandwich(&transposed(&a_t), &y)),
            ("G g G^T", apply!(F::filter, &w, N), sandwich(&g, &w)),
            ("G^T m G", apply!(F::filter_adjoint, &d, F::R), sandwich(&transposed(&g), &d)),
        ];
        for (name, got, want) in cases {
            for (got, want) in got.concat().iter().zip(want.concat()) {
                assert!((got - want).abs() < 2e-6, "{name} of F({}, {}): {got} for {want}", F::M, F::R);
            }
        }
    }
    check::<F42>();
    check::<F33>();
}

/// Returns the root mean square.
fn rms(x: &[f64]) -> f64 {
    (x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64).sqrt()
}

#[track_caller]
fn assert_close(got: &[f32], want: &[f64], tolerance: f64, what: std::fmt::Arguments<'_>) {
    let worst = got.iter().zip(want).map(|(&g, w)| (f64::from(g) - w).abs()).fold(0.0, f64::max);
    assert!(got.iter().all(|g| g.is_finite()), "{what}: not finite");
    assert!(worst <= tolerance * rms(want), "{what}: off by {:.1e} of the rms", worst / rms(want));
}

/// The two ways to divide a product of Winograd's algorithm into tasks.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    ByTiles,
    ByColumns,
}

pub(super) fn multiply_by(way: Way, g: &Geometry, side: Side, from: &[f32], w: &[f32], to: &mut [f32]) {
    let (t, operands) = (tiling(g), Operands { from, w, to });
    let block = crate::tuning::winograd::by_columns::ROWS;
    with_simd!(s => match (way, t.m == F42::M) {
        (Way::ByTiles, true) => by_tiles::run::<_, F42>(s, &t, side, operands),
        (Way::ByTiles, false) => by_tiles::run::<_, F33>(s, &t, side, operands),
        (Way::ByColumns, true) => by_columns::run::<_, F42>(s, &t, side, operands, block),
        (Way::ByColumns, false) => by_columns::run::<_, F33>(s, &t, side, operands, block),
    });
}

/// Compares y, x_bar (both in both ways) and w_bar with the definition, on all instruction sets.
fn check(g: &Geometry, tolerance: f64) {
    let (operands, want) = exact_conv2d(g);
    let [x, w, y_bar] = operands.map(|v| f32s(&v));
    for isa in Isa::ALL.into_iter().filter(|isa| isa.supported()) {
        isa::with(isa, || {
            for way in [Way::ByTiles, Way::ByColumns] {
                let (mut y, mut x_bar) = (vec![f32::NAN; y_bar.len()], vec![f32::NAN; x.len()]);
                multiply_by(way, g, Side::Forward, &x, &w, &mut y);
                multiply_by(way, g, Side::Adjoint, &y_bar, &w, &mut x_bar);
                assert_close(&y, &want[0], tolerance, format_args!("forward {way:?} {isa} {g:?}"));
                assert_close(&x_bar, &want[1], tolerance, format_args!("input_grad {way:?} {isa} {g:?}"));
            }
            let mut w_bar = vec![f32::NAN; w.len()];
            weight_grad(g, &x, &y_bar, &mut w_bar);
            assert_close(&w_bar, &want[2], tolerance, format_args!("weight_grad {isa} {g:?}"));
        });
    }
}

/// Tests random sizes, paddings and numbers of channels, with strides of 1 to 3 and 2 or 3 taps in
/// every phase.
#[test]
fn every_path_equals_the_definition_on_random_geometries() {
    let mut dice = Dice(21);
    let mut tried = 0;
    while tried < 120 {
        let (stride, taps) = (dice.roll(1, 3), dice.roll(2, 3));
        let kernel = (taps - 1) * stride + dice.roll(1, stride);
        let spec = Spec { padding: [dice.roll(0, 2), dice.roll(0, 2)], ..Spec::new(stride, 0) };
        let least = |axis: usize| kernel.saturating_sub(2 * spec.padding[axis]).max(1);
        let size = [dice.roll(least(0), 17), dice.roll(least(1), 17)];
        let channels = [dice.roll(1, 40), dice.roll(1, 40)];
        let g = Geometry::new(
            [dice.roll(1, 9), size[0], size[1], channels[0]],
            [kernel, kernel, channels[0], channels[1]],
            spec,
        );
        if possible(&g) {
            check(&g, 2e-5);
            tried += 1;
        }
    }
}

/// Tests layers with more tiles than a round, more columns than a block, or more images than a
/// task.
#[test]
fn rounds_blocks_and_tasks_meet_at_the_right_places() {
    for (x, w, spec) in [
        ([70, 9, 8, 20], [4, 4, 20, 36], Spec::new(2, 1)),
        ([3, 4, 4, 70], [4, 4, 70, 17], Spec::new(2, 1)),
        ([2, 5, 5, 3], [3, 3, 3, 290], Spec::new(1, 1)),
        ([1, 35, 33, 5], [4, 4, 5, 6], Spec::new(2, 1)),
        ([40, 14, 14, 18], [4, 4, 18, 20], Spec::new(2, 1)),
        ([9, 14, 6, 18], [5, 5, 18, 20], Spec::new(2, 2)),
        // The weight gradient by shares of the tiles, for small and large filters. The last of the
        // three layers needs rounds of whole images.
        ([40, 20, 20, 16], [3, 3, 16, 16], Spec::new(1, 1)),
        ([40, 24, 24, 64], [4, 4, 64, 128], Spec::new(2, 1)),
        ([70, 14, 14, 80], [4, 4, 80, 112], Spec::new(2, 1)),
        // Parts of the filter and points as tasks.
        ([1, 24, 25, 300], [3, 3, 300, 40], Spec::new(1, 1)),
        ([1, 20, 20, 64], [3, 3, 64, 70], Spec::new(1, 1)),
        // Gradients in bands of one image.
        ([1, 5, 700, 16], [3, 3, 16, 32], Spec::new(1, 1)),
        ([1, 131, 61, 18], [4, 4, 18, 20], Spec::new(2, 1)),
        ([2, 50, 47, 9], [3, 3, 9, 20], Spec::new(1, 1)),
    ] {
        check(&Geometry::new(x, w, spec), 2e-5);
    }
}

/// An image that is divided into bands gets the same bits of x_bar as in a batch so large that it
/// needs no bands: the contributions to a pixel are added in the same order.
#[test]
fn bands_have_the_bits_of_whole_images() {
    for (size, w, spec) in [
        ([80, 62], [3, 3, 16, 16], Spec::new(1, 1)),
        ([150, 90], [4, 4, 16, 20], Spec::new(2, 1)),
        // Bands of columns; then of rows and columns.
        ([6, 900], [3, 3, 16, 16], Spec::new(1, 1)),
        ([2, 901], [3, 3, 16, 16], Spec::new(1, 1)),
        ([130, 400], [4, 4, 16, 20], Spec::new(2, 1)),
    ] {
        let g = |batch| Geometry::new([batch, size[0], size[1], w[2]], w, spec);
        let (one, many) = (g(1), g(8));
        let bands = |g| by_tiles::Tasks::of(&tiling(g), Side::Adjoint).count();
        assert!(bands(&one) > 1 && bands(&many) == 8, "{} and {} tasks", bands(&one), bands(&many));
        let (w, y_bar) = (wave(len(one.w_shape()), 1.3), wave(len(one.y_shape()), 2.1));
        for isa in Isa::ALL.into_iter().filter(|isa| isa.supported()) {
            let run = |g: &Geometry| {
                let mut x_bar = vec![f32::NAN; len(g.x_shape())];
                let y_bar = y_bar.repeat(g.batch);
                isa::with(isa, || multiply_by(Way::ByTiles, g, Side::Adjoint, &y_bar, &w, &mut x_bar));
                x_bar
            };
            let (one, many) = (run(&one), run(&many));
            let same = one.iter().zip(&many).all(|(a, b)| a.to_bits() == b.to_bits());
            assert!(same, "{isa}, {size:?}");
        }
    }
}

#[test]
fn same_bits_for_any_number_of_threads() {
    for (x, w, spec) in [
        ([70, 8, 9, 20], [4, 4, 20, 36], Spec::new(2, 1)),
        ([5, 16, 16, 48], [4, 4, 48, 64], Spec::new(2, 1)),
        // By columns; then by shares; then by whole blocks in several rounds.
        ([5, 8, 8, 96], [4, 4, 96, 96], Spec::new(2, 1)),
        ([40, 20, 20, 16], [3, 3, 16, 16], Spec::new(1, 1)),
        ([40, 24, 24, 64], [4, 4, 64, 128], Spec::new(2, 1)),
        ([70, 14, 14, 80], [4, 4, 80, 112], Spec::new(2, 1)),
        ([1, 80, 62, 16], [3, 3, 16, 16], Spec::new(1, 1)),
        // Bands of columns; then parts of the filter and points.
        ([1, 5, 700, 16], [3, 3, 16, 32], Spec::new(1, 1)),
        ([1, 20, 20, 64], [3, 3, 64, 64], Spec::new(1, 1)),
        ([1, 24, 25, 300], [3, 3, 300, 40], Spec::new(1, 1)),
    ] {
        let g = Geometry::new(x, w, spec);
        let (x, w, y_bar) =
            (wave(len(g.x_shape()), 0.7), wave(len(g.w_shape()), 1.3), wave(len(g.y_shape()), 2.1));
        assert_same_bits(&format!("{g:?}"), || {
            let (mut y, mut x_bar, mut w_bar) =
                (vec![0.0; y_bar.len()], vec![0.0; x.len()], vec![0.0; w.len()]);
            forward(&g, &x, &w, &mut y);
            input_grad(&g, &y_bar, &w, &mut x_bar);
            weight_grad(&g, &x, &y_bar, &mut w_bar);
            [y, x_bar, w_bar].concat()
        });
    }
}

/// NaNs in an image do not affect other images. Transforms load whole vectors, which may include
/// numbers of the next pixel and thus of the next image. In the last image, channel 0 of x and all
/// of y_bar are NaN. The results of other images must be finite, and so must the weight gradients
/// of other channels. The tiles of the last pixel before the NaNs are full and inside the image, so
/// their vectors are loaded without checks.
#[test]
fn what_is_not_a_number_stays_in_its_image() {
    for (x, w, spec) in [
        ([9, 14, 14, 20], [3, 3, 20, 24], Spec::new(1, 0)),
        ([70, 9, 9, 12], [2, 2, 12, 40], Spec::new(1, 0)),
        ([3, 8, 8, 100], [3, 3, 100, 180], Spec::new(1, 0)),
        ([9, 16, 16, 20], [4, 4, 20, 24], Spec::new(2, 1)),
    ] {
        let g = Geometry::new(x, w, spec);
        let (mut x, w) = (wave(len(g.x_shape()), 0.7), wave(len(g.w_shape()), 1.3));
        let (mut y_bar, ones) = (wave(len(g.y_shape()), 2.1), vec![1.0; len(g.y_shape())]);
        let (x_rest, y_rest) = (x.len() / g.batch * (g.batch - 1), y_bar.len() / g.batch * (g.batch - 1));
        x[x_rest..].iter_mut().step_by(g.in_channels).for_each(|x| *x = f32::NAN);
        y_bar[y_rest..].fill(f32::NAN);
        for isa in Isa::ALL.into_iter().filter(|isa| isa.supported()) {
            isa::with(isa, || {
                for way in [Way::ByTiles, Way::ByColumns] {
                    let (mut y, mut x_bar) = (vec![0.0; y_bar.len()], vec![0.0; x.len()]);
                    multiply_by(way, &g, Side::Forward, &x, &w, &mut y);
                    multiply_by(way, &g, Side::Adjoint, &y_bar, &w, &mut x_bar);
                    assert!(y[..y_rest].iter().all(|y| y.is_finite()), "forward {way:?} {isa} {g:?}");
                    assert!(x_bar[..x_rest].iter().all(|x| x.is_finite()), "input_grad {way:?} {isa} {g:?}");
                }
                let mut w_bar = vec![0.0; w.len()];
                weight_grad(&g, &x, &ones, &mut w_bar);
                for (i, w_bar) in w_bar.chunks_exact(g.out_channels).enumerate() {
                    let not = i % g.in_channels == 0;
                    assert!(w_bar.iter().all(|w| w.is_nan() == not), "weight_grad {isa} {g:?}, row {i}");
                }
            });
        }
    }
}
