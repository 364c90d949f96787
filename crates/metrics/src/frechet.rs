//! The Fréchet distance of two normal distributions fitted to features: Heusel et al. 2017, eq. 6; Dowson & Landau 1982.

use crate::linalg::{Moments, eigen, square_root, square_roots};

/// |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)).
///
/// The trace of (S1 S2)^(1/2) is the sum of the square roots of the eigenvalues of S1 S2, which are those of the symmetric matrix
/// S1^(1/2) S2 S1^(1/2): real and not below 0, so nothing imaginary comes in.
///
/// # Panics
/// If the two differ in their dimension.
#[track_caller]
pub fn frechet_distance(a: &Moments, b: &Moments) -> f64 {
    let d = a.mean.len();
    assert_eq!(d, b.mean.len(), "features of different dimensions");
    let means: f64 = a.mean.iter().zip(&b.mean).map(|(x, y)| (x - y).powi(2)).sum();
    let trace = |m: &Moments| (0..d).map(|i| m.covariance.data()[i * d + i]).sum::<f64>();
    let root = square_root(&a.covariance);
    let (values, _) = eigen(&root.matmul(false, &b.covariance, false).matmul(false, &root, false));
    let roots: f64 = square_roots(&values).iter().sum();
    means + trace(a) + trace(b) - 2.0 * roots
}

#[cfg(test)]
mod tests {
    use super::*;
    use adjoint_nn::{Stream, Tensor};

    fn normal(mean: &[f64], covariance: &[f64]) -> Moments {
        let d = mean.len();
        Moments { mean: mean.to_vec(), covariance: Tensor::from_slice([d, d], covariance) }
    }

    /// Where covariances commute, the distance is |m1 - m2|^2 + sum (s1 - s2)^2 along their common axes.
    #[test]
    fn is_the_closed_form_where_covariances_commute() {
        let (c, s) = (0.6, 0.8);
        let turned =
            |x: f64, y: f64| [c * c * x + s * s * y, c * s * (x - y), c * s * (x - y), s * s * x + c * c * y];
        let a = normal(&[1.0, 2.0], &turned(4.0, 9.0));
        let b = normal(&[0.0, 4.0], &turned(1.0, 16.0));
        let want = 1.0 + 4.0 + (2.0f64 - 1.0).powi(2) + (3.0f64 - 4.0).powi(2);
        assert!((frechet_distance(&a, &b) - want).abs() < 1e-12);
    }

    /// For 2 x 2 matrices tr M^(1/2) = sqrt(tr M + 2 sqrt(det M)), so here is a closed form that does not need them to commute. An
    /// elementwise square root, the typical mistake, fails it.
    #[test]
    fn is_the_closed_form_in_two_dimensions() {
        let (p, q) = ([2.0f64, 0.5, 0.5, 1.0], [1.0, -0.7, -0.7, 3.0]);
        let product_trace = p[0] * q[0] + 2.0 * p[1] * q[1] + p[3] * q[3];
        let determinant = (p[0] * p[3] - p[1] * p[1]) * (q[0] * q[3] - q[1] * q[1]);
        let want = 3.0 + 4.0 - 2.0 * (product_trace + 2.0 * determinant.sqrt()).sqrt();
        let (a, b) = (normal(&[0.0; 2], &p), normal(&[0.0; 2], &q));
        assert!((frechet_distance(&a, &b) - want).abs() < 1e-12);
        assert!((frechet_distance(&a, &b) - frechet_distance(&b, &a)).abs() < 1e-12, "symmetric");
    }

    /// Covariances of fewer samples than dimensions have eigenvalues 0, which rounding makes negative.
    #[test]
    fn is_a_number_where_covariances_are_singular() {
        let of = |index| Moments::of(&Stream::new(1, "x", index).normal_tensor([10, 40], 0.0, 1.0));
        let (a, b) = (of(0), of(1));
        let (there, back) = (frechet_distance(&a, &b), frechet_distance(&b, &a));
        assert!(there > 0.0 && (there - back).abs() < 1e-6 * there, "{there} and {back}");
        assert!(frechet_distance(&a, &a).abs() < 1e-6);
    }
}
