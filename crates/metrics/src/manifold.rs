//! Precision, recall, density and coverage: do the samples stay close to the data, and do they
//! reach all of the data? Kynkäänniemi et al., "Improved precision and recall metric for assessing
//! generative models" (2019); Naeem et al., "Reliable fidelity and diversity metrics for generative
//! models" (2020).

use crate::neighbours::{each_distances, nearest_others};
use adjoint_nn::Tensor;

/// Features (N, D), and a ball about each row of features. The radius of a ball is the distance
/// from its row to the k-th nearest other row.
#[derive(Clone, Debug)]
pub struct Balls {
    centres: Tensor<f64>,
    /// The squares of the radii.
    squared: Vec<f64>,
    k: usize,
}

impl Balls {
    /// Computes the balls about the rows of `centres`.
    ///
    /// # Panics
    /// If there are at most k rows, or if k is 0.
    #[track_caller]
    pub fn about(centres: Tensor<f64>, k: usize) -> Self {
        let n = centres.dims()[0];
        assert!(k > 0 && n > k, "{k} neighbours among {n}");
        let squared = nearest_others(&centres, k).iter().map(|near| near[k - 1].squared).collect();
        Balls { centres, squared, k }
    }
}

/// The four metrics, computed from balls about the data and balls about the samples. Each ball
/// reaches to the k-th nearest neighbour of its centre in the same set.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Manifold {
    /// Share of samples that are in the ball of at least one datum.
    pub precision: f64,
    /// Share of data that are in the ball of at least one sample.
    pub recall: f64,
    /// Number of balls about data in which a sample is, averaged over all samples and divided by k.
    /// The density is about 1 if samples and data have the same distribution. In contrast to
    /// precision, it is robust to outliers in the data, which have large balls.
    pub density: f64,
    /// Share of data whose ball contains at least one sample.
    pub coverage: f64,
}

impl Manifold {
    /// Computes the metrics from the balls about the data and the balls about the samples. A row
    /// that is not finite has an infinite distance from every other row, so it is in no ball.
    ///
    /// # Panics
    /// If the dimensions or the numbers of neighbours differ.
    #[track_caller]
    pub fn of(real: &Balls, fake: &Balls) -> Self {
        let ([n, m], k) = ([real.squared.len(), fake.squared.len()], real.k);
        assert_eq!(k, fake.k, "balls of different numbers of neighbours");
        let (mut inside, mut recalled, mut covered) = (vec![0usize; m], 0usize, 0usize);
        let is_in = |d: f64, squared: f64| d <= squared && d < f64::INFINITY;
        each_distances(&real.centres, &fake.centres, |i, row| {
            let own = real.squared[i];
            recalled += usize::from(row.iter().zip(&fake.squared).any(|(d, other)| is_in(*d, *other)));
            covered += usize::from(row.iter().any(|d| is_in(*d, own)));
            row.iter().zip(&mut inside).for_each(|(d, count)| *count += usize::from(is_in(*d, own)));
        });
        let share = |count: usize, of: usize| count as f64 / of as f64;
        Manifold {
            precision: share(inside.iter().filter(|count| **count > 0).count(), m),
            recall: share(recalled, n),
            density: share(inside.iter().sum(), k * m),
            coverage: share(covered, n),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use adjoint_nn::Stream;

    fn manifold(real: &Tensor<f64>, fake: &Tensor<f64>, k: usize) -> Manifold {
        Manifold::of(&Balls::about(real.clone(), k), &Balls::about(fake.clone(), k))
    }

    fn uniform(index: u64, n: usize, low: f64, high: f64) -> Tensor<f64> {
        Stream::new(7, "x", index).uniform_tensor([n, 2], low, high)
    }

    #[test]
    fn one_distribution_has_all() {
        let m = manifold(&uniform(0, 1000, 0.0, 1.0), &uniform(1, 1000, 0.0, 1.0), 5);
        assert!(m.precision > 0.95 && m.recall > 0.95 && m.coverage > 0.9, "{m:?}");
        assert!((m.density - 1.0).abs() < 0.1, "{m:?}");
    }

    #[test]
    fn distributions_apart_have_nothing() {
        let m = manifold(&uniform(0, 200, 0.0, 1.0), &uniform(1, 300, 5.0, 6.0), 3);
        assert_eq!(m, Manifold::default());
    }

    /// The data are uniform on a square. Samples from a quarter of this square are all close to
    /// data but do not reach most of the data. Of the samples from a square of four times the area,
    /// a quarter are close to data, and these samples reach all of the data. An implementation that
    /// exchanges data and samples, the typical mistake, exchanges the two results.
    #[test]
    fn overlaps_are_measured() {
        let data = uniform(0, 2000, 0.0, 1.0);
        let narrow = manifold(&data, &uniform(1, 2000, 0.0, 0.5), 5);
        assert!(narrow.precision > 0.95 && (narrow.recall - 0.25).abs() < 0.05, "{narrow:?}");
        assert!((narrow.coverage - 0.25).abs() < 0.05, "{narrow:?}");
        let wide = manifold(&data, &uniform(1, 2000, 0.0, 2.0), 5);
        assert!((wide.precision - 0.25).abs() < 0.05 && wide.recall > 0.95, "{wide:?}");
        assert!((wide.density - 0.25).abs() < 0.05, "{wide:?}");
    }

    /// Samples that are not finite are in no ball, and their balls contain no data. Balls of radius
    /// 0 contain copies of their centre.
    #[test]
    fn what_is_no_number_covers_nothing() {
        let data = uniform(0, 50, 0.0, 1.0);
        for x in [f64::NAN, f64::INFINITY, 1e200] {
            assert_eq!(manifold(&data, &Tensor::full([40, 2], x), 3), Manifold::default(), "{x}");
        }
        let equal = manifold(&Tensor::full([10, 2], 0.3), &Tensor::full([10, 2], 0.3), 3);
        assert_eq!([equal.precision, equal.recall, equal.coverage], [1.0; 3]);
    }

    /// The ball of one distant datum contains all samples between this datum and the rest of the
    /// data. Precision counts all these samples as good. Density counts 1 / k for each of them.
    #[test]
    fn density_is_not_taken_in_by_an_outlier() {
        let far = Tensor::from_slice([1, 2], &[9.0, 9.0]);
        let data = Tensor::concat(&[&uniform(0, 500, 0.0, 1.0), &far], 0);
        let m = manifold(&data, &uniform(1, 500, 3.0, 4.0), 5);
        assert_eq!(m.precision, 1.0);
        assert!((m.density - 0.2).abs() < 1e-12, "{m:?}");
        assert!(m.coverage <= 1.0 / 501.0);
    }
}
