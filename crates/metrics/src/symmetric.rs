//! Eigenvalues and eigenvectors of symmetric matrices.
//!
//! Householder's reflections make a matrix tridiagonal, implicit QL steps with Wilkinson's shift
//! make that diagonal (Golub & Van Loan 2013, sections 8.3.1 to 8.3.5; Dubrulle, Martin &
//! Wilkinson, "The implicit QL algorithm", 1968). An entry beside the diagonal counts as 0 once it
//! is below rounding in the whole matrix. A threshold relative to its neighbours alone is never met
//! where eigenvalues are 0. Errors are therefore of the order of rounding in the largest
//! eigenvalue.
//!
//! Loops run over rows, which are contiguous; one thread, as matrices have a few hundred rows.

use adjoint_nn::Tensor;

/// Returns the n eigenvalues of a symmetric matrix (n, n), in no order, and orthonormal
/// eigenvectors as the columns of a matrix (n, n).
///
/// Only the lower triangle is read. Takes some 10 n^3 operations.
///
/// # Panics
/// If the matrix is not square or an entry is not finite.
#[track_caller]
pub fn eigen(matrix: &Tensor<f64>) -> (Vec<f64>, Tensor<f64>) {
    let scaled = Scaled::of(matrix);
    let n = scaled.n;
    let mut tridiagonal = Tridiagonal::of(scaled.entries, n);
    let mut vectors = tridiagonal.basis();
    tridiagonal.diagonalise(|upper, cosine, sine| {
        // Eigenvectors are rows here, so those that are rotated are neighbours.
        let (a, b) = vectors[upper * n..(upper + 2) * n].split_at_mut(n);
        for (a, b) in a.iter_mut().zip(b) {
            (*a, *b) = (cosine * *a - sine * *b, sine * *a + cosine * *b);
        }
    });
    let values = tridiagonal.diagonal.iter().map(|value| value * scaled.unit).collect();
    (values, Tensor::from_slice([n, n], &vectors).permute([1, 0]))
}

/// Returns the eigenvalues of [`eigen`] alone, in a third of its time or less.
///
/// # Panics
/// As [`eigen`].
#[track_caller]
pub fn eigenvalues(matrix: &Tensor<f64>) -> Vec<f64> {
    let scaled = Scaled::of(matrix);
    let mut tridiagonal = Tridiagonal::of(scaled.entries, scaled.n);
    tridiagonal.diagonalise(|_, _, _| {});
    tridiagonal.diagonal.iter().map(|value| value * scaled.unit).collect()
}

/// A matrix over its largest entry, so that no square overflows and none that matters underflows.
struct Scaled {
    n: usize,
    /// Row by row, the lower triangle mirrored to the upper one.
    entries: Vec<f64>,
    unit: f64,
}

impl Scaled {
    #[track_caller]
    fn of(matrix: &Tensor<f64>) -> Self {
        let [n, columns] = matrix.shape().matrix();
        assert_eq!(n, columns, "eigenvalues of a matrix that is not square");
        assert!(matrix.is_finite(), "eigenvalues of a matrix with entries that are not finite");
        let largest = matrix.data().iter().fold(0.0, |most: f64, x| most.max(x.abs()));
        let unit = if largest > 0.0 { largest } else { 1.0 };
        let at = |i: usize| matrix.data()[(i / n).max(i % n) * n + (i / n).min(i % n)] / unit;
        Scaled { n, entries: (0..n * n).map(at).collect(), unit }
    }
}

/// The tridiagonal matrix T = Q^T A Q, and the reflections H = I - beta v v^T that Q is the product
/// of.
struct Tridiagonal {
    diagonal: Vec<f64>,
    /// Entry i stands between rows i and i + 1; the last one is 0.
    beside: Vec<f64>,
    /// Row k holds the v of reflection k right of the diagonal.
    reflections: Vec<f64>,
    betas: Vec<f64>,
}

/// A column with a square norm below this, in a matrix of entries up to 1, counts as 0: its squares
/// would lose digits to underflow.
const NO_NORM: f64 = 1e-280;

impl Tridiagonal {
    /// Of a symmetric matrix with n rows.
    fn of(mut a: Vec<f64>, n: usize) -> Self {
        let (mut beside, mut betas) = (vec![0.0; n], vec![0.0; n]);
        let mut w = vec![0.0; n];
        for k in 0..n.saturating_sub(1) {
            let (head, rest) = a.split_at_mut((k + 1) * n);
            // Row k right of the diagonal is column k below it.
            let v = &mut head[k * n + k + 1..];
            (beside[k], betas[k]) = reflection(v);
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
        Tridiagonal { diagonal, beside, reflections: a, betas }
    }

    /// Q^T, row by row: the product of all reflections, from the last to the first, which leaves
    /// most of the identity alone.
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

    /// Makes the matrix diagonal. `rotate` is called with the first of two neighbouring axes and
    /// the cosine and sine of every rotation: (a, b) becomes (c a - s b, s a + c b).
    fn diagonalise(&mut self, mut rotate: impl FnMut(usize, f64, f64)) {
        let n = self.diagonal.len();
        let row = |i: usize| self.diagonal[i].abs() + self.beside[i].abs();
        let negligible = f64::EPSILON * (0..n).map(row).fold(0.0, f64::max);
        let mut steps = 0;
        for first in 0..n {
            loop {
                let last = (first..n).find(|&i| self.beside[i].abs() <= negligible).expect("the last is 0");
                self.beside[last] = 0.0;
                if last == first {
                    break;
                }
                assert!(steps < MOST_STEPS * n, "{steps} QL steps on {n} rows");
                steps += 1;
                self.step(first, last, &mut rotate);
            }
        }
    }

    /// One QL step on rows `first` to `last`, which no zero separates.
    fn step(&mut self, first: usize, last: usize, rotate: &mut impl FnMut(usize, f64, f64)) {
        let Tridiagonal { diagonal: d, beside: e, .. } = self;
        // Wilkinson's shift: the eigenvalue of the first two rows that is nearer to the first
        // entry.
        let g = (d[first + 1] - d[first]) / (2.0 * e[first]);
        let mut g = d[last] - d[first] + e[first] / (g + g.hypot(1.0).copysign(g));
        let (mut sine, mut cosine, mut moved) = (1.0, 1.0, 0.0);
        for i in (first..last).rev() {
            let (f, b) = (sine * e[i], cosine * e[i]);
            let r = f.hypot(g);
            e[i + 1] = r;
            if r == 0.0 {
                // The matrix has come apart here, below the smallest number.
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

/// QL steps for each eigenvalue, at most. About two are taken.
const MOST_STEPS: usize = 30;

/// Turns x into the v of the reflection that leaves only its first entry, and returns that entry
/// and beta; beta is 0 where there is nothing to reflect.
fn reflection(x: &mut [f64]) -> (f64, f64) {
    let squares = x.iter().map(|x| x * x).sum::<f64>();
    match x {
        [only] => (*only, 0.0),
        [first, ..] if squares > NO_NORM => {
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
