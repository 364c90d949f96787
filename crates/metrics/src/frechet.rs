//! The Fréchet distance between two normal distributions fitted to features: Heusel et al. 2017,
//! eq. 6; Dowson & Landau 1982.

use crate::linalg::{Moments, eigenvalues, square_root, square_roots};
use adjoint_nn::Tensor;

/// A normal distribution with which other normal distributions are compared. It contains the
/// moments and the square root of the covariance, so that the root is computed only once.
#[derive(Clone, Debug)]
pub struct Reference {
    moments: Moments,
    root: Tensor<f64>,
}

impl Reference {
    /// Computes the square root of the covariance of `moments`.
    ///
    /// # Panics
    /// If the covariance is not finite.
    #[track_caller]
    pub fn new(moments: Moments) -> Self {
        Reference { root: square_root(&moments.covariance), moments }
    }

    /// Returns |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)), where m1 and S1 are the stored moments.
    ///
    /// The trace of (S1 S2)^(1/2) is the sum of the square roots of the eigenvalues of S1 S2. These
    /// are also the eigenvalues of the symmetric matrix S1^(1/2) S2 S1^(1/2), which are real and
    /// not negative, so no complex numbers occur.
    ///
    /// # Panics
    /// If the dimensions differ, or if a covariance or the product of both covariances is not
    /// finite.
    #[track_caller]
    pub fn distance(&self, other: &Moments) -> f64 {
        let Reference { moments, root } = self;
        let d = moments.mean.len();
        assert_eq!(d, other.mean.len(), "features of different dimensions");
        let means: f64 = moments.mean.iter().zip(&other.mean).map(|(x, y)| (x - y).powi(2)).sum();
        let trace = |m: &Moments| (0..d).map(|i| m.covariance.data()[i * d + i]).sum::<f64>();
        let values = eigenvalues(&root.matmul(false, &other.covariance, false).matmul(false, root, false));
        let roots: f64 = square_roots(&values).iter().sum();
        // For equal covariances, rounding can make the second term negative.
        means + (trace(moments) + trace(other) - 2.0 * roots).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use adjoint_nn::Stream;
    use std::time::{Duration, Instant};

    fn frechet_distance(a: &Moments, b: &Moments) -> f64 {
        Reference::new(a.clone()).distance(b)
    }

    fn normal(mean: &[f64], covariance: &[f64]) -> Moments {
        let d = mean.len();
        Moments { mean: mean.to_vec(), covariance: Tensor::from_slice([d, d], covariance) }
    }

    /// If the covariances commute, the distance is |m1 - m2|^2 + sum (s1 - s2)^2, where s1 and s2
    /// are the standard deviations along the common axes.
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

    /// For 2 x 2 matrices, tr M^(1/2) = sqrt(tr M + 2 sqrt(det M)). This gives a closed form for
    /// covariances that do not commute. An elementwise square root, the typical mistake, fails this
    /// test.
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

    /// The covariance of fewer samples than dimensions has zero eigenvalues, which rounding can
    /// make negative.
    #[test]
    fn is_a_number_where_covariances_are_singular() {
        let of = |index| Moments::of(&Stream::new(1, "x", index).normal_tensor([10, 40], 0.0, 1.0));
        let (a, b) = (of(0), of(1));
        let (there, back) = (frechet_distance(&a, &b), frechet_distance(&b, &a));
        assert!(there > 0.0 && (there - back).abs() < 1e-6 * there, "{there} and {back}");
        assert!(frechet_distance(&a, &a).abs() < 1e-6);
    }

    /// A random covariance of the given rank. It commutes with no other covariance of these tests.
    fn covariance(index: u64, rank: usize, d: usize) -> Tensor<f64> {
        let x: Tensor<f64> = Stream::new(2, "covariance", index).normal_tensor([rank, d], 0.0, 1.0);
        x.matmul(true, &x, false).map(move |x| x / d as f64)
    }

    /// If x has the covariance S, T x has the covariance T S T. If T is symmetric and positive
    /// semidefinite, no joint distribution with these two covariances has a smaller mean squared
    /// distance than that of x and T x. The distance is therefore tr((I - T) S (I - T)) (Olkin &
    /// Pukelsheim, "The distance between two random vectors with given dispersion matrices", 1982).
    /// This also holds for S without full rank.
    #[test]
    fn is_the_closed_form_of_a_linear_map() {
        for (d, rank) in [(1, 1), (5, 9), (64, 64), (128, 200), (128, 40), (128, 1), (256, 100)] {
            let (s, t) = (covariance(0, rank, d), covariance(1, 2 * d, d));
            let image = t.matmul(false, &s, false).matmul(false, &t, false);
            let step = Tensor::build([d, d], |out: &mut [f64]| {
                out.iter_mut().zip(t.data()).enumerate().for_each(|(i, (y, t))| {
                    *y = f64::from(u8::from(i / d == i % d)) - t;
                });
            });
            let moved = step.matmul(false, &s, false).matmul(false, &step, false);
            let want: f64 = (0..d).map(|i| moved.data()[i * d + i]).sum();
            let got =
                frechet_distance(&normal(&vec![0.0; d], s.data()), &normal(&vec![0.0; d], image.data()));
            assert!((got - want).abs() < 1e-6 * want, "{d}, {rank}: {got} for {want}");
        }
    }

    #[test]
    fn a_reference_gives_the_distances_of_its_moments() {
        let of = |index| Moments::of(&Stream::new(1, "x", index).normal_tensor([50, 12], 0.0, 1.0));
        let reference = Reference::new(of(0));
        for other in [of(0), of(1), of(2)] {
            assert_eq!(reference.distance(&other), frechet_distance(&of(0), &other));
        }
    }

    /// If all samples are equal, or constant in one dimension, square roots of eigenvalues are 0.
    #[test]
    fn samples_without_variance_have_a_distance() {
        let point = |x: f64| Moments::of(&Tensor::full([10, 4], x));
        assert_eq!(frechet_distance(&point(1.0), &point(3.0)), 16.0);
        assert_eq!(frechet_distance(&point(0.3), &point(0.3)), 0.0);
        let flat = normal(&[0.0; 2], &[4.0, 0.0, 0.0, 0.0]);
        let want = 4.0; // (2 - 0)^2 along the one axis, 0 along the other
        assert!((frechet_distance(&flat, &normal(&[0.0; 2], &[0.0; 4])) - want).abs() < 1e-12);
    }

    /// The result is the square of a distance, so rounding must not make it negative.
    #[test]
    fn is_never_below_zero() {
        for index in 0..50 {
            let m = Moments::of(&Stream::new(1, "x", index).normal_tensor([30, 20], 0.0, 1.0));
            let distance = frechet_distance(&m, &m);
            assert!((0.0..1e-6).contains(&distance), "{distance}");
        }
    }

    #[test]
    #[should_panic(expected = "not finite")]
    fn features_that_are_not_finite_are_rejected() {
        let x = Tensor::from_slice([3, 1], &[0.0, f64::INFINITY, 1.0]);
        Reference::new(Moments::of(&x));
    }

    /// Computing the distance takes a small part of the time limit of this test. An iteration that
    /// does not converge exceeds the limit.
    #[test]
    fn a_distance_of_as_many_features_as_judges_have_is_quick() {
        let d = crate::judge::FEATURES;
        let of = |index| Moments::of(&Stream::new(1, "x", index).normal_tensor([2 * d, d], 0.0, 1.0));
        let (a, b) = (of(0), of(1));
        let took = || {
            let start = Instant::now();
            assert!(frechet_distance(&a, &b) > 0.0);
            start.elapsed()
        };
        let best = (0..5).map(|_| took()).min();
        assert!(best.is_some_and(|best| best < Duration::from_millis(50)), "{best:?}");
    }
}
