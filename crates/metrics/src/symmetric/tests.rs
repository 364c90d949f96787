use super::*;
use adjoint_nn::Stream;

fn largest(x: &Tensor<f64>) -> f64 {
    assert!(x.is_finite());
    x.data().iter().fold(0.0, |most, x| x.abs().max(most))
}

/// Returns X^T X of a random X (rows, n). Its rank is the smaller of `rows` and n.
fn gram(rows: usize, n: usize) -> Tensor<f64> {
    let x: Tensor<f64> = Stream::new(1, "matrix", n as u64).normal_tensor([rows, n], 0.0, 1.0);
    x.matmul(true, &x, false)
}

fn diagonal(values: &[f64]) -> Tensor<f64> {
    let n = values.len();
    let mut matrix = Tensor::zeros([n, n]);
    (0..n).for_each(|i| matrix.data_mut()[i * n + i] = values[i]);
    matrix
}

/// Returns V diag(values) V^T.
fn composed(values: &[f64], vectors: &Tensor<f64>) -> Tensor<f64> {
    vectors.matmul(false, &diagonal(values), false).matmul(false, vectors, true)
}

/// Returns a matrix with these eigenvalues, in a basis without zeros.
fn with(values: &[f64]) -> Tensor<f64> {
    let n = values.len();
    let a = composed(values, &eigen(&gram(n, n)).1);
    a.zip(&a.permute([1, 0]), |x, y| 0.5 * (x + y))
}

/// Checks A V = V diag(values) and V^T V = I up to a few rounding errors per row. Returns the
/// eigenvalues in ascending order.
#[track_caller]
fn assert_decomposed(what: &str, a: &Tensor<f64>) -> Vec<f64> {
    let (mut values, vectors) = eigen(a);
    let n = values.len();
    let rounding = 4.0 * n as f64 * f64::EPSILON;
    let scaled = vectors.matmul(false, &diagonal(&values), false);
    let residual = largest(&a.matmul(false, &vectors, false).zip(&scaled, |x, y| x - y));
    assert!(residual <= rounding * largest(a) * (n as f64).sqrt(), "{what}, {n}: residual {residual}");
    let identity = diagonal(&vec![1.0; n]);
    let skew = largest(&vectors.matmul(true, &vectors, false).zip(&identity, |x, y| x - y));
    assert!(skew <= rounding, "{what}, {n}: orthogonal but for {skew}");
    let mut alone = eigenvalues(a);
    alone.sort_by(f64::total_cmp);
    values.sort_by(f64::total_cmp);
    assert_eq!(alone, values, "{what}, {n}: the same without vectors");
    values
}

#[test]
fn matrices_of_all_sizes_are_decomposed() {
    for n in (1..=40).chain([63, 64, 65, 127, 128, 200, 255, 256]) {
        assert_decomposed("full rank", &gram(n + 3, n));
        let values = assert_decomposed("rank of a third", &gram(n / 3, n));
        let zeros = values.iter().filter(|v| v.abs() <= n as f64 * f64::EPSILON * values[n - 1]).count();
        assert!(zeros >= n - n / 3, "{n}: {zeros} eigenvalues of 0");
        assert_decomposed("indefinite", &gram(n, n).zip(&gram(2 * n, n), |x, y| x - 0.5 * y));
    }
}

#[test]
fn spectra_of_every_kind_are_found() {
    let n = 96;
    let spectrum = |value: fn(usize) -> f64| (0..n).map(value).collect::<Vec<f64>>();
    let spectra = [
        ("zero", spectrum(|_| 0.0)),
        ("one value", spectrum(|_| 3.0)),
        ("two values", spectrum(|i| if i < 40 { -1.0 } else { 1.0 })),
        ("all but one equal", spectrum(|i| if i == 0 { 1.0 } else { 1e-3 })),
        ("clusters a rounding wide", spectrum(|i| (i / 12) as f64 + (i % 12) as f64 * f64::EPSILON)),
        ("over 300 orders", spectrum(|i| 10f64.powi(-(4 * i as i32)))),
        ("over 16 orders, both signs", spectrum(|i| (-1f64).powi(i as i32) * 10f64.powf(-(i as f64) / 6.0))),
    ];
    for (what, mut want) in spectra {
        want.sort_by(f64::total_cmp);
        let most = want.iter().fold(0.0f64, |most, x| most.max(x.abs()));
        for (basis, a) in [("diagonal", diagonal(&want)), ("full", with(&want))] {
            let got = assert_decomposed(&format!("{what}, {basis}"), &a);
            let off = got.iter().zip(&want).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(off <= 8.0 * n as f64 * f64::EPSILON * most, "{what}, {basis}: off by {off}");
        }
    }
}

/// Sums of a few outer products of vectors of 0 and 1 have equal eigenvalues, exact zeros, rows of
/// zeros, and separate blocks.
#[test]
fn small_integer_matrices_of_low_rank_are_decomposed() {
    for case in 0..4_000 {
        let mut stream = Stream::new(7, "low rank", case);
        let (n, rank) = (1 + stream.below(40), 1 + stream.below(5));
        let x = Tensor::build([rank, n], |x: &mut [f64]| {
            x.iter_mut().for_each(|x| *x = f64::from(u8::from(stream.below(4) == 0)));
        });
        assert_decomposed(&format!("case {case}"), &x.matmul(true, &x, false));
    }
}

/// The second difference with fixed ends has the eigenvalues 2 - 2 cos(pi j / (n + 1)), j = 1 to n.
#[test]
fn the_second_difference_has_its_eigenvalues() {
    let n = 100;
    let a = Tensor::build([n, n], |out| {
        out.iter_mut().enumerate().for_each(|(i, x)| {
            *x = [2.0, -1.0].get((i / n).abs_diff(i % n)).copied().unwrap_or(0.0);
        });
    });
    let got = assert_decomposed("second difference", &a);
    for (j, value) in got.iter().enumerate() {
        let want = 2.0 - 2.0 * (std::f64::consts::PI * (j + 1) as f64 / (n + 1) as f64).cos();
        assert!((value - want).abs() < 1e-13, "{value} for {want}");
    }
}

/// Matrices near the largest and the smallest f64 are decomposed like the same matrix with entries
/// near 1, and the eigenvalues are scaled accordingly.
#[test]
fn scale_does_not_matter() {
    let a = gram(20, 20);
    let mut want = eigenvalues(&a);
    want.sort_by(f64::total_cmp);
    for exponent in [-1000, -560, 560, 1000] {
        let unit = 2f64.powi(exponent);
        let got = assert_decomposed("scaled", &a.map(move |x| x * unit));
        assert!(got.iter().zip(&want).all(|(g, w)| (g / unit - w).abs() < 1e-13 * want[19]), "{exponent}");
    }
    // Entries far below the largest entry may underflow but lose no digits to rounding.
    let tiny = Tensor::from_slice([3, 3], &[1.0, 1e-200, 0.0, 1e-200, 1e-200, 1e-250, 0.0, 1e-250, 0.0]);
    assert_decomposed("tiny", &tiny);
}

#[test]
fn only_the_lower_triangle_is_read() {
    let (mut values, _) = eigen(&Tensor::from_slice([2, 2], &[2.0, 99.0, 1.0, 2.0]));
    values.sort_by(f64::total_cmp);
    assert!((values[0] - 1.0).abs() < 1e-15 && (values[1] - 3.0).abs() < 1e-15);
}

#[test]
fn what_is_not_finite_is_rejected() {
    for x in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let matrix = Tensor::from_slice([2, 2], &[1.0, x, x, 1.0]);
        std::panic::catch_unwind(|| eigen(&matrix)).expect_err("rejected with vectors");
        std::panic::catch_unwind(|| eigenvalues(&matrix)).expect_err("rejected without");
    }
}
