//! Eigenvalues and eigenvectors of symmetric matrices.
//!
//! Householder reflections reduce the matrix to tridiagonal form. Implicit QL steps with
//! Wilkinson's shift then make the tridiagonal matrix diagonal (Golub & Van Loan 2013, sections
//! 8.3.1 to 8.3.5; Dubrulle, Martin & Wilkinson, "The implicit QL algorithm", 1968). An
//! off-diagonal entry counts as 0 when it is below the rounding error of the largest entries of the
//! matrix. A threshold relative to the entries next to it alone would never be reached for zero
//! eigenvalues. Errors are therefore of the order of the rounding error of the largest eigenvalue.
//!
//! Inner loops run over rows, which are contiguous. One thread is enough, because matrices have a
//! few hundred rows.

use adjoint_nn::Tensor;

/// Returns the n eigenvalues of a symmetric matrix (n, n), in no particular order, and orthonormal
/// eigenvectors as the columns of a matrix (n, n).
///
/// Only the lower triangle is read. The computation takes about 10 n^3 operations.
///
/// # Panics
/// If the matrix is not square or an entry is not finite.
#[track_caller]
pub fn eigen(matrix: &Tensor<f64>) -> (Vec<f64>, Tensor<f64>) {
    let tridiagonal = Tridiagonal::of(matrix);
    let n = tridiagonal.diagonal.len();
    let mut vectors = tridiagonal.basis();
    let values = tridiagonal.diagonalise(|upper, cosine, sine| {
        // The eigenvectors are rows during the computation, so two rotated eigenvectors are
        // adjacent rows.
        let (a, b) = vectors[upper * n..(upper + 2) * n].split_at_mut(n);
        for (a, b) in a.iter_mut().zip(b) {
            (*a, *b) = (cosine * *a - sine * *b, sine * *a + cosine * *b);
        }
    });
    (values, Tensor::from_slice([n, n], &vectors).permute([1, 0]))
}

/// Returns the eigenvalues of [`eigen`] alone, in a third of its time or less.
///
/// # Panics
/// Under the conditions of [`eigen`].
#[track_caller]
pub fn eigenvalues(matrix: &Tensor<f64>) -> Vec<f64> {
    Tridiagonal::of(matrix).diagonalise(|_, _, _| {})
}

/// The tridiagonal matrix T = Q^T A Q / unit, and the reflections H = I - beta v v^T whose product
/// is Q.
struct Tridiagonal {
    /// The largest absolute value of an entry of A. In A / unit no square of an entry overflows,
    /// and no significant square underflows.
    unit: f64,
    diagonal: Vec<f64>,
    /// The off-diagonal entries. Entry i is in row i and column i + 1; the last entry is 0.
    off_diagonal: Vec<f64>,
    /// Row k holds the v of reflection k to the right of the diagonal.
    reflections: Vec<f64>,
    betas: Vec<f64>,
}

/// A column whose squared norm is below this number counts as 0, because its squares would lose
/// digits to underflow. The largest entry of the matrix is 1.
const MIN_SQUARED_NORM: f64 = 1e-280;

impl Tridiagonal {
    /// Reduces a symmetric matrix to tridiagonal form. Its lower triangle is mirrored to the upper
    /// triangle.
    #[track_caller]
    fn of(matrix: &Tensor<f64>) -> Self {
        let [n, columns] = matrix.shape().matrix();
        assert_eq!(n, columns, "eigenvalues of a matrix that is not square");
        assert!(matrix.is_finite(), "eigenvalues of a matrix with entries that are not finite");
        let largest = matrix.data().iter().fold(0.0, |most: f64, x| most.max(x.abs()));
        let unit = if largest > 0.0 { largest } else { 1.0 };
        let at = |i: usize| matrix.data()[(i / n).max(i % n) * n + (i / n).min(i % n)] / unit;
        let mut a: Vec<f64> = (0..n * n).map(at).collect();
        let (mut off_diagonal, mut betas) = (vec![0.0; n], vec![0.0; n]);
        let mut w = vec![0.0; n];
        for k in 0..n.saturating_sub(1) {
            let (head, rest) = a.split_at_mut((k + 1) * n);
            // Row k to the right of the diagonal equals column k below the diagonal.
            let v = &mut head[k * n + k + 1..];
            (off_diagonal[k], betas[k]) = reflection(v);
            if betas[k] == 0.0 {
                continue;
            }
            // p = beta A v, w = p - (beta p^T v / 2) v; then H A H = A - v w^T - w v^T.
            let w = &mut w[..v.len()];
            w.fill(0.0);
            for (row, x) in rest.chunks_exact(n).zip(&*v) {
                add(w, betas[k] * x, &row[k + 1..]);
            }
            let half = 0.5 * betas[k] * w.iter().zip(&*v).map(|(p, x)| p * x).sum::<f64>();
            add(w, -half, v);
            for (i, row) in rest.chunks_exact_mut(n).enumerate() {
                let (x, y) = (v[i], w[i]);
                for ((a, v), w) in row[k + 1..].iter_mut().zip(&*v).zip(&*w) {
                    *a -= x * w + y * v;
                }
            }
        }
        let diagonal = (0..n).map(|i| a[i * n + i]).collect();
        Tridiagonal { unit, diagonal, off_diagonal, reflections: a, betas }
    }

    /// Returns Q^T in row-major order. The reflections are multiplied from the last to the first.
    /// Each product then changes only a part of the matrix.
    fn basis(&self) -> Vec<f64> {
        let n = self.diagonal.len();
        let mut q = vec![0.0; n * n];
        (0..n).for_each(|i| q[i * n + i] = 1.0);
        let mut sums = vec![0.0; n];
        for k in (0..n.saturating_sub(1)).rev().filter(|&k| self.betas[k] != 0.0) {
            let v = &self.reflections[k * n + k + 1..(k + 1) * n];
            let sums = &mut sums[..v.len()];
            sums.fill(0.0);
            for (row, x) in q[(k + 1) * n..].chunks_exact(n).zip(v) {
                add(sums, *x, &row[k + 1..]);
            }
            for (row, x) in q[(k + 1) * n..].chunks_exact_mut(n).zip(v) {
                add(&mut row[k + 1..], -self.betas[k] * x, sums);
            }
        }
        (0..n * n).map(|i| q[i % n * n + i / n]).collect()
    }

    /// Makes the matrix diagonal and returns the eigenvalues of A. For every rotation, `rotate` is
    /// called with the first of the two adjacent axes, the cosine c and the sine s. The rotation
    /// maps (a, b) to (c a - s b, s a + c b).
    fn diagonalise(mut self, mut rotate: impl FnMut(usize, f64, f64)) -> Vec<f64> {
        let n = self.diagonal.len();
        let row = |i: usize| self.diagonal[i].abs() + self.off_diagonal[i].abs();
        let negligible = f64::EPSILON * (0..n).map(row).fold(0.0, f64::max);
        let mut steps = 0;
        for first in 0..n {
            loop {
                let last =
                    (first..n).find(|&i| self.off_diagonal[i].abs() <= negligible).expect("the last is 0");
                self.off_diagonal[last] = 0.0;
                if last == first {
                    break;
                }
                assert!(steps < MAX_STEPS * n, "{steps} QL steps on {n} rows");
                steps += 1;
                self.step(first, last, &mut rotate);
            }
        }
        self.diagonal.iter().map(|value| value * self.unit).collect()
    }

    /// Makes one QL step on rows `first` to `last`, which no zero off-diagonal entry separates.
    fn step(&mut self, first: usize, last: usize, rotate: &mut impl FnMut(usize, f64, f64)) {
        let Tridiagonal { diagonal: d, off_diagonal: e, .. } = self;
        // Wilkinson's shift: the eigenvalue of the leading 2 x 2 block that is closer to the first
        // entry.
        let g = (d[first + 1] - d[first]) / (2.0 * e[first]);
        let mut g = d[last] - d[first] + e[first] / (g + g.hypot(1.0).copysign(g));
        let (mut sine, mut cosine, mut moved) = (1.0, 1.0, 0.0);
        for i in (first..last).rev() {
            let (f, b) = (sine * e[i], cosine * e[i]);
            let r = f.hypot(g);
            e[i + 1] = r;
            if r == 0.0 {
                // The off-diagonal entry underflowed to 0, so the matrix separates into two blocks
                // here.
                d[i + 1] -= moved;
                e[last] = 0.0;
                return;
            }
            (sine, cosine) = (f / r, g / r);
            g = d[i + 1] - moved;
            let change = (d[i] - g) * sine + 2.0 * cosine * b;
            moved = sine * change;
            d[i + 1] = g + moved;
            g = cosine * change - b;
            rotate(i, cosine, sine);
        }
        d[first] -= moved;
        e[first] = g;
        e[last] = 0.0;
    }
}

/// The largest number of QL steps per eigenvalue. Typically about two steps are needed.
const MAX_STEPS: usize = 30;

/// Replaces x by the vector v of the reflection that makes all entries of x except the first 0.
/// Returns the first entry of the reflected x, and beta. If x already has this form, beta is 0.
fn reflection(x: &mut [f64]) -> (f64, f64) {
    let squares = x.iter().map(|x| x * x).sum::<f64>();
    match x {
        [only] => (*only, 0.0),
        [first, ..] if squares > MIN_SQUARED_NORM => {
            let left = -squares.sqrt().copysign(*first);
            // |v|^2 = 2 |x|^2 - 2 x_0 left, without cancellation.
            let beta = 1.0 / (squares - *first * left);
            *first -= left;
            (left, beta)
        }
        _ => (0.0, 0.0),
    }
}

/// y <- y + a x.
fn add(y: &mut [f64], a: f64, x: &[f64]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y += a * x);
}

#[cfg(test)]
mod tests;
