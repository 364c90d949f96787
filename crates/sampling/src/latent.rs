//! Paths between latent vectors, and quantiles of latent variables.

use adjoint_nn::Tensor;
use adjoint_recipes::game::flags::Distribution;

/// Returns a point on the path from vector a to vector b: a at t = 0, b at t = 1. For uniform noise
/// the path is a straight line. For normal noise it is an arc (slerp, Shoemake 1985): normal
/// vectors are close to a sphere, and a straight line would leave the sphere (White 2016).
pub(crate) fn between(a: &[f32], b: &[f32], t: f64, noise: Distribution) -> Vec<f32> {
    let weights = match noise {
        Distribution::Uniform => [1.0 - t, t],
        Distribution::Gaussian => arc(a, b, t),
    };
    a.iter().zip(b).map(|(&a, &b)| (weights[0] * f64::from(a) + weights[1] * f64::from(b)) as f32).collect()
}

fn arc(a: &[f32], b: &[f32], t: f64) -> [f64; 2] {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
    let lengths = (dot(a, a) * dot(b, b)).sqrt();
    let angle = if lengths > 0.0 { (dot(a, b) / lengths).clamp(-1.0, 1.0).acos() } else { 0.0 };
    // If the vectors are parallel, in the same or in opposite directions, there is no unique arc
    // between them.
    if angle.sin() < 1e-6 {
        return [1.0 - t, t];
    }
    [((1.0 - t) * angle).sin() / angle.sin(), (t * angle).sin() / angle.sin()]
}

/// Returns the p-quantile of a latent variable: its value is below the quantile with probability p.
pub(crate) fn quantile(p: f64, noise: Distribution) -> f64 {
    match noise {
        Distribution::Uniform => 2.0 * p - 1.0,
        Distribution::Gaussian => normal_quantile(p),
    }
}

/// Returns the p-quantile of N(0, 1) by 60 bisections of its cumulative distribution function. The
/// accuracy is 1e-12.
fn normal_quantile(p: f64) -> f64 {
    let (mut low, mut high) = (-9.0, 9.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if normal_cdf(middle) < p { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// Returns Phi(x) = 1/2 + phi(x) (x + x^3/3 + x^5/15 + ...) (Abramowitz & Stegun, 26.2.11).
fn normal_cdf(x: f64) -> f64 {
    let (mut term, mut sum) = (x, 0.0);
    for k in 1..400 {
        sum += term;
        term *= x * x / f64::from(2 * k + 1);
    }
    (0.5 + sum * (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt()).clamp(0.0, 1.0)
}

/// Returns latent vectors, one per row, as a tensor (rows, latent).
pub(crate) fn rows(rows: &[Vec<f32>]) -> Tensor<f32> {
    let latent = rows.first().map_or(0, Vec::len);
    Tensor::from_slice([rows.len(), latent], &rows.concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use Distribution::{Gaussian, Uniform};

    #[test]
    fn walks_start_and_end_where_they_should() {
        let (a, b) = ([1.0, 0.0, 2.0], [0.0, 2.0, -1.0]);
        for noise in [Uniform, Gaussian] {
            let near = |x: Vec<f32>, y: &[f32]| x.iter().zip(y).all(|(x, y)| (x - y).abs() < 1e-6);
            assert!(near(between(&a, &b, 0.0, noise), &a) && near(between(&a, &b, 1.0, noise), &b));
        }
        assert_eq!(between(&a, &b, 0.5, Uniform), [0.5, 1.0, 0.5]);
    }

    #[test]
    fn an_arc_keeps_to_the_sphere() {
        let (a, b) = ([3.0, 0.0], [0.0, 3.0]);
        for t in [0.1, 0.3, 0.5, 0.9] {
            let [x, y] = between(&a, &b, t, Gaussian)[..] else { panic!("two numbers") };
            assert!((x.hypot(y) - 3.0).abs() < 1e-5);
            let angle = f64::from(y.atan2(x));
            assert!((angle - t * std::f64::consts::FRAC_PI_2).abs() < 1e-6);
        }
        // For parallel vectors the path is the straight line.
        assert_eq!(between(&[1.0, 1.0], &[2.0, 2.0], 0.5, Gaussian), [1.5, 1.5]);
        assert_eq!(between(&[0.0, 0.0], &[2.0, 2.0], 0.5, Gaussian), [1.0, 1.0]);
    }

    /// Compares quantiles with tables of the normal distribution.
    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (p, x) in
            [(0.5, 0.0), (0.975, 1.959_963_984_540), (0.01, -2.326_347_874_041), (0.999, 3.090_232_306_168)]
        {
            assert!((quantile(p, Gaussian) - x).abs() < 1e-9, "{p}");
        }
        assert_eq!([0.0, 0.25, 1.0].map(|p| quantile(p, Uniform)), [-1.0, -0.5, 1.0]);
    }
}
