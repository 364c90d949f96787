//! Compares samples in a space of few dimensions with a known density.

use crate::neighbours::nearest_others;
use adjoint_nn::Tensor;

/// The entropy is estimated from the distance of each sample to its K-th nearest neighbour.
const K: usize = 3;

/// Returns the Kullback-Leibler divergence of the distribution q of samples (N, D) from a known
/// density p, in nats:
///
/// > KL(q || p) = -H(q) - E over q of log p(x)
///
/// The second term is estimated by the mean over samples. The entropy is estimated by the method of
/// Kozachenko & Leonenko (Kraskov et al. 2004, eq. 20) from the distance e of each sample to its
/// k-th nearest neighbour: H = psi(N) - psi(k) + log V_D + D mean of log e, where V_D is the volume
/// of the unit ball. The divergence is infinite if more than three samples coincide, for example
/// after a mode collapse: q has no density then.
///
/// # Panics
/// If there are three samples or fewer.
#[track_caller]
pub fn divergence_from_density(samples: &Tensor<f64>, log_density: impl Fn(&[f64]) -> f64) -> f64 {
    let [n, d] = samples.shape().matrix();
    assert!(n > K, "an entropy of {n} samples");
    let near = nearest_others(samples, K);
    let logs = near.iter().map(|near| 0.5 * near[K - 1].squared.ln()).sum::<f64>() / n as f64;
    let entropy = digamma(n as f64) - digamma(K as f64) + log_unit_ball(d) + d as f64 * logs;
    let cross = samples.data().chunks_exact(d).map(log_density).sum::<f64>() / n as f64;
    -entropy - cross
}

/// Returns the log of the volume V_d of the unit ball in d dimensions: V_d = (2 pi / d) V_(d-2)
/// with V_0 = 1 and V_1 = 2.
fn log_unit_ball(d: usize) -> f64 {
    match d {
        0 => 0.0,
        1 => 2.0f64.ln(),
        _ => (std::f64::consts::TAU / d as f64).ln() + log_unit_ball(d - 2),
    }
}

/// Returns psi(x) for x > 0. The recurrence psi(x) = psi(x + 1) - 1/x increases x to at least 10;
/// then the asymptotic series is used (Abramowitz & Stegun, 6.3.18).
fn digamma(x: f64) -> f64 {
    if x < 10.0 {
        return digamma(x + 1.0) - 1.0 / x;
    }
    let y = 1.0 / (x * x);
    x.ln() - 0.5 / x - y * (1.0 / 12.0 - y * (1.0 / 120.0 - y * (1.0 / 252.0 - y / 240.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use adjoint_nn::Stream;

    fn log_standard_normal(x: &[f64]) -> f64 {
        x.iter().map(|x| -0.5 * (x * x + std::f64::consts::TAU.ln())).sum()
    }

    fn normal(n: usize, d: usize, mean: f64, std: f64) -> Tensor<f64> {
        Stream::new(11, "x", d as u64).normal_tensor([n, d], mean, std)
    }

    /// KL(N(m, s^2 I) || N(0, I)) = d/2 (s^2 + m^2 - 1 - log s^2).
    #[test]
    fn is_the_closed_form_for_normal_samples() {
        for (d, mean, std) in
            [(1, 0.0f64, 1.0f64), (2, 0.0, 1.0), (2, 0.5, 1.0), (2, 0.0, 0.3), (3, 1.0, 2.0)]
        {
            let want = 0.5 * d as f64 * (std * std + mean * mean - 1.0 - (std * std).ln());
            let got = divergence_from_density(&normal(4000, d, mean, std), log_standard_normal);
            // The mean of |x|^2 / 2 over samples has a known variance. The error of the entropy is
            // added.
            let variance = 0.25 * d as f64 * (2.0 * std.powi(4) + 4.0 * mean * mean * std * std);
            let error = (variance / 4000.0).sqrt() + 0.02;
            assert!((got - want).abs() < 3.0 * error, "{d}, {mean}, {std}: {got} for {want}, {error}");
        }
    }

    #[test]
    fn is_infinite_after_a_collapse() {
        for d in [1, 2, 3] {
            // 0.3 is not exact in binary, so distances computed from products would be 0 only up to
            // rounding.
            let collapsed = Tensor::full([100, d], 0.3);
            assert_eq!(divergence_from_density(&collapsed, log_standard_normal), f64::INFINITY);
        }
    }

    #[test]
    fn special_functions_have_their_values() {
        let euler = 0.577_215_664_901_532_9;
        assert!((digamma(1.0) + euler).abs() < 1e-12);
        assert!((digamma(0.5) + euler + 2.0 * 2.0f64.ln()).abs() < 1e-12);
        assert!((log_unit_ball(3) - (4.0 / 3.0 * std::f64::consts::PI).ln()).abs() < 1e-14);
    }
}
