//! The variants: what a pixel is, what is minimised, how its gradient is estimated.

use adjoint_nn::objective::{bernoulli_log_likelihood, gaussian_log_likelihood};
use adjoint_nn::{Element, Stream, Tensor, Var, named};

/// p(x|z): what the decoder's numbers mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Likelihood {
    /// Each pixel is 1 with a probability of its own, of which the decoder gives the logit (eq.
    /// 11).
    #[default]
    Bernoulli,
    /// Each pixel is normal about the decoder's number (eq. 12), with a standard deviation that is
    /// given or learned: see [`Settings::sigma`].
    Gaussian,
}

named!(Likelihood {
    Bernoulli = "bernoulli": "0 or 1, with the gray level as probability",
    Gaussian = "gaussian": "normal about the decoder's number",
});

/// What is minimised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Objective {
    /// Minus the evidence lower bound, its expectation over q(z|x) estimated from k samples (eq. 7
    /// with k for L).
    #[default]
    Elbo,
    /// Minus the importance weighted bound (Burda, Grosse & Salakhutdinov 2016, eq. 8).
    Iwae,
    /// Minus log p(x|z) at z = mu(x): an autoencoder, with nothing to say which z are likely.
    Reconstruction,
}

named!(Objective {
    Elbo = "elbo": "evidence lower bound",
    Iwae = "iwae": "importance weighted bound",
    Reconstruction = "reconstruction": "a plain autoencoder",
});

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

named!(Estimator {
    Pathwise = "pathwise": "through the sample, z = mu + sigma eps",
    Score = "score": "by the score function, f(z) grad log q(z)",
});

/// How a VAE is trained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// p(x|z).
    pub likelihood: Likelihood,
    /// Standard deviation of [`Likelihood::Gaussian`]; none if its variance is learned, one for all
    /// pixels: with one for each, the density of pixels that are always black would have no bound.
    pub sigma: Option<f64>,
    /// What is minimised.
    pub objective: Objective,
    /// Samples of z for an image.
    pub k: usize,
    /// How the gradient of [`Objective::Elbo`] reaches the encoder.
    pub estimator: Estimator,
    /// Adam's step size.
    pub lr: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            likelihood: Likelihood::default(),
            sigma: None,
            objective: Objective::default(),
            k: 1,
            estimator: Estimator::default(),
            lr: 1e-3,
        }
    }
}

impl Settings {
    /// Is the variance of the pixels learned?
    pub fn learns_variance(&self) -> bool {
        self.likelihood == Likelihood::Gaussian && self.sigma.is_none()
    }

    /// log p(x|z) of each image, `[N]`, from the decoder's numbers y and the variance it learns, if
    /// it does.
    ///
    /// # Panics
    /// If the shapes of x and y differ.
    #[track_caller]
    pub fn log_density<E: Element>(&self, x: &Var<E>, y: &Var<E>, log_var: Option<Var<E>>) -> Var<E> {
        match self.likelihood {
            Likelihood::Bernoulli => bernoulli_log_likelihood(x, y),
            Likelihood::Gaussian => {
                let given = |sigma: f64| Var::constant(Tensor::scalar(2.0 * sigma.ln()));
                let log_var = self.sigma.map(given).or(log_var).expect("a variance is given or learned");
                gaussian_log_likelihood(x, y, &log_var)
            }
        }
    }

    /// x drawn from p(x|z) with this mean, and the variance that the decoder learns, if it does.
    pub fn draw<E: Element>(
        &self,
        mean: &Tensor<E>,
        log_var: Option<Var<E>>,
        stream: &mut Stream,
    ) -> Tensor<E> {
        match self.likelihood {
            Likelihood::Bernoulli => mean.zip(&stream.uniform_tensor(mean.shape(), 0.0, 1.0), |p, u| {
                E::of(f64::from(u8::from(u < p)))
            }),
            Likelihood::Gaussian => {
                let learned = || log_var.map(|log_var| (0.5 * log_var.item()).exp());
                let sigma = self.sigma.or_else(learned).expect("a variance is given or learned");
                mean.zip(&stream.normal_tensor(mean.shape(), 0.0, sigma), |x, e| x + e)
            }
        }
    }

    /// The expected image, in \[0, 1\] but for what a normal variable has outside, from the
    /// decoder's numbers.
    pub fn mean<E: Element>(&self, y: &Tensor<E>) -> Tensor<E> {
        match self.likelihood {
            Likelihood::Bernoulli => y.map(E::sigmoid),
            Likelihood::Gaussian => y.clone(),
        }
    }
}
