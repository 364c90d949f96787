use super::*;
use adjoint_nn::objective::gaussian_log_likelihood;

const LATENT: usize = 3;
const DIMENSIONS: usize = 6;
const SIGMA: f64 = 0.4;

/// The weights W of the factor analysis model x = W z + sigma e.
fn weights() -> Tensor<f64> {
    Stream::new(2, "w", 0).normal_tensor([LATENT, DIMENSIONS], 0.0, 1.0)
}

fn log_likelihood(x: &Tensor<f64>, chains: usize) -> impl Fn(&Var<f64>) -> Var<f64> {
    let x = Var::constant(Tensor::concat(&vec![x; chains], 0));
    let (w, log_var) = (Var::constant(weights()), Var::constant(Tensor::scalar(2.0 * SIGMA.ln())));
    move |z| gaussian_log_likelihood(&x, &z.matmul(&w), &log_var)
}

/// log N(x; 0, W^T W + sigma^2 I), computed with a Cholesky factorisation.
fn exact(x: &Tensor<f64>) -> f64 {
    let d = DIMENSIONS;
    let mut a = weights().matmul(true, &weights(), false).data().to_vec();
    (0..d).for_each(|i| a[i * d + i] += SIGMA * SIGMA);
    let mut l = vec![0.0; d * d];
    for i in 0..d {
        for j in 0..=i {
            let rest: f64 = a[i * d + j] - (0..j).map(|k| l[i * d + k] * l[j * d + k]).sum::<f64>();
            l[i * d + j] = if i == j { rest.sqrt() } else { rest / l[j * d + j] };
        }
    }
    let mut y = x.data().to_vec();
    for i in 0..d {
        y[i] = (y[i] - (0..i).map(|k| l[i * d + k] * y[k]).sum::<f64>()) / l[i * d + i];
    }
    let determinant: f64 = (0..d).map(|i| l[i * d + i].ln()).sum();
    -0.5 * y.iter().map(|y| y * y).sum::<f64>() - determinant - 0.5 * d as f64 * std::f64::consts::TAU.ln()
}

/// Returns z drawn from the prior and x drawn from the decoder.
fn simulated(index: u64) -> (Tensor<f64>, Tensor<f64>) {
    let z: Tensor<f64> = Stream::new(2, "z", index).normal_tensor([1, LATENT], 0.0, 1.0);
    let e: Tensor<f64> = Stream::new(2, "e", index).normal_tensor([1, DIMENSIONS], 0.0, SIGMA);
    let x = z.matmul(false, &weights(), false).zip(&e, |x, e| x + e);
    (z, x)
}

#[test]
fn both_bounds_meet_at_the_exact_likelihood() {
    for index in 0..2 {
        let (z, x) = simulated(index);
        let chains = 512;
        let ll = log_likelihood(&x, chains);
        let annealing = Annealing::tuned((Prior::Normal, LATENT), (1000, 10), chains, &ll, 1);
        let want = exact(&x);
        let lower = lower_bound(&annealing.forward(chains, &ll, 2));
        let upper = upper_bound(&annealing.reverse(Tensor::concat(&vec![&z; chains], 0), &ll, 3));
        assert!((lower - want).abs() < 0.05, "{lower} from below for {want}");
        assert!((upper - want).abs() < 0.05, "{upper} from above for {want}");
    }
}

/// With few temperatures the bounds are loose. On average, the lower bound is below the exact value
/// and the upper bound above it.
#[test]
fn loose_bounds_are_on_their_sides() {
    let (mut below, mut above) = (0.0, 0.0);
    for index in 0..20 {
        let (z, x) = simulated(index);
        let ll = log_likelihood(&x, 1);
        let annealing = Annealing::tuned((Prior::Normal, LATENT), (10, 2), 1, &ll, index);
        below += lower_bound(&annealing.forward(1, &ll, index)) - exact(&x);
        above += upper_bound(&annealing.reverse(z, &ll, index)) - exact(&x);
    }
    assert!(below < -1.0 && above > 1.0, "{below} and {above}");
}

/// For z uniform on [-1, 1] and x = z + sigma e, p(x) is half the integral of N(x; z, sigma^2) over
/// z between the bounds. For x near a bound, the posterior is concentrated at the bound, so chains
/// without reflection would not match the exact value.
#[test]
fn walls_reflect() {
    let (x, sigma, chains) = (0.95, 0.3, 256);
    let log_var = Var::constant(Tensor::scalar(2.0 * f64::ln(sigma)));
    let data = Var::constant(Tensor::full([chains, 1], x));
    let ll = |z: &Var<f64>| gaussian_log_likelihood(&data, z, &log_var);
    let steps = 20_000;
    let density = |z: f64| (-0.5 * ((x - z) / sigma).powi(2)).exp() / (sigma * std::f64::consts::TAU.sqrt());
    let want = ((0..steps).map(|i| density(-1.0 + (i as f64 + 0.5) * 2.0 / steps as f64)).sum::<f64>()
        / steps as f64)
        .ln();
    let annealing = Annealing::tuned((Prior::Uniform, 1), (100, 5), chains, ll, 1);
    let lower = lower_bound(&annealing.forward(chains, ll, 2));
    assert!((lower - want).abs() < 0.05, "{lower} for {want}");
    // Exact samples of the posterior, by rejection sampling from the prior.
    let mut stream = Stream::new(1, "posterior", 0);
    let mut posterior = || loop {
        let z = 2.0 * stream.uniform() - 1.0;
        if stream.uniform() < density(z) / density(x) {
            break z;
        }
    };
    let z: Vec<f64> = (0..chains).map(|_| posterior()).collect();
    let upper = upper_bound(&annealing.reverse(Tensor::from_slice([chains, 1], &z), ll, 3));
    assert!((upper - want).abs() < 0.05, "{upper} from above for {want}");
}

/// Chains of several data in one f32 batch give the same bounds as chains of each datum alone.
#[test]
fn data_do_not_meet() {
    let (chains, data) = (128, [simulated(0).1, simulated(1).1]);
    let rows: Vec<usize> = (0..2 * chains).map(|i| i / chains).collect();
    let narrow = |x: &Tensor<f64>| {
        Tensor::build(x.shape(), |out: &mut [f32]| {
            out.iter_mut().zip(x.data()).for_each(|(y, x)| *y = *x as f32);
        })
    };
    let x = Var::constant(narrow(&Tensor::concat(&[&data[0], &data[1]], 0).gather_rows(&rows)));
    let w = Var::constant(narrow(&weights()));
    let log_var = Var::constant(Tensor::scalar(2.0 * SIGMA.ln()));
    let ll = |z: &Var<f32>| gaussian_log_likelihood(&x, &z.matmul(&w), &log_var);
    let annealing = Annealing::tuned((Prior::Normal, LATENT), (500, 10), 2 * chains, ll, 1);
    let found = annealing.forward(2 * chains, ll, 2);
    for (weights, x) in found.chunks_exact(chains).zip(&data) {
        let (lower, want) = (lower_bound(weights), exact(x));
        assert!((lower - want).abs() < 0.2, "{lower} for {want}");
    }
}
