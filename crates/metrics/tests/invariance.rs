//! Tests that no metric depends on the order of the samples or on their division into the pieces
//! that are in memory at once. Also tests that no metric stores a whole matrix over all pairs.
//!
//! The sets are larger than a piece (1,024 rows), and the permutation moves almost every row into
//! another piece. The tests therefore detect a metric that skips rows, counts rows twice or weights
//! rows by their piece.

use adjoint_metrics::linalg::Moments;
use adjoint_metrics::manifold::{Balls, Manifold};
use adjoint_metrics::neighbours::{Neighbour, Search, distance_ratio, labels_of_nearest, two_sample};
use adjoint_metrics::parzen::{Parzen, widths};
use adjoint_metrics::plane::divergence_from_density;
use adjoint_metrics::{classifier, frechet, kernel, sharpness, sliced};
use adjoint_nn::{Stream, Tensor};
use adjoint_tensor::memory;
use adjoint_testing::alone;

const ROWS: usize = 2500;
const WIDTH: usize = 9;

fn rows(index: u64, mean: f64) -> Tensor<f64> {
    Stream::new(11, "x", index).normal_tensor([ROWS, WIDTH], mean, 1.0)
}

/// A permutation of the rows that moves adjacent rows far apart.
fn order() -> Vec<usize> {
    (0..ROWS).map(|i| i * 1009 % ROWS).collect()
}

/// A class for each row, which depends on the first number of the row alone.
fn labels(x: &Tensor<f64>) -> Vec<usize> {
    x.data().chunks_exact(WIDTH).map(|row| usize::from(row[0] > 0.0)).collect()
}

/// Converts rows to class probabilities.
fn probabilities(x: &Tensor<f64>) -> Tensor<f64> {
    let mut p = x.map(|x| (4.0 * x).exp());
    for row in p.data_mut().chunks_exact_mut(WIDTH) {
        let sum: f64 = row.iter().sum();
        row.iter_mut().for_each(|p| *p /= sum);
    }
    p
}

fn images(x: &Tensor<f64>) -> Tensor<f32> {
    let pixels: Vec<f32> = x.data().iter().map(|&x| x as f32).collect();
    Tensor::from_slice([ROWS, 3, 3, 1], &pixels)
}

/// Images of 16 x 16 pixels, one from each row.
fn larger(x: &Tensor<f64>) -> Tensor<f32> {
    Tensor::build([ROWS, 16, 16, 1], |out: &mut [f32]| {
        for (image, row) in out.chunks_exact_mut(256).zip(x.data().chunks_exact(WIDTH)) {
            let pixel = |i: usize| row[i % WIDTH] * (row[0] + i as f64 / 30.0).sin();
            image.iter_mut().enumerate().for_each(|(i, out)| *out = pixel(i) as f32);
        }
    })
}

fn nearest(x: &Tensor<f64>, y: &Tensor<f64>, k: usize) -> Vec<Vec<Neighbour>> {
    let mut search = Search::new(x, k);
    search.among(y, 0);
    search.found()
}

/// Computes a metric from data and samples.
type Metric = fn(&Tensor<f64>, &Tensor<f64>) -> Vec<f64>;

const METRICS: [(&str, Metric); 13] = [
    ("Fréchet distance", |x, y| vec![frechet::Reference::new(Moments::of(x)).distance(&Moments::of(y))]),
    ("kernel distance", |x, y| {
        let distance = kernel::Reference::new(x.clone()).distance(y);
        vec![distance.value, distance.error]
    }),
    ("precision, recall, density, coverage", |x, y| {
        let m = Manifold::of(&Balls::about(x.clone(), 5), &Balls::about(y.clone(), 5));
        vec![m.precision, m.recall, m.density, m.coverage]
    }),
    ("two-sample test", |x, y| {
        let test = two_sample(x, y);
        vec![test.real, test.fake]
    }),
    ("1-NN classification", |x, y| {
        let found = labels_of_nearest(&nearest(x, y, 1), &labels(y));
        vec![classifier::accuracy(&found, &labels(x)).value]
    }),
    ("distance ratio", |x, y| {
        let training = Stream::new(11, "training", 0).normal_tensor([ROWS, WIDTH], 0.0, 1.0);
        let ratio = distance_ratio(&nearest(y, &training, 1), &nearest(x, &training, 1));
        vec![ratio.value, ratio.error]
    }),
    ("Parzen window", |x, y| {
        let window = Parzen::cross_validated(y.clone(), x, &widths(0.1, 3.0, 9));
        let of_x = window.log_likelihood(x);
        vec![window.sigma(), of_x.value, of_x.error]
    }),
    ("divergence from a density", |_, y| {
        vec![divergence_from_density(y, |x| -0.5 * x.iter().map(|x| x * x).sum::<f64>())]
    }),
    ("classifier score", |_, y| vec![classifier::classifier_score(&probabilities(y))]),
    ("confident share", |_, y| vec![classifier::confident(&probabilities(y)).value]),
    ("class histogram", |x, y| {
        let [p, q] = [x, y].map(|x| classifier::histogram(&classifier::classes(&probabilities(x)), WIDTH));
        vec![classifier::total_variation(&p, &q)]
    }),
    ("sharpness", |_, y| vec![sharpness(&images(y))]),
    ("sliced Wasserstein distance", |x, y| {
        let [x, y] = [x, y].map(|x| sliced::Projections::of(&larger(x), 1));
        x.distances(&y)
    }),
];

#[test]
fn no_metric_depends_on_the_order_of_samples() {
    let (x, y) = (rows(0, 0.0), rows(1, 0.3));
    let (shuffled_x, shuffled_y) = (x.gather_rows(&order()), y.gather_rows(&order()));
    for (name, metric) in METRICS {
        let want = metric(&x, &y);
        assert!(
            want.iter().all(|value| value.is_finite() && *value != 0.0),
            "{name} is 0 or not finite: {want:?}"
        );
        for (order, got) in [("data", metric(&shuffled_x, &y)), ("samples", metric(&x, &shuffled_y))] {
            for (got, want) in got.iter().zip(&want) {
                assert!(
                    (got - want).abs() < 1e-9 * want.abs(),
                    "{name}, {order} in another order: {got} for {want}"
                );
            }
        }
    }
}

/// A search in parts of any size finds the same neighbours as a search of the whole set.
#[test]
fn a_search_in_parts_finds_what_one_in_the_whole_finds() {
    let (x, y) = (rows(0, 0.0).narrow(0, 0, 300), rows(1, 0.3));
    let whole = nearest(&x, &y, 4);
    for part in [1, 7, 1024, 1999] {
        let mut search = Search::new(&x, 4);
        for first in (0..ROWS).step_by(part) {
            search.among(&y.narrow(0, first, part.min(ROWS - first)), first);
        }
        for (a, b) in search.found().iter().flatten().zip(whole.iter().flatten()) {
            assert!(
                a.index == b.index && (a.squared - b.squared).abs() < 1e-12 * b.squared,
                "{part}: {a:?}, {b:?}"
            );
        }
    }
}

/// The matrix over all pairs of 17,000 rows would take 2.3 GB, and 1,024 of its rows take 139 MB.
#[test]
fn no_metric_holds_more_than_a_piece_of_a_matrix_over_all_pairs() {
    alone(|| {
        let rows = |index| Stream::new(11, "x", index).normal_tensor([17_000, 2], 0.0, 1.0);
        let (x, y): (Tensor<f64>, Tensor<f64>) = (rows(0), rows(1));
        let few = x.narrow(0, 0, 2_000);
        // Their descriptors would take 150 MB.
        let images = Tensor::full([2_000, 32, 32, 3], 0.5f32);
        let metrics: [(&str, &dyn Fn()); 5] = [
            ("kernel distance", &|| {
                assert!(kernel::Reference::new(few.clone()).distance(&y).value.is_finite())
            }),
            ("neighbours", &|| assert_eq!(nearest(&few, &y, 2).len(), 2_000)),
            ("Parzen window", &|| {
                let window = Parzen::cross_validated(y.clone(), &few, &[0.5]);
                assert!(window.log_likelihood(&few).value.is_finite());
            }),
            ("sliced Wasserstein distance", &|| {
                let images = sliced::Projections::of(&images, 1);
                assert_eq!(images.distances(&images), [0.0, 0.0]);
            }),
            ("balls", &|| {
                let (few, all) = (Balls::about(few.clone(), 3), Balls::about(y.clone(), 3));
                assert!(Manifold::of(&few, &all).coverage > 0.0);
            }),
        ];
        for (name, metric) in metrics {
            memory::reset_peak();
            let before = memory::stats().live;
            metric();
            let held = memory::stats().peak - before;
            assert!(held < 80 << 20, "{name} held {held} bytes");
        }
    });
}
