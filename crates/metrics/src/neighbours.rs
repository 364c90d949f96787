//! Nearest neighbours with respect to the Euclidean distance, and the metrics based on them.

use crate::Estimate;
use adjoint_nn::Tensor;

/// The largest number of entries of a matrix over all pairs of rows that are in memory at once: 64
/// MB.
const MAX_ENTRIES: usize = 1 << 23;
/// The largest number of rows of a matrix over all pairs of rows that are in memory at once.
const MAX_ROWS: usize = 1024;

/// Returns how many rows of a matrix with `columns` columns may be in memory at once.
pub(crate) fn rows_at_once(columns: usize) -> usize {
    (MAX_ENTRIES / columns.max(1)).clamp(1, MAX_ROWS)
}

/// A neighbour of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbour {
    /// The index of the neighbour.
    pub index: usize,
    /// The square of the distance.
    pub squared: f64,
}

/// Returns the squares of the Euclidean norms of the rows.
fn squares(x: &Tensor<f64>) -> Vec<f64> {
    let [_, d] = x.shape().matrix();
    x.data().chunks_exact(d).map(|row| row.iter().map(|x| x * x).sum()).collect()
}

/// Calls `each` for every row of x, with the index of the row and the squares of its distances from
/// all rows of y.
///
/// # Panics
/// If dimensions differ.
#[track_caller]
pub fn each_distances(x: &Tensor<f64>, y: &Tensor<f64>, mut each: impl FnMut(usize, &[f64])) {
    let ([n, _], [m, _]) = (x.shape().matrix(), y.shape().matrix());
    let (of_x, of_y) = (squares(x), squares(y));
    let chunk = rows_at_once(m);
    let rounding = x.shape().matrix()[1] as f64 * f64::EPSILON;
    for start in (0..n).step_by(chunk) {
        let mut products = x.narrow(0, start, chunk.min(n - start)).matmul(false, y, true);
        for (i, row) in products.data_mut().chunks_exact_mut(m.max(1)).enumerate() {
            let square = of_x[start + i];
            for (p, of_y) in row.iter_mut().zip(&of_y) {
                let both = square + of_y;
                *p = distance(both - 2.0 * *p, rounding * both);
            }
            each(start + i, row);
        }
    }
}

/// Corrects the square of a distance for rounding. If the square differs from 0 only by rounding,
/// it becomes 0, so that copies have the distance 0. If the square or its rounding error is not
/// finite, it becomes infinite.
fn distance(squared: f64, rounding: f64) -> f64 {
    match squared {
        squared if !squared.is_finite() || rounding == f64::INFINITY => f64::INFINITY,
        squared if squared <= rounding => 0.0,
        squared => squared,
    }
}

/// Searches a set for the nearest rows to each row of x. The set is searched in parts, which need
/// not be in memory at once.
pub struct Search<'a> {
    x: &'a Tensor<f64>,
    k: usize,
    found: Vec<Vec<Neighbour>>,
}

impl<'a> Search<'a> {
    /// Starts a search for the k nearest rows to each row of x.
    ///
    /// # Panics
    /// If k is 0.
    #[track_caller]
    pub fn new(x: &'a Tensor<f64>, k: usize) -> Self {
        assert!(k > 0, "no neighbour is sought");
        Search { x, k, found: vec![Vec::with_capacity(k + 1); x.dims()[0]] }
    }

    /// Searches the rows y. The first row of y has the index `first` in the set. For row i of x,
    /// the row of the set with the index `skipped(i)` is skipped.
    fn search(&mut self, y: &Tensor<f64>, first: usize, skipped: impl Fn(usize) -> Option<usize>) {
        let Search { x, k, found } = self;
        each_distances(x, y, |i, row| {
            let (best, skipped) = (&mut found[i], skipped(i));
            let mut bound = if best.len() == *k { best[*k - 1].squared } else { f64::INFINITY };
            for (index, &squared) in row.iter().enumerate() {
                let index = first + index;
                if (squared < bound || best.len() < *k) && skipped != Some(index) {
                    let position = best.partition_point(|other| other.squared <= squared);
                    best.insert(position, Neighbour { index, squared });
                    best.truncate(*k);
                    bound = if best.len() == *k { best[*k - 1].squared } else { f64::INFINITY };
                }
            }
        });
    }

    /// Searches the rows y, another part of the set. The first row of this part has the index
    /// `first` in the set.
    ///
    /// # Panics
    /// If dimensions differ.
    #[track_caller]
    pub fn among(&mut self, y: &Tensor<f64>, first: usize) {
        self.search(y, first, |_| None);
    }

    /// Returns the neighbours of each row, nearest first. Neighbours at equal distance are in the
    /// order of the search. There are fewer than k neighbours if the set has fewer than k rows.
    pub fn found(self) -> Vec<Vec<Neighbour>> {
        self.found
    }
}

/// Returns the k nearest other rows of x to each row of x, in the order of [`Search::found`].
///
/// # Panics
/// If k is 0.
#[track_caller]
pub fn nearest_others(x: &Tensor<f64>, k: usize) -> Vec<Vec<Neighbour>> {
    let mut search = Search::new(x, k);
    search.search(x, 0, Some);
    search.found()
}

/// Returns the label of the nearest neighbour of each row. `found` has the neighbours of each row,
/// and `labels` the labels of the set that was searched. Radford et al. 2016, table 3, evaluate a
/// generator by the accuracy with which its labelled samples classify the test set.
///
/// # Panics
/// If a row has no neighbour, or if its nearest neighbour has no label.
#[track_caller]
pub fn labels_of_nearest(found: &[Vec<Neighbour>], labels: &[usize]) -> Vec<usize> {
    found.iter().map(|near| labels[near[0].index]).collect()
}

/// The leave-one-out accuracy of a 1-nearest-neighbour classifier of data and samples: the share of
/// rows whose nearest other row belongs to the same set (Lopez-Paz & Oquab 2017).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TwoSample {
    /// The accuracy on data.
    pub real: f64,
    /// The accuracy on samples.
    pub fake: f64,
}

impl TwoSample {
    /// Returns the accuracy of the test on all rows. It is 1/2 if data and samples have the same
    /// distribution, 1 if they are easily distinguished, and below 1/2 if samples are close to the
    /// data from which they were copied.
    pub fn accuracy(&self) -> f64 {
        0.5 * (self.real + self.fake)
    }
}

/// Computes the two-sample test for the same number of data and samples. A row that has an infinite
/// distance from all others, such as a row that is not finite, counts as correctly classified.
///
/// # Panics
/// If the numbers of rows or the dimensions differ.
#[track_caller]
pub fn two_sample(real: &Tensor<f64>, fake: &Tensor<f64>) -> TwoSample {
    let n = real.dims()[0];
    assert_eq!(n, fake.dims()[0], "the test is for sets of one size");
    let both = Tensor::concat(&[real, fake], 0);
    let near = nearest_others(&both, 1);
    let accuracy = |range: std::ops::Range<usize>| {
        let is_correct = |other: &Neighbour| !other.squared.is_finite() || range.contains(&other.index);
        range.clone().filter(|&i| near[i].first().is_some_and(is_correct)).count() as f64 / n as f64
    };
    TwoSample { real: accuracy(0..n), fake: accuracy(n..2 * n) }
}

/// Returns the mean distance of a sample from its nearest training row, divided by the mean
/// distance of a held-out row from its nearest training row. The ratio is 1 for samples that are as
/// new as held-out data, 0 for copies of training data, and above 1 for samples that are unlike any
/// data.
///
/// # Panics
/// If a row has no neighbour.
#[track_caller]
pub fn distance_ratio(samples: &[Vec<Neighbour>], held_out: &[Vec<Neighbour>]) -> Estimate {
    let distances = |found: &[Vec<Neighbour>]| {
        Estimate::of(&found.iter().map(|near| near[0].squared.sqrt()).collect::<Vec<_>>())
    };
    let (of_samples, of_held_out) = (distances(samples), distances(held_out));
    let value = of_samples.value / of_held_out.value;
    // The error of a quotient of independent means, to first order.
    Estimate {
        value,
        error: (of_samples.error / of_held_out.value).hypot(value * of_held_out.error / of_held_out.value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use adjoint_nn::Stream;

    fn nearest(x: &Tensor<f64>, y: &Tensor<f64>, k: usize) -> Vec<Vec<Neighbour>> {
        let mut search = Search::new(x, k);
        search.among(y, 0);
        search.found()
    }

    fn normal(index: u64, n: usize, mean: f64) -> Tensor<f64> {
        Stream::new(5, "x", index).normal_tensor([n, 3], mean, 1.0)
    }

    #[test]
    fn neighbours_are_those_of_the_naive_search() {
        let (x, y) = (normal(0, 40, 0.0), normal(1, 70, 0.2));
        let distance = |i: usize, j: usize| -> f64 {
            (0..3).map(|c| (x.data()[i * 3 + c] - y.data()[j * 3 + c]).powi(2)).sum()
        };
        for (i, near) in nearest(&x, &y, 4).iter().enumerate() {
            let mut want: Vec<usize> = (0..70).collect();
            want.sort_by(|&a, &b| distance(i, a).total_cmp(&distance(i, b)));
            assert_eq!(near.iter().map(|n| n.index).collect::<Vec<_>>(), want[..4]);
            assert!(near.iter().all(|n| (n.squared - distance(i, n.index)).abs() < 1e-12));
        }
        assert_eq!(nearest(&x, &y.narrow(0, 0, 2), 4)[0].len(), 2);
    }

    /// The points are far from 0: the squared norms are 1e12 and the distance is 1e-2. In f32, all
    /// digits of the distance would be lost.
    #[test]
    fn distances_survive_cancellation() {
        let x = Tensor::from_slice([1, 2], &[1e6, 1e6]);
        let y = Tensor::from_slice([3, 2], &[1e6 + 0.5, 1e6, 1e6, 1e6 + 0.1, 1e6 + 1.0, 1e6]);
        let near = nearest(&x, &y, 3);
        assert_eq!(near[0].iter().map(|n| n.index).collect::<Vec<_>>(), [1, 0, 2]);
        assert!((near[0][0].squared.sqrt() - 0.1).abs() < 1e-2);
    }

    #[test]
    fn what_is_no_number_is_near_nothing() {
        let x = Tensor::from_slice([2, 1], &[f64::NAN, 1.0]);
        let near = nearest(&x, &Tensor::from_slice([2, 1], &[0.0, 2.0]), 1);
        assert_eq!([near[0][0].squared, near[1][0].squared], [f64::INFINITY, 1.0]);
    }

    /// The squares of the two large rows of x overflow. One of these rows is above y and the other
    /// is below.
    #[test]
    fn what_is_too_far_to_measure_is_no_copy() {
        let x = Tensor::from_slice([4, 1], &[1e200, -1e200, f64::INFINITY, f64::NEG_INFINITY]);
        for y in [-1.0, 0.0, 1.0] {
            for near in nearest(&x, &Tensor::from_slice([1, 1], &[y]), 1) {
                assert_eq!(near[0].squared, f64::INFINITY, "from {y}");
            }
        }
    }

    /// Rows at an infinite distance from all others are correctly classified.
    #[test]
    fn the_two_sample_test_tells_what_is_no_number() {
        let real = normal(0, 50, 0.0);
        for x in [f64::NAN, f64::INFINITY] {
            assert_eq!(two_sample(&real, &Tensor::full([50, 3], x)).accuracy(), 1.0, "{x}");
        }
    }

    #[test]
    fn others_leave_a_row_itself_out_but_not_its_copy() {
        let x = Tensor::from_slice([4, 1], &[0.0, 5.0, 0.0, 7.0]);
        let near = nearest_others(&x, 1);
        assert_eq!(
            near.iter().map(|n| (n[0].index, n[0].squared)).collect::<Vec<_>>(),
            [(2, 0.0), (3, 4.0), (0, 0.0), (1, 4.0)]
        );
    }

    #[test]
    fn labels_of_neighbours() {
        let training = Tensor::from_slice([3, 1], &[0.0, 10.0, 20.0]);
        let x = Tensor::from_slice([4, 1], &[1.0, 19.0, 11.0, -5.0]);
        assert_eq!(labels_of_nearest(&nearest(&x, &training, 1), &[7, 8, 9]), [7, 9, 8, 7]);
    }

    #[test]
    fn the_two_sample_test_knows_equal_different_and_copied() {
        let equal = two_sample(&normal(0, 1000, 0.0), &normal(1, 1000, 0.0));
        assert!((equal.accuracy() - 0.5).abs() < 0.05, "{equal:?}");
        assert!(two_sample(&normal(0, 500, 0.0), &normal(1, 500, 4.0)).accuracy() > 0.98);
        // Each sample is very close to a datum, so the nearest neighbour is always in the other
        // set.
        let real = normal(0, 300, 0.0);
        assert_eq!(two_sample(&real, &real.map(|x| x + 1e-9)).accuracy(), 0.0);
    }

    #[test]
    fn the_ratio_of_distances_knows_copies() {
        let training = normal(0, 800, 0.0);
        let held_out = nearest(&normal(1, 500, 0.0), &training, 1);
        let ratio = |x: &Tensor<f64>| distance_ratio(&nearest(x, &training, 1), &held_out);
        let fresh = ratio(&normal(2, 500, 0.0));
        assert!((fresh.value - 1.0).abs() < 4.0 * fresh.error, "{fresh:?}");
        assert_eq!(ratio(&training.narrow(0, 0, 100)).value, 0.0);
        assert!(ratio(&normal(2, 500, 5.0)).value > 3.0);
    }
}
