//! The kernel distance: Bińkowski et al., "Demystifying MMD GANs" (ICLR 2018), section 4; Gretton
//! et al. 2012, eq. 3.

use crate::Estimate;
use crate::neighbours::rows_at_once;
use adjoint_nn::Tensor;

/// Rows (N, D) with which other rows are compared, and the means of the kernel over pairs of the
/// stored rows.
#[derive(Clone, Debug)]
pub struct Reference {
    x: Tensor<f64>,
    within: Means,
}

impl Reference {
    /// Computes the means of the kernel over pairs of rows of `x`.
    ///
    /// # Panics
    /// If there are fewer than two rows.
    #[track_caller]
    pub fn new(x: Tensor<f64>) -> Self {
        Reference { within: Means::within(&x), x }
    }

    /// Returns the unbiased estimate of the squared maximum mean discrepancy between the stored
    /// rows x (N, D) and rows y (M, D) with the kernel k(a, b) = (<a, b> / D + 1)^3:
    ///
    /// > mean over i != j of k(x_i, x_j)  +  mean over i != j of k(y_i, y_j)  -
    /// > 2 mean of k(x_i, y_j)
    ///
    /// The expectation of the estimate is 0 if both distributions are equal, so the estimate can be
    /// negative. The error is computed from the two terms of the Hoeffding decomposition. The first
    /// term is the influence of each sample: twice the difference between its mean kernel with rows
    /// of the same set and with rows of the other set. It is 0 if both distributions are equal. The
    /// second term is the remaining part of the kernel of each pair (Gretton et al. 2012, theorem
    /// 12).
    ///
    /// # Panics
    /// If there are fewer than two rows y, or dimensions differ.
    #[track_caller]
    pub fn distance(&self, y: &Tensor<f64>) -> Estimate {
        let Reference { x, within: xx } = self;
        let [[n, d], [m, d2]] = [x, y].map(|t| t.shape().matrix());
        assert_eq!(d, d2, "features of different dimensions");
        let (yy, xy) = (Means::within(y), Means::between(x, y));
        let value = xx.mean() + yy.mean() - 2.0 * xy.mean();
        let influence = |own: &[f64], other: &[f64]| {
            Estimate::of(&own.iter().zip(other).map(|(a, b)| 2.0 * (a - b)).collect::<Vec<_>>())
        };
        let singles =
            influence(&xx.rows, &xy.rows).error.powi(2) + influence(&yy.rows, &xy.columns).error.powi(2);
        let [n, m] = [n, m].map(|n| n as f64);
        let pairs = 2.0 * xx.residual / (n * n) + 2.0 * yy.residual / (m * m) + 4.0 * xy.residual / (n * m);
        // The influences are themselves means over pairs. This alone adds twice the second term to
        // their variance.
        Estimate { value, error: (singles - pairs).max(pairs).sqrt() }
    }
}

/// Means of the kernel over pairs of a row a of one set and a row b of another set.
#[derive(Clone, Debug)]
struct Means {
    /// For each a, the mean over all b.
    rows: Vec<f64>,
    /// For each b, the mean over all a.
    columns: Vec<f64>,
    /// The mean square of the part of the kernel of a pair that these means do not explain.
    residual: f64,
}

impl Means {
    /// Computes the means over pairs of different rows of one set.
    #[track_caller]
    fn within(a: &Tensor<f64>) -> Self {
        let n = a.dims()[0];
        assert!(n >= 2, "a kernel distance of {n} samples");
        Self::over(a, a, true)
    }

    fn between(a: &Tensor<f64>, b: &Tensor<f64>) -> Self {
        Self::over(a, b, false)
    }

    fn over(a: &Tensor<f64>, b: &Tensor<f64>, skip_diagonal: bool) -> Self {
        let [[n, d], [m, _]] = [a, b].map(|t| t.shape().matrix());
        let kernel = move |product: f64| (product / d as f64 + 1.0).powi(3);
        let (mut rows, mut columns, mut squares) = (Vec::with_capacity(n), vec![0.0; m], 0.0);
        let chunk = rows_at_once(m);
        for start in (0..n).step_by(chunk) {
            let mut kernels = a.narrow(0, start, chunk.min(n - start)).matmul(false, b, true);
            for (i, row) in kernels.data_mut().chunks_exact_mut(m).enumerate() {
                row.iter_mut().for_each(|k| *k = kernel(*k));
                if skip_diagonal {
                    row[start + i] = 0.0;
                }
                rows.push(row.iter().sum());
                columns.iter_mut().zip(&*row).for_each(|(sum, k)| *sum += k);
                squares += row.iter().map(|k| k * k).sum::<f64>();
            }
        }
        let (in_row, in_column) = if skip_diagonal { (m - 1, n - 1) } else { (m, n) };
        rows.iter_mut().for_each(|sum| *sum /= in_row as f64);
        columns.iter_mut().for_each(|sum| *sum /= in_column as f64);
        let mean_square = |means: &[f64]| means.iter().map(|x| x * x).sum::<f64>() / means.len() as f64;
        let all = rows.iter().sum::<f64>() / n as f64;
        let residual = squares / (n * in_row) as f64 - mean_square(&rows) - mean_square(&columns) + all * all;
        Means { rows, columns, residual: residual.max(0.0) }
    }

    fn mean(&self) -> f64 {
        self.rows.iter().sum::<f64>() / self.rows.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use adjoint_nn::Stream;

    fn kernel_distance(x: &Tensor<f64>, y: &Tensor<f64>) -> Estimate {
        Reference::new(x.clone()).distance(y)
    }

    fn normal(index: u64, n: usize, mean: f64) -> Tensor<f64> {
        Stream::new(3, "x", index).normal_tensor([n, 4], mean, 1.0)
    }

    /// Computes the estimate as it is defined, with loops over all pairs.
    fn naive(x: &Tensor<f64>, y: &Tensor<f64>) -> f64 {
        let d = x.dims()[1];
        let row = |t: &Tensor<f64>, i: usize| t.data()[i * d..(i + 1) * d].to_vec();
        let k = |a: &[f64], b: &[f64]| {
            (a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / d as f64 + 1.0).powi(3)
        };
        let mean = |a: &Tensor<f64>, b: &Tensor<f64>, skip_diagonal: bool| {
            let pairs = (0..a.dims()[0]).flat_map(|i| (0..b.dims()[0]).map(move |j| (i, j)));
            let values: Vec<f64> = pairs
                .filter(|(i, j)| !skip_diagonal || i != j)
                .map(|(i, j)| k(&row(a, i), &row(b, j)))
                .collect();
            values.iter().sum::<f64>() / values.len() as f64
        };
        mean(x, x, true) + mean(y, y, true) - 2.0 * mean(x, y, false)
    }

    #[test]
    fn is_its_definition() {
        for (n, m) in [(2, 3), (7, 5), (1500, 20)] {
            let (x, y) = (normal(1, n, 0.5), normal(2, m, 0.0));
            let (got, want) = (kernel_distance(&x, &y).value, naive(&x, &y));
            assert!((got - want).abs() < 1e-9 * want.abs().max(1.0), "{got} for {want}");
        }
    }

    /// A biased estimate, which includes the kernel of each sample with itself, would exceed 0 by
    /// much more than the error.
    #[test]
    fn is_about_zero_for_equal_distributions_and_knows_its_error() {
        let runs: Vec<Estimate> = (0..40)
            .map(|i| kernel_distance(&normal(2 * i, 200, 0.0), &normal(2 * i + 1, 200, 0.0)))
            .collect();
        let mean = Estimate::of(&runs.iter().map(|run| run.value).collect::<Vec<_>>());
        assert!(mean.value.abs() < 4.0 * mean.error, "{mean:?}");
        let scatter =
            Estimate::of(&runs.iter().map(|run| run.value).collect::<Vec<_>>()).error * 40f64.sqrt();
        let said = runs.iter().map(|run| run.error).sum::<f64>() / 40.0;
        assert!((0.75..1.25).contains(&(scatter / said)), "{scatter} scattered, {said} said");
        let biased = 1.0 / 200.0; // less than any k(a, a) / n
        assert!(mean.value.abs() < biased);
    }

    /// For distributions with different means, the standard deviation of the estimates equals the
    /// computed error.
    #[test]
    fn scatters_as_its_error_says() {
        let runs: Vec<Estimate> = (0..60)
            .map(|i| kernel_distance(&normal(2 * i, 150, 1.0), &normal(2 * i + 1, 100, 0.0)))
            .collect();
        let values: Vec<f64> = runs.iter().map(|run| run.value).collect();
        let scatter = Estimate::of(&values).error * (values.len() as f64).sqrt();
        let said = runs.iter().map(|run| run.error).sum::<f64>() / runs.len() as f64;
        assert!((scatter / said - 1.0).abs() < 0.25, "{scatter} scattered, {said} said");
        assert!(runs.iter().all(|run| run.value > 3.0 * run.error));
    }
}
