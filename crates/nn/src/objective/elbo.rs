//! The terms of the evidence lower bound (Kingma & Welling 2014, eq. 3):
//!
//! > log p(x) >= E over q(z|x) of log p(x|z) - KL(q(z|x) || p(z))
//!
//! Each function returns one value per sample, `[N]`, in nats: a sum over the elements of the
//! sample. The loss of a VAE is `(kl_standard_normal(..) - bernoulli_log_likelihood(..)).mean()`.

use super::sum_samples;
use crate::{Element, Tensor, Var};
use std::f64::consts::TAU;

/// log p(x) of each sample for independent Bernoulli variables with the given logits l (Kingma &
/// Welling 2014, eq. 11):
///
/// > sum over i of x_i log sigma(l_i) + (1 - x_i) log(1 - sigma(l_i))
///
/// Elements of x can have any value from 0 to 1. Between 0 and 1, the result is minus a cross
/// entropy and not a log probability. It is exact for logits of any size, as [`bce`](super::bce)
/// is.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn bernoulli_log_likelihood<E: Element>(x: &Var<E>, logits: &Var<E>) -> Var<E> {
    assert_same_shape("bernoulli_log_likelihood", [("x", x), ("logits", logits)]);
    -sum_samples(&logits.binary_cross_entropy(x))
}

/// log N(x; mean, exp(log_var)) of each sample for independent normal variables, including the
/// normalising constant (Kingma & Welling 2014, eq. 12):
///
/// > -1/2 sum over i of \[ log 2 pi + log_var_i + (x_i - mean_i)^2 / exp(log_var_i) \]
///
/// `log_var` can have any shape that broadcasts to the shape of x. A scalar gives all elements the
/// same variance.
///
/// # Panics
/// If the shapes of x and the mean differ, or the shape of `log_var` does not broadcast to it.
#[track_caller]
pub fn gaussian_log_likelihood<E: Element>(x: &Var<E>, mean: &Var<E>, log_var: &Var<E>) -> Var<E> {
    assert_same_shape("gaussian_log_likelihood", [("x", x), ("mean", mean)]);
    assert!(
        log_var.shape().broadcasts_to(&x.shape()),
        "gaussian_log_likelihood: log_var of shape {} does not broadcast to x of shape {}",
        log_var.shape(),
        x.shape()
    );
    // The difference is divided by the standard deviation before squaring, because the inverse of a
    // small variance would overflow.
    let terms = ((x - mean) * (-0.5 * log_var).exp()).square() + log_var;
    -0.5 * sum_samples(&(terms + TAU.ln()))
}

/// Returns KL(N(mu, exp(log_var)) || N(0, I)) of each sample (Kingma & Welling 2014, appendix B):
///
/// > -1/2 sum over j of \[ 1 + log_var_j - mu_j^2 - exp(log_var_j) \]
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn kl_standard_normal<E: Element>(mu: &Var<E>, log_var: &Var<E>) -> Var<E> {
    sum_samples(&kl_standard_normal_terms(mu, log_var))
}

/// The terms of the sum in [`kl_standard_normal`], one per latent dimension, in the shape of mu. A
/// latent dimension is in use if the mean of its term over the batch is well above 0.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn kl_standard_normal_terms<E: Element>(mu: &Var<E>, log_var: &Var<E>) -> Var<E> {
    assert_same_shape("kl_standard_normal", [("mu", mu), ("log_var", log_var)]);
    0.5 * (mu.square() + log_var.exp() - log_var - 1.0)
}

/// z = mu + sigma eps with sigma = exp(log_var / 2): a sample of N(mu, sigma^2) that is
/// differentiable with respect to mu and log_var (Kingma & Welling 2014, section 2.4). The caller
/// draws `eps` from N(0, I).
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn reparameterise<E: Element>(mu: &Var<E>, log_var: &Var<E>, eps: &Tensor<E>) -> Var<E> {
    let eps = Var::constant(eps.clone());
    assert_same_shape("reparameterise", [("mu", mu), ("log_var", log_var)]);
    assert_same_shape("reparameterise", [("mu", mu), ("eps", &eps)]);
    mu + (0.5 * log_var).exp() * eps
}

/// Returns log (1/k sum over i of w_i) for each row of log weights, `[N, k]` to `[N]` (Burda,
/// Grosse & Salakhutdinov 2016, eq. 8).
///
/// With log w_i = log p(x, z_i) - log q(z_i|x) this is a lower bound of log p(x) whose expectation
/// increases with k. The computation does not overflow. A log weight of negative infinity counts as
/// w_i = 0, unless all log weights of a row are negative infinity.
///
/// # Panics
/// If `log_weights` is not a matrix, or its rows are empty.
#[track_caller]
pub fn importance_weighted_bound<E: Element>(log_weights: &Var<E>) -> Var<E> {
    let [n, k] = log_weights.shape().matrix();
    assert!(k > 0, "importance_weighted_bound: no weights");
    log_weights.log_sum_exp().reshape([n]) - (k as f64).ln()
}

#[track_caller]
fn assert_same_shape<E: Element>(function: &str, [(a, x), (b, y)]: [(&str, &Var<E>); 2]) {
    assert!(
        x.shape() == y.shape(),
        "{function}: {a} of shape {} and {b} of shape {} differ",
        x.shape(),
        y.shape()
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Shape;
    use adjoint_autodiff::gradcheck::{assert_cases, random_size, random_tensor};

    fn row(values: &[f64]) -> Var<f64> {
        Var::leaf(Tensor::from_slice([1, values.len()], values))
    }

    fn close(got: f64, want: f64) {
        assert!((got - want).abs() <= 1e-14 * want.abs().max(1.0), "{got} != {want}");
    }

    #[test]
    fn gradients() {
        let shape = |s: &mut crate::Stream| Shape::new(&[random_size(s), random_size(s), random_size(s)]);
        assert_cases("bernoulli_log_likelihood", 30, |s| {
            let shape = shape(s);
            let x = Var::constant(s.uniform_tensor(shape, 0.0, 1.0));
            (vec![s.normal_tensor(shape, 0.0, 3.0)], move |v: &[Var<f64>]| {
                bernoulli_log_likelihood(&x, &v[0])
            })
        });
        assert_cases("gaussian_log_likelihood", 30, |s| {
            let shape = shape(s);
            let log_var = adjoint_autodiff::gradcheck::random_broadcast(s, shape);
            let mut draw = |shape| random_tensor(s, shape, &[]);
            let inputs = vec![draw(shape), draw(shape), draw(log_var)];
            (inputs, |v: &[Var<f64>]| gaussian_log_likelihood(&v[0], &v[1], &v[2]))
        });
        assert_cases("kl_standard_normal", 30, |s| {
            let shape = shape(s);
            let mut draw = || random_tensor(s, shape, &[]);
            (vec![draw(), draw()], |v: &[Var<f64>]| kl_standard_normal(&v[0], &v[1]))
        });
        assert_cases("reparameterise", 30, |s| {
            let shape = shape(s);
            let mut draw = || random_tensor(s, shape, &[]);
            let (inputs, eps) = (vec![draw(), draw()], draw());
            (inputs, move |v: &[Var<f64>]| reparameterise(&v[0], &v[1], &eps))
        });
        assert_cases("importance_weighted_bound", 30, |s| {
            let shape = Shape::new(&[random_size(s), random_size(s)]);
            (vec![random_tensor(s, shape, &[])], |v: &[Var<f64>]| importance_weighted_bound(&v[0]))
        });
    }

    #[test]
    fn bernoulli_is_a_probability_and_exact_at_80() {
        for l in [-80.0, -3.0, 0.0, 1.5, 80.0] {
            let log_p = |x: f64| bernoulli_log_likelihood(&row(&[x]), &row(&[l])).value().data()[0];
            close(log_p(1.0), -f64::softplus(-l));
            close(log_p(0.0), -f64::softplus(l));
            close(log_p(0.0).exp() + log_p(1.0).exp(), 1.0);
        }
        let x = Var::constant(Tensor::from_slice([1, 2], &[1.0f32, 0.0]));
        let right = Var::leaf(Tensor::from_slice([1, 2], &[80.0f32, -80.0]));
        let log_p = bernoulli_log_likelihood(&x, &right);
        let tiny = (-80f64).exp();
        assert!((log_p.item() / (-2.0 * tiny) - 1.0).abs() < 1e-6);
        let g = log_p.gradients(&[&right]).remove(0);
        assert!((f64::from(g.data()[0]) / tiny - 1.0).abs() < 1e-6, "{g:?}");
        assert_eq!(log_p.dims(), [1]);
    }

    /// The density on the plane integrates to 1, also with a variance that is broadcast.
    #[test]
    fn gaussian_is_a_density() {
        let h = 0.1;
        let ticks: Vec<f64> = (-80..=80).map(|i| f64::from(i) * h).collect();
        let points: Vec<f64> = ticks.iter().flat_map(|&a| ticks.iter().flat_map(move |&b| [a, b])).collect();
        let x = Var::constant(Tensor::from_slice([points.len() / 2, 2], &points));
        let mean = Var::constant(Tensor::from_slice([2], &[0.3, -0.7]).expand(x.shape()));
        for log_var in [Tensor::from_slice([2], &[0.5, -0.4]), Tensor::scalar(0.2)] {
            let density = gaussian_log_likelihood(&x, &mean, &Var::constant(log_var)).exp();
            assert_eq!(density.dims(), [points.len() / 2]);
            assert!((density.sum().item() * h * h - 1.0).abs() < 1e-9);
        }
    }

    /// exp(-log_var) overflows in `f32`, but the density at the mean is finite.
    #[test]
    fn a_narrow_gaussian_has_a_finite_peak() {
        let number = |x: f32| Var::leaf(Tensor::from_slice([1, 1], &[x]));
        let (x, mean, log_var) = (number(1.0), number(1.0), number(-100.0));
        let log_p = gaussian_log_likelihood(&x, &mean, &log_var);
        assert!((log_p.item() - 0.5 * (100.0 - TAU.ln())).abs() < 1e-5, "{}", log_p.item());
        let g = log_p.gradients(&[&mean, &log_var]);
        assert_eq!((g[0].item(), g[1].item()), (0.0, -0.5));
    }

    #[test]
    fn kl_is_the_closed_form() {
        let kl = |mu: f64, variance: f64| kl_standard_normal(&row(&[mu]), &row(&[variance.ln()])).item();
        assert_eq!(kl(0.0, 1.0), 0.0);
        close(kl(1.0, 1.0), 0.5);
        close(kl(0.0, 4.0), 0.5 * (3.0 - 4f64.ln()));
        let terms = kl_standard_normal_terms(&row(&[1.0, 0.0]), &row(&[0.0, 0.0]));
        assert_eq!(terms.value().data(), [0.5, 0.0]);
        let zero = Var::<f64>::constant(Tensor::zeros([5, 3]));
        assert_eq!(kl_standard_normal(&zero, &zero).value().data(), [0.0; 5]);
    }

    /// Let z ~ N(0, 1) and x|z ~ N(z, s^2). If q is the true posterior, the bound equals log p(x) =
    /// log N(x; 0, 1 + s^2). log p(x|z) is quadratic in z = mu + sigma eps. Its expectation over
    /// eps ~ N(0, 1) is therefore its mean over the two values eps = 1 and eps = -1.
    #[test]
    fn the_bound_is_tight_at_the_posterior() {
        let (x, s2) = (1.7f64, 0.6f64);
        let (mu, log_var) = (row(&[x / (1.0 + s2)]), row(&[(s2 / (1.0 + s2)).ln()]));
        let reconstruction = [-1.0, 1.0].map(|eps| {
            let z = reparameterise(&mu, &log_var, &Tensor::full([1, 1], eps));
            gaussian_log_likelihood(&row(&[x]), &z, &row(&[s2.ln()]))
        });
        let elbo = 0.5 * (&reconstruction[0] + &reconstruction[1]) - kl_standard_normal(&mu, &log_var);
        let evidence = gaussian_log_likelihood(&row(&[x]), &row(&[0.0]), &row(&[(1.0 + s2).ln()]));
        close(elbo.item(), evidence.item());
        // The bound is maximal at the true posterior.
        for g in elbo.gradients(&[&mu, &log_var]) {
            assert!(g.item().abs() < 1e-14, "{g:?}");
        }
    }

    #[test]
    fn the_importance_weighted_bound_is_a_mean_of_weights() {
        let bound = |log_weights: &[f64]| importance_weighted_bound(&row(log_weights)).item();
        close(bound(&[-3.0]), -3.0);
        close(bound(&[2f64.ln(), 4f64.ln()]), 3f64.ln());
        // exp of these log weights would underflow or overflow.
        close(bound(&[-2000.0, -2000.0]), -2000.0);
        close(bound(&[900.0, -900.0]), 900.0 - 2f64.ln());
        close(bound(&[f64::NEG_INFINITY, 0.0]), -2f64.ln());
        let far = Var::leaf(Tensor::from_slice([1, 2], &[-1e9f32, -100.0]));
        let far_bound = importance_weighted_bound(&far);
        assert!((far_bound.item() + 100.0 + 2f64.ln()).abs() < 1e-5, "{}", far_bound.item());
        assert_eq!(far_bound.gradients(&[&far])[0].data(), [0.0, 1.0]);
        assert_eq!(importance_weighted_bound(&Var::<f64>::constant(Tensor::zeros([3, 2]))).dims(), [3]);
    }

    #[test]
    #[should_panic(expected = "kl_standard_normal: mu of shape [1, 2] and log_var of shape [1, 1] differ")]
    fn names_what_does_not_fit() {
        kl_standard_normal(&row(&[0.0, 0.0]), &row(&[0.0]));
    }
}
