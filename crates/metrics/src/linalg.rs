//! Moments of samples, and symmetric matrices.

pub use crate::symmetric::{eigen, eigenvalues};
use adjoint_nn::Tensor;

/// The mean (D) and the covariance (D, D) of rows (N, D). The covariance is normalised with 1 /
/// (N - 1).
#[derive(Clone, Debug)]
pub struct Moments {
    /// The mean.
    pub mean: Vec<f64>,
    /// The covariance.
    pub covariance: Tensor<f64>,
}

impl Moments {
    /// Computes the moments of two or more rows. If an entry of a row is not finite, the moments
    /// are not finite either.
    ///
    /// # Panics
    /// If there are fewer than two rows, or if x is not a matrix.
    #[track_caller]
    pub fn of(x: &Tensor<f64>) -> Self {
        let [n, d] = x.shape().matrix();
        assert!(n >= 2, "a covariance of {n} samples");
        let mean: Vec<f64> = x.sum_to([1, d]).data().iter().map(|sum| sum / n as f64).collect();
        // The mean is subtracted first, because differences of sums of squares lose digits if the
        // mean is far from 0.
        let centred = Tensor::build([n, d], |out| {
            for (out, row) in out.chunks_exact_mut(d).zip(x.data().chunks_exact(d)) {
                out.iter_mut().zip(row).zip(&mean).for_each(|((y, x), m)| *y = x - m);
            }
        });
        let covariance = centred.matmul(true, &centred, false).map(move |x| x / (n - 1) as f64);
        Moments { mean, covariance }
    }
}

/// Returns the square roots of the finite eigenvalues of a positive semidefinite matrix. An
/// eigenvalue that differs from 0 only by rounding counts as 0, because its square root would not
/// be small.
pub fn square_roots(eigenvalues: &[f64]) -> Vec<f64> {
    let largest = eigenvalues.iter().copied().fold(0.0, f64::max);
    let rounding = eigenvalues.len() as f64 * f64::EPSILON * largest;
    eigenvalues.iter().map(|&x| if x <= rounding { 0.0 } else { x.sqrt() }).collect()
}

/// Returns the symmetric square root of a symmetric matrix without negative eigenvalues.
///
/// # Panics
/// If the matrix is not square or an entry is not finite.
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
    fn roots_do_not_hide_what_is_no_number() {
        let roots = square_roots(&[4.0, -1e-20, f64::NAN]);
        assert_eq!(roots[..2], [2.0, 0.0]);
        assert!(roots[2].is_nan());
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
