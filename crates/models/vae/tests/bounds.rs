//! Losses and bounds, compared with known values.

use adjoint_nn::gradcheck::assert_model;
use adjoint_nn::optim::Gradients;
use adjoint_nn::{Module, Stream, Tensor, Var};
use adjoint_vae::{Activation, Architecture, Body, Vae, vae};
use adjoint_variational::{Bound, BoundSummary, Estimator, Likelihood, Objective, Settings};

const LATENT: usize = 2;

fn mlp(hidden: &[usize]) -> Architecture {
    let body = Body::Mlp { hidden: hidden.to_vec(), activation: Activation::Tanh };
    Architecture { image_size: 2, channels: 1, latent: LATENT, classes: 0, body }
}

fn conv() -> Architecture {
    Architecture { image_size: 16, channels: 1, latent: LATENT, classes: 3, body: Body::Conv { width: 2 } }
}

fn elbo(k: usize, estimator: Estimator) -> Settings {
    Settings { k, estimator, ..Settings::default() }
}

fn model(a: &Architecture, settings: Settings) -> Vae<f64> {
    vae(a, settings, 7)
}

/// Returns images in [0, 1], labels if the model is conditional, and noise for k samples per image.
fn batch(a: &Architecture, n: usize, k: usize, seed: u64) -> (Tensor<f64>, Option<Tensor<f64>>, Tensor<f64>) {
    let x = Stream::new(seed, "x", 0).uniform_tensor([n, a.image_size, a.image_size, 1], 0.0, 1.0);
    let labels: Tensor<f64> = Tensor::build([n, a.classes], |rows| {
        rows.iter_mut().enumerate().for_each(|(i, r)| *r = f64::from(u8::from(i % 3 == (i / 3) % 3)));
    });
    let eps = Stream::new(seed, "eps", 0).normal_tensor([n * k, LATENT], 0.0, 1.0);
    (x, (a.classes > 0).then_some(labels), eps)
}

/// Checks the gradient of every loss with respect to all parameters of the networks. The cases
/// include labels, batch norm, a learned variance and several samples of z per image.
#[test]
fn gradients_of_whole_losses() {
    let likelihoods =
        [(Likelihood::Bernoulli, None), (Likelihood::Gaussian, None), (Likelihood::Gaussian, Some(0.3))];
    let objectives = [(Objective::Elbo, 1), (Objective::Elbo, 3), (Objective::Iwae, 3)];
    for a in [mlp(&[5, 4]), conv()] {
        for (likelihood, sigma) in likelihoods {
            for (objective, k) in objectives {
                let settings = Settings { likelihood, sigma, objective, k, ..Settings::default() };
                let mut m = model(&a, settings);
                let (x, labels, eps) = batch(&a, 4, k, 1);
                let (x, labels) = (Var::constant(x), labels.map(Var::constant));
                let name = format!("{:?}, {settings:?}", a.body);
                assert_model(
                    &name,
                    &mut m,
                    |m| &mut m.networks,
                    |m| m.loss(&x, labels.as_ref(), &eps, 0.7).loss,
                );
            }
        }
    }
}

/// The input of an autoencoder's decoder is z = mu, so its loss does not depend on log sigma^2. A
/// parameter without a gradient is an error, so only the other parameters are compared.
#[test]
fn the_reconstruction_is_the_likelihood_at_mu() {
    let a = mlp(&[5]);
    let mut m = model(&a, Settings { objective: Objective::Reconstruction, ..Settings::default() });
    let (x, _, eps) = batch(&a, 4, 1, 1);
    let loss = m.loss(&Var::constant(x.clone()), None, &eps, 1.0);
    // z is mu for any noise and sigma.
    let bound = m.bound(&x, None, &eps);
    let want = -bound.log_likelihood.iter().sum::<f64>() / 4.0;
    assert!((loss.loss.item() - want).abs() < 1e-12 && loss.reconstruction == loss.loss.item());
    let first = m.step(x.clone(), None, &eps, 1.0).loss;
    let last = (0..200).map(|_| m.step(x.clone(), None, &eps, 1.0).loss).last();
    assert!(last.is_some_and(|last| last < first), "loss {last:?} after {first}");
}

/// Both estimators have the same expectation. The score-function estimator has a far larger
/// variance (section 2.2).
#[test]
fn the_estimators_agree_on_average() {
    let a = mlp(&[]);
    let (x, _, _) = batch(&a, 1, 1, 1);
    let x = Var::constant(x);
    let draws = 20_000;
    let mean_and_variance = |estimator| {
        let mut m = model(&a, elbo(draws, estimator));
        let mut one = model(&a, elbo(1, estimator));
        // One loss over all draws gives the mean. Losses of single draws give the variance.
        let eps = Stream::new(3, "eps", 0).normal_tensor([draws, LATENT], 0.0, 1.0);
        let gradient = |m: &mut Vae<f64>, eps: &Tensor<f64>| {
            let loss = m.loss(&x, None, eps, 1.0).loss;
            let gradients = Gradients::of(loss, &m.networks);
            gradients.get("encoder.posterior.bias").expect("the encoder has this bias").data().to_vec()
        };
        let mean = gradient(&mut m, &eps);
        let mut variance = vec![0.0; mean.len()];
        for i in 0..500 {
            let g = gradient(&mut one, &eps.narrow(0, i, 1));
            variance
                .iter_mut()
                .zip(g.iter().zip(&mean))
                .for_each(|(v, (g, m))| *v += (g - m).powi(2) / 500.0);
        }
        (mean, variance)
    };
    let (pathwise, narrow) = mean_and_variance(Estimator::Pathwise);
    let (score, wide) = mean_and_variance(Estimator::Score);
    for j in 0..pathwise.len() {
        let error = ((narrow[j] + wide[j]) / draws as f64).sqrt();
        assert!((pathwise[j] - score[j]).abs() < 5.0 * error, "{j}: {} and {}", pathwise[j], score[j]);
        assert!(wide[j] > 10.0 * narrow[j], "{j}: variances {} and {}", narrow[j], wide[j]);
    }
}

/// For a linear decoder with normal noise, log p(x) = log N(x; b, W W^T + sigma^2 I). The estimate
/// must agree with this value, and the bound must approach it from below as the number of samples
/// grows.
#[test]
fn the_likelihood_of_a_linear_gaussian_model() {
    let (a, sigma) = (mlp(&[]), 0.5f64);
    let mut m =
        model(&a, Settings { likelihood: Likelihood::Gaussian, sigma: Some(sigma), ..Settings::default() });
    let state = m.networks.decoder.state();
    let (w, b) = (state[0].1.data().to_vec(), [0.1, -0.2, 0.3, 0.0]);
    let bias = Tensor::from_slice([4], &b);
    m.networks.decoder.load_state(&[state[0].clone(), ("flat.bias".into(), bias)]).unwrap();
    let (x, _, _) = batch(&a, 1, 1, 5);
    // (W W^T + sigma^2 I) by elimination, with its determinant.
    let mut c = [[0.0; 4]; 4];
    for i in 0..4 {
        for j in 0..4 {
            c[i][j] = (0..LATENT).map(|l| w[i * LATENT + l] * w[j * LATENT + l]).sum::<f64>();
        }
        c[i][i] += sigma * sigma;
    }
    let r: Vec<f64> = x.data().iter().zip(b).map(|(x, b)| x - b).collect();
    let (mut y, mut log_det) = (r.clone(), 0.0);
    for p in 0..4 {
        log_det += c[p][p].ln();
        for i in p + 1..4 {
            let f = c[i][p] / c[p][p];
            let row = c[p];
            c[i].iter_mut().zip(row).for_each(|(to, from)| *to -= f * from);
            y[i] -= f * y[p];
        }
    }
    let quadratic: f64 = (0..4).map(|i| y[i] * y[i] / c[i][i]).sum();
    let exact = -0.5 * (4.0 * std::f64::consts::TAU.ln() + log_det + quadratic);

    let noise = |round: u64, k: usize| Stream::new(9, "noise", round).normal_tensor([k, LATENT], 0.0, 1.0);
    let estimate = m.log_likelihood(&x, None, (0..40).map(|round| noise(round, 2_000)))[0];
    assert!((estimate - exact).abs() < 0.02, "{estimate} != {exact}");
    // Means over many repetitions satisfy E bound_1 <= E bound_5 <= E bound_50 <= log p.
    let bound = |m: &mut Vae<f64>, k: usize| {
        mean_and_error((0..4_000).map(|i| m.log_likelihood(&x, None, [noise(1_000 + i, k)])[0]).collect())
    };
    let [(one, error), (five, _), (fifty, _)] = [1, 5, 50].map(|k| bound(&mut m, k));
    assert!(one < five && five < fifty && fifty < exact + 0.005, "{one}, {five}, {fifty}, {exact}");
    // bound_1 is the evidence lower bound, whose KL divergence has a closed form.
    let copies = Tensor::concat(&vec![&x; 8_000], 0);
    let parts = m.bound(&copies, None, &noise(1, 8_000));
    let mut summary = BoundSummary::default();
    summary.add(&parts);
    let errors = 5.0 * (error + mean_and_error(parts.log_likelihood).1);
    assert!((summary.elbo() - one).abs() < errors, "{} and {one}, {errors}", summary.elbo());
}

/// Returns the mean of `draws` and its standard error.
fn mean_and_error(draws: Vec<f64>) -> (f64, f64) {
    let n = draws.len() as f64;
    let mean = draws.iter().sum::<f64>() / n;
    let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
    (mean, (variance / n).sqrt())
}

/// Samples split into rounds give the same estimate as one round, and the estimate of an image does
/// not depend on the other images.
#[test]
fn the_likelihood_does_not_depend_on_how_it_is_cut() {
    let a = mlp(&[3]);
    let mut m = model(&a, Settings::default());
    let (x, _, eps) = batch(&a, 2, 6, 1);
    let together = m.log_likelihood(&x, None, [eps.clone()]);
    for (i, together) in together.into_iter().enumerate() {
        let (x, eps) = (x.narrow(0, i, 1), eps.narrow(0, 6 * i, 6));
        let rounds = [eps.narrow(0, 0, 4), eps.narrow(0, 4, 2)];
        assert!((m.log_likelihood(&x, None, rounds)[0] - together).abs() < 1e-12);
    }
}

#[test]
fn unused_dimensions_are_not_active() {
    let mut summary = BoundSummary::default();
    for part in 0..4 {
        let column = |j: usize, i: usize| if j == 0 { (i as f64 - 1.5) * 0.2 } else { 0.05 * (i % 2) as f64 };
        let mu: Tensor<f64> = Tensor::build([4, 2], |mu| {
            mu.iter_mut().enumerate().for_each(|(at, mu)| *mu = column(at % 2, at / 2));
        });
        let kl = mu.map(|_| f64::from(part));
        summary.add(&Bound { log_likelihood: vec![-1.0; 4], kl, mu });
    }
    assert_eq!(summary.active_units(), 1);
    assert_eq!(summary.kl_by_dimension(), [1.5, 1.5]);
    assert_eq!((summary.log_likelihood(), summary.kl(), summary.elbo()), (-1.0, 3.0, -4.0));
}
