//! Metrics computed from the class probabilities of samples: Salimans et al., "Improved techniques
//! for training GANs" (2016), section 4.

use crate::Estimate;
use adjoint_nn::Tensor;

/// A sample counts as confident if its most likely class has at least this probability.
pub const CONFIDENT: f64 = 0.9;

/// Returns the classifier score: the exponential of the mean of KL(p(y|x) || p(y)) over samples,
/// where p(y) is the mean of p(y|x). `probabilities` has the shape (N, classes). The score is 1 if
/// all samples have the same class probabilities. It equals the number of classes if each sample
/// certainly belongs to one class and all classes are equally frequent.
pub fn classifier_score(probabilities: &Tensor<f64>) -> f64 {
    let [n, classes] = probabilities.shape().matrix();
    let marginal = mean_row(probabilities);
    let divergence = |row: &[f64]| -> f64 {
        // If p is the smallest positive number, the mean q may round to 0.
        let known = row.iter().zip(&marginal).filter(|(p, q)| **p > 0.0 && **q > 0.0);
        known.map(|(p, q)| p * (p / q).ln()).sum()
    };
    (probabilities.data().chunks_exact(classes).map(divergence).sum::<f64>() / n as f64).exp()
}

/// Returns the share of samples whose most likely class has at least the probability [`CONFIDENT`].
pub fn confident(probabilities: &Tensor<f64>) -> Estimate {
    let [n, classes] = probabilities.shape().matrix();
    let rows = probabilities.data().chunks_exact(classes);
    Estimate::share(rows.filter(|row| row.iter().any(|&p| p >= CONFIDENT)).count(), n)
}

/// Returns the most likely class of each sample, and the first of equally likely classes.
pub fn classes(probabilities: &Tensor<f64>) -> Vec<usize> {
    let [_, classes] = probabilities.shape().matrix();
    let first_largest =
        |row: &[f64]| (0..row.len()).rev().max_by(|&i, &j| row[i].total_cmp(&row[j])).unwrap_or(0);
    probabilities.data().chunks_exact(classes).map(first_largest).collect()
}

/// Returns the share of samples in each of `count` classes.
pub fn histogram(classes: &[usize], count: usize) -> Vec<f64> {
    let mut shares = vec![0.0; count];
    classes.iter().for_each(|&class| shares[class] += 1.0 / classes.len() as f64);
    shares
}

/// Returns the total variation distance between two distributions over classes, half the sum of
/// |p - q|. This is the smallest share of samples that would have to change their class to make the
/// distributions equal.
pub fn total_variation(p: &[f64], q: &[f64]) -> f64 {
    0.5 * p.iter().zip(q).map(|(p, q)| (p - q).abs()).sum::<f64>()
}

/// Returns the share of samples for which `found` equals `expected`.
pub fn accuracy(found: &[usize], expected: &[usize]) -> Estimate {
    Estimate::share(found.iter().zip(expected).filter(|(a, b)| a == b).count(), found.len())
}

/// Returns the mean of the rows of a tensor (N, D).
fn mean_row(x: &Tensor<f64>) -> Vec<f64> {
    let [n, d] = x.shape().matrix();
    x.sum_to([1, d]).data().iter().map(|sum| sum / n as f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[[f64; 3]]) -> Tensor<f64> {
        Tensor::from_slice([rows.len(), 3], rows.as_flattened())
    }

    #[test]
    fn the_score_runs_from_one_to_the_number_of_classes() {
        let sure = |i: usize| [0, 1, 2].map(|j| f64::from(u8::from(i == j)));
        assert!((classifier_score(&rows(&[sure(0), sure(1), sure(2)])) - 3.0).abs() < 1e-12);
        assert!((classifier_score(&rows(&[sure(1), sure(1)])) - 1.0).abs() < 1e-12);
        assert!((classifier_score(&rows(&[[0.2, 0.3, 0.5]; 4])) - 1.0).abs() < 1e-12);
    }

    /// For samples of two kinds, the expected score is known from the KL divergence of each kind
    /// from the mean of both. A score computed along the wrong axis, or with the arguments of KL
    /// exchanged, would differ.
    #[test]
    fn the_score_of_two_kinds() {
        let (p, q) = ([0.7, 0.2, 0.1], [0.1, 0.1, 0.8]);
        let mean: Vec<f64> = p.iter().zip(q).map(|(p, q)| 0.5 * (p + q)).collect();
        let kl = |p: &[f64]| p.iter().zip(&mean).map(|(p, m)| p * (p / m).ln()).sum::<f64>();
        let want = (0.5 * (kl(&p) + kl(&q))).exp();
        assert!((classifier_score(&rows(&[p, q])) - want).abs() < 1e-12);
        assert!((classifier_score(&rows(&[q, p, q, p])) - want).abs() < 1e-12, "whatever the order");
    }

    /// A probability whose contribution to the mean rounds to 0 adds 0 to the score, not infinity.
    #[test]
    fn the_score_is_finite_where_a_probability_is_the_smallest_number() {
        let least = f64::from_bits(1);
        let score = classifier_score(&rows(&[[1.0, 0.0, least], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]));
        assert!((score - 1.0).abs() < 1e-12, "{score}");
    }

    #[test]
    fn confidence_classes_and_their_shares() {
        let p = rows(&[[0.95, 0.05, 0.0], [0.5, 0.5, 0.0], [0.1, 0.0, 0.9], [0.05, 0.06, 0.89]]);
        assert_eq!(confident(&p).value, 0.5);
        assert_eq!(classes(&p), [0, 0, 2, 2]);
        assert_eq!(histogram(&classes(&p), 3), [0.5, 0.0, 0.5]);
        assert!((total_variation(&[0.5, 0.0, 0.5], &[0.25, 0.25, 0.5]) - 0.25).abs() < 1e-15);
        assert_eq!(accuracy(&classes(&p), &[0, 1, 2, 1]).value, 0.5);
    }
}
