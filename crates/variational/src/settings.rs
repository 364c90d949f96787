//! The variants: what a pixel is, what is minimised, how its gradient is estimated.

use adjoint_nn::objective::{bernoulli_log_likelihood, gaussian_log_likelihood};
use adjoint_nn::{Element, Stream, Tensor, Var};

/// p(x|z): what the decoder's numbers mean.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Likelihood {
    /// Each pixel is 1 with a probability of its own, of which the decoder gives the logit (eq.
    /// 11).
    #[default]
    Bernoulli,
    /// Each pixel is normal about the decoder's number (eq. 12), with this standard deviation or,
    /// without one, with a variance that is learned. It is one for all pixels: with one for each,
    /// the density of pixels that are always black would have no bound.
    Gaussian {
        /// Given standard deviation.
        sigma: Option<f64>,
    },
}

/// What is minimised.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Objective {
    /// Minus the evidence lower bound, its expectation over q(z|x) estimated from k samples (eq. 7
    /// with k for L).
    Elbo {
        /// Samples of z for an image.
        k: usize,
        /// How the gradient reaches the encoder.
        estimator: Estimator,
    },
    /// Minus the importance weighted bound (Burda, Grosse & Salakhutdinov 2016, eq. 8).
    Iwae {
        /// Samples of z for an image.
        k: usize,
    },
    /// Minus log p(x|z) at z = mu(x): an autoencoder, with nothing to say which z are likely.
    Reconstruction,
}

/// How the gradient of an expectation over q(z|x) is estimated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Estimator {
    /// Through the sample, z = mu + sigma eps (section 2.4).
    #[default]
    Pathwise,
    /// As E \[f(z) grad log q(z)\] (section 2.2), which needs no gradient of f and has a far larger
    /// variance.
    Score,
}

impl Default for Objective {
    fn default() -> Self {
        Objective::Elbo { k: 1, estimator: Estimator::Pathwise }
    }
}

impl Objective {
    /// Samples of z that it draws for an image.
    pub fn samples(self) -> usize {
        match self {
            Objective::Elbo { k, .. } | Objective::Iwae { k } => k,
            Objective::Reconstruction => 0,
        }
    }
}

/// How a VAE is trained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// p(x|z).
    pub likelihood: Likelihood,
    /// What is minimised.
    pub objective: Objective,
    /// Adam's step size.
    pub lr: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { likelihood: Likelihood::Bernoulli, objective: Objective::default(), lr: 1e-3 }
    }
}

impl Likelihood {
    /// log p(x|z) of each image, `[N]`, from the decoder's numbers y and the variance it learns, if
    /// it does.
    ///
    /// # Panics
    /// If the shapes of x and y differ.
    #[track_caller]
    pub fn log_density<E: Element>(self, x: &Var<E>, y: &Var<E>, log_var: Option<Var<E>>) -> Var<E> {
        match self {
            Likelihood::Bernoulli => bernoulli_log_likelihood(x, y),
            Likelihood::Gaussian { sigma } => {
                let given = |sigma: f64| Var::constant(Tensor::scalar(2.0 * sigma.ln()));
                let log_var = sigma.map(given).or(log_var).expect("a variance is given or learned");
                gaussian_log_likelihood(x, y, &log_var)
            }
        }
    }

    /// x drawn from p(x|z) with this mean, and the variance that the decoder learns, if it does.
    pub fn draw<E: Element>(
        self,
        mean: &Tensor<E>,
        log_var: Option<Var<E>>,
        stream: &mut Stream,
    ) -> Tensor<E> {
        match self {
            Likelihood::Bernoulli => mean.zip(&stream.uniform_tensor(mean.shape(), 0.0, 1.0), |p, u| {
                E::of(f64::from(u8::from(u < p)))
            }),
            Likelihood::Gaussian { sigma } => {
                let learned = || log_var.map(|log_var| (0.5 * log_var.item()).exp());
                let sigma = sigma.or_else(learned).expect("a variance is given or learned");
                mean.zip(&stream.normal_tensor(mean.shape(), 0.0, sigma), |x, e| x + e)
            }
        }
    }

    /// The expected image, in \[0, 1\] but for what a normal variable has outside, from the
    /// decoder's numbers.
    pub fn mean<E: Element>(self, y: &Tensor<E>) -> Tensor<E> {
        match self {
            Likelihood::Bernoulli => y.map(E::sigmoid),
            Likelihood::Gaussian { .. } => y.clone(),
        }
    }
}
