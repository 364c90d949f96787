//! Moments of samples, and symmetric matrices.

use adjoint_nn::Tensor;

/// Mean `[D]` and covariance (D, D) of rows (N, D), with 1 / (N - 1).
#[derive(Clone, Debug)]
pub struct Moments {
    /// The mean.
    pub mean: Vec<f64>,
    /// The covariance.
    pub covariance: Tensor<f64>,
}

impl Moments {
    /// Of two rows or more.
    ///
    /// # Panics
    /// If there are fewer, or x is no matrix.
    #[track_caller]
    pub fn of(x: &Tensor<f64>) -> Self {
        let [n, d] = x.shape().matrix();
        assert!(n >= 2, "a covariance of {n} samples");
        let mean: Vec<f64> = x.sum_to([1, d]).data().iter().map(|sum| sum / n as f64).collect();
        // About the mean: sums of squares of what lies far from 0 would cancel.
        let centred = Tensor::build([n, d], |out| {
            for (out, row) in out.chunks_exact_mut(d).zip(x.data().chunks_exact(d)) {
                out.iter_mut().zip(row).zip(&mean).for_each(|((y, x), m)| *y = x - m);
            }
        });
        let covariance = centred.matmul(true, &centred, false).map(move |x| x / (n - 1) as f64);
        Moments { mean, covariance }
    }
}

/// The eigenvalues of a symmetric matrix, in no order, and its eigenvectors as the columns of a matrix.
///
/// By Jacobi's rotations, each of which makes one pair of entries 0 (Golub & Van Loan 2013, section 8.5): not the fastest way, but a
/// short one. Errors are of the order of rounding in the largest eigenvalue.
///
/// # Panics
/// If the matrix is not square.
#[track_caller]
pub fn eigen(matrix: &Tensor<f64>) -> (Vec<f64>, Tensor<f64>) {
    let [n, columns] = matrix.shape().matrix();
    assert_eq!(n, columns, "eigenvalues of a matrix that is not square");
    let mut a = matrix.data().to_vec();
    let mut vectors = vec![0.0; n * n]; // rows: what is rotated lies side by side
    (0..n).for_each(|i| vectors[i * n + i] = 1.0);
    let size = a.iter().map(|x| x * x).sum::<f64>();
    for _ in 0..MAX_SWEEPS {
        let off: f64 = (0..n).flat_map(|i| (0..i).map(move |j| i * n + j)).map(|at| a[at] * a[at]).sum();
        if off <= size * f64::EPSILON * f64::EPSILON {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                rotate(&mut a, &mut vectors, n, (p, q));
            }
        }
    }
    let values = (0..n).map(|i| a[i * n + i]).collect();
    let vectors = Tensor::from_slice([n, n], &vectors).permute([1, 0]);
    (values, vectors)
}

/// Convergence is quadratic: matrices of a few hundred rows take about ten.
const MAX_SWEEPS: usize = 60;

/// A <- J^T A J, where J turns the axes p and q so that A_pq becomes 0; V^T <- J^T V^T.
fn rotate(a: &mut [f64], vectors: &mut [f64], n: usize, (p, q): (usize, usize)) {
    let apq = a[p * n + q];
    if apq == 0.0 {
        return;
    }
    let theta = (a[q * n + q] - a[p * n + p]) / (2.0 * apq);
    // The smaller of both angles, so that no column changes more than it has to.
    let t = 1.0f64.copysign(theta) / (theta.abs() + theta.hypot(1.0));
    let c = 1.0 / t.hypot(1.0);
    let s = t * c;
    let turn = |x: &mut f64, y: &mut f64| (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
    let turn_rows = |m: &mut [f64]| {
        let (head, tail) = m.split_at_mut(q * n);
        head[p * n..(p + 1) * n].iter_mut().zip(&mut tail[..n]).for_each(|(x, y)| turn(x, y));
    };
    turn_rows(a);
    turn_rows(vectors);
    for row in a.chunks_exact_mut(n) {
        let (mut x, mut y) = (row[p], row[q]);
        turn(&mut x, &mut y);
        (row[p], row[q]) = (x, y);
    }
}

/// The square roots of the eigenvalues of a symmetric matrix that has none below 0. What is 0 but for rounding, to either side, counts as 0:
/// its root would not be small.
pub fn square_roots(eigenvalues: &[f64]) -> Vec<f64> {
    let largest = eigenvalues.iter().copied().fold(0.0, f64::max);
    let rounding = eigenvalues.len() as f64 * f64::EPSILON * largest;
    eigenvalues.iter().map(|&x| if x > rounding { x.sqrt() } else { 0.0 }).collect()
}

/// The symmetric square root of a symmetric matrix without negative eigenvalues.
///
/// # Panics
/// If the matrix is not square.
#[track_caller]
pub fn square_root(matrix: &Tensor<f64>) -> Tensor<f64> {
    let (values, vectors) = eigen(matrix);
    let (n, roots) = (values.len(), square_roots(&values));
    let scaled = Tensor::build([n, n], |out| {
        for (out, row) in out.chunks_exact_mut(n.max(1)).zip(vectors.data().chunks_exact(n.max(1))) {
            out.iter_mut().zip(row).zip(&roots).for_each(|((y, x), r)| *y = x * r);
        }
    });
    scaled.matmul(false, &vectors, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use adjoint_nn::Stream;

    fn random(n: usize, index: u64) -> Tensor<f64> {
        let x: Tensor<f64> = Stream::new(1, "matrix", index).normal_tensor([n + 3, n], 0.0, 1.0);
        x.matmul(true, &x, false)
    }

    fn largest(x: &Tensor<f64>) -> f64 {
        x.data().iter().fold(0.0, |most, x| x.abs().max(most))
    }

    #[test]
    fn eigenvalues_and_vectors_give_the_matrix_back() {
        for n in [1, 2, 3, 17, 64] {
            let a = random(n, n as u64);
            let (values, vectors) = eigen(&a);
            let scaled = Tensor::build([n, n], |out| {
                for (i, y) in out.iter_mut().enumerate() {
                    *y = vectors.data()[i] * values[i % n];
                }
            });
            let back = scaled.matmul(false, &vectors, true);
            assert!(largest(&back.zip(&a, |x, y| x - y)) < 1e-12 * largest(&a), "{n}");
            let gram = vectors.matmul(true, &vectors, false);
            let identity = |i: usize| f64::from(u8::from(i / n == i % n));
            assert!(gram.data().iter().enumerate().all(|(i, x)| (x - identity(i)).abs() < 1e-12), "{n}");
        }
    }

    #[test]
    fn eigenvalues_that_are_known() {
        // [[2, 1], [1, 2]] has 1 and 3; equal diagonals are the case of an angle of 45 degrees.
        let (mut values, _) = eigen(&Tensor::from_slice([2, 2], &[2.0, 1.0, 1.0, 2.0]));
        values.sort_by(f64::total_cmp);
        assert!((values[0] - 1.0).abs() < 1e-15 && (values[1] - 3.0).abs() < 1e-15);
    }

    #[test]
    fn a_square_root_squares_to_the_matrix() {
        let a = random(20, 5);
        let root = square_root(&a);
        let squared = root.matmul(false, &root, false);
        assert!(largest(&squared.zip(&a, |x, y| x - y)) < 1e-12 * largest(&a));
    }

    #[test]
    fn moments_are_those_of_the_textbook_also_far_from_zero() {
        let x = Tensor::from_slice([3, 2], &[1e8 + 1.0, 0.0, 1e8 + 2.0, 2.0, 1e8 + 6.0, 1.0]);
        let Moments { mean, covariance } = Moments::of(&x);
        assert_eq!(mean, [1e8 + 3.0, 1.0]);
        assert_eq!(covariance.data(), [7.0, 0.5, 0.5, 1.0]);
    }
}
