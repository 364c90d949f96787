//! The kernel distance: Bińkowski et al., "Demystifying MMD GANs" (ICLR 2018), section 4; Gretton et al. 2012, eq. 3.

use crate::Estimate;
use adjoint_nn::Tensor;

/// Rows of the kernel matrix that are held at once.
const CHUNK: usize = 1024;

/// The unbiased estimate of the squared maximum mean discrepancy of rows x (N, D) and y (M, D) with the kernel
/// k(a, b) = (<a, b> / D + 1)^3:
///
/// > mean over i != j of k(x_i, x_j)  +  mean over i != j of k(y_i, y_j)  -  2 mean of k(x_i, y_j)
///
/// 0 in expectation where both have one distribution, so it may come out below. Its error is that of both terms of its Hoeffding
/// decomposition: of each sample's influence, which is twice the difference of its mean kernel with its own kind and with the others and
/// vanishes where both distributions are one; and of what the kernel of a pair says beyond that (Gretton et al. 2012, theorem 12).
///
/// # Panics
/// If either has fewer than two rows, or dimensions differ.
#[track_caller]
pub fn kernel_distance(x: &Tensor<f64>, y: &Tensor<f64>) -> Estimate {
    let [[n, d], [m, d2]] = [x, y].map(|t| t.shape().matrix());
    assert!(n >= 2 && m >= 2, "a kernel distance of {n} and {m} samples");
    assert_eq!(d, d2, "features of different dimensions");
    let (xx, yy) = (Sums::of(x, x), Sums::of(y, y));
    let (xy, yx) = (Sums::of(x, y), Sums::of(y, x));
    let own = |sums: &Sums, n: usize| -> Vec<f64> {
        sums.rows.iter().zip(&sums.diagonal).map(|(row, k)| (row - k) / (n - 1) as f64).collect()
    };
    let other = |sums: &Sums, n: usize| -> Vec<f64> { sums.rows.iter().map(|row| row / n as f64).collect() };
    let influence = |own: &[f64], other: &[f64]| {
        Estimate::of(&own.iter().zip(other).map(|(a, b)| 2.0 * (a - b)).collect::<Vec<_>>())
    };
    let (of_x, of_y) = (own(&xx, n), own(&yy, m));
    let (x_of_y, y_of_x) = (other(&xy, m), other(&yx, n));
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let value = mean(&of_x) + mean(&of_y) - 2.0 * mean(&x_of_y);
    let (a, b) = (influence(&of_x, &x_of_y), influence(&of_y, &y_of_x));
    let [n, m] = [n, m].map(|n| n as f64);
    let pairs =
        2.0 * xx.centred(&xx) / (n * n) + 2.0 * yy.centred(&yy) / (m * m) + 4.0 * xy.centred(&yx) / (n * m);
    Estimate { value, error: (a.error.powi(2) + b.error.powi(2) + pairs).sqrt() }
}

/// Sums of the kernel over all b for each a, and k(a_i, b_i) where there is such a pair.
struct Sums {
    rows: Vec<f64>,
    diagonal: Vec<f64>,
    /// The sum of k(a, b)^2 over all pairs.
    squares: f64,
}

impl Sums {
    fn of(a: &Tensor<f64>, b: &Tensor<f64>) -> Self {
        let [[n, d], [m, _]] = [a, b].map(|t| t.shape().matrix());
        let kernel = |product: f64| (product / d as f64 + 1.0).powi(3);
        let mut sums = Sums { rows: Vec::with_capacity(n), diagonal: Vec::with_capacity(n), squares: 0.0 };
        for start in (0..n).step_by(CHUNK) {
            let products = a.narrow(0, start, CHUNK.min(n - start)).matmul(false, b, true);
            let products = products.map(kernel);
            for (i, row) in products.data().chunks_exact(m).enumerate() {
                sums.rows.push(row.iter().sum());
                sums.squares += row.iter().map(|k| k * k).sum::<f64>();
                sums.diagonal.extend(row.get(start + i));
            }
        }
        sums
    }

    /// The mean square of the kernel less its means over a and over b, of which `other` holds the latter.
    fn centred(&self, other: &Sums) -> f64 {
        let (n, m) = (self.rows.len() as f64, other.rows.len() as f64);
        let mean_square = |sums: &[f64], of: f64| {
            sums.iter().map(|sum| (sum / of).powi(2)).sum::<f64>() / sums.len() as f64
        };
        let grand = self.rows.iter().sum::<f64>() / (n * m);
        let own =
            self.squares / (n * m) - mean_square(&self.rows, m) - mean_square(&other.rows, n) + grand * grand;
        own.max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use adjoint_nn::Stream;

    fn normal(index: u64, n: usize, mean: f64) -> Tensor<f64> {
        Stream::new(3, "x", index).normal_tensor([n, 4], mean, 1.0)
    }

    /// The definition, by loops.
    fn naive(x: &Tensor<f64>, y: &Tensor<f64>) -> f64 {
        let d = x.dims()[1];
        let row = |t: &Tensor<f64>, i: usize| t.data()[i * d..(i + 1) * d].to_vec();
        let k = |a: &[f64], b: &[f64]| {
            (a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / d as f64 + 1.0).powi(3)
        };
        let mean = |a: &Tensor<f64>, b: &Tensor<f64>, others: bool| {
            let pairs = (0..a.dims()[0]).flat_map(|i| (0..b.dims()[0]).map(move |j| (i, j)));
            let values: Vec<f64> =
                pairs.filter(|(i, j)| !others || i != j).map(|(i, j)| k(&row(a, i), &row(b, j))).collect();
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

    /// A biased estimate, which counts a sample's kernel with itself, would be above 0 by far more than the error.
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
        assert!((0.6..1.1).contains(&(scatter / said)), "{scatter} scattered, {said} said");
        let biased = 1.0 / 200.0; // less than any k(a, a) / n
        assert!(mean.value.abs() < biased);
    }

    /// For a shift of the mean: values scatter about their mean as the error says.
    #[test]
    fn scatters_as_its_error_says() {
        let runs: Vec<Estimate> = (0..60)
            .map(|i| kernel_distance(&normal(2 * i, 150, 1.0), &normal(2 * i + 1, 100, 0.0)))
            .collect();
        let values: Vec<f64> = runs.iter().map(|run| run.value).collect();
        let scatter = Estimate::of(&values).error * (values.len() as f64).sqrt();
        let said = runs.iter().map(|run| run.error).sum::<f64>() / runs.len() as f64;
        assert!((scatter / said - 1.0).abs() < 0.35, "{scatter} scattered, {said} said");
        assert!(runs.iter().all(|run| run.value > 3.0 * run.error));
    }
}
