//! The variants of the algorithm: the likelihood of a pixel, the objective and the gradient
//! estimator.

use adjoint_nn::objective::{bernoulli_log_likelihood, gaussian_log_likelihood};
use adjoint_nn::{Element, Stream, Tensor, Var, named};

named! {
    /// p(x|z): the distribution that the decoder's outputs parameterise.
    #[derive(Default)]
    pub enum Likelihood {
        /// Each pixel is a Bernoulli variable. The decoder's output is the logit of its probability
        /// (eq. 11).
        #[default]
        Bernoulli = "bernoulli": "0 or 1, with the gray level as probability",
        /// Each pixel is a normal variable. The decoder's output is its mean (eq. 12). The standard
        /// deviation is given or learned, see [`Settings::sigma`].
        Gaussian = "gaussian": "normal about the decoder's output",
    }
}

named! {
    /// The loss that training minimises.
    #[derive(Default)]
    pub enum Objective {
        /// The negative evidence lower bound. Its expectation over q(z|x) is estimated from k
        /// samples (eq. 7 with L = k).
        #[default]
        Elbo = "elbo": "evidence lower bound",
        /// The negative importance weighted bound (Burda, Grosse & Salakhutdinov 2016, eq. 8).
        Iwae = "iwae": "importance weighted bound",
        /// -log p(x|z) at z = mu(x). This is a plain autoencoder, which has no prior on z.
        Reconstruction = "reconstruction": "a plain autoencoder",
    }
}

named! {
    /// An estimator of the gradient of an expectation over q(z|x).
    #[derive(Default)]
    pub enum Estimator {
        /// Through the sample, z = mu + sigma eps (section 2.4).
        #[default]
        Pathwise = "pathwise": "through the sample, z = mu + sigma eps",
        /// By the score function, E \[f(z) grad log q(z)\] (section 2.2). It needs no gradient of
        /// f, but its variance is far larger.
        Score = "score": "by the score function, f(z) grad log q(z)",
    }
}

/// Settings of the training of a VAE.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// p(x|z).
    pub likelihood: Likelihood,
    /// Standard deviation of [`Likelihood::Gaussian`]. With `None` one variance for all pixels is
    /// learned. A separate variance per pixel would make the density unbounded at pixels that are
    /// always black.
    pub sigma: Option<f64>,
    /// The loss to minimise.
    pub objective: Objective,
    /// Number of samples of z per image.
    pub k: usize,
    /// The estimator of the gradient of [`Objective::Elbo`] with respect to the encoder's
    /// parameters.
    pub estimator: Estimator,
    /// The learning rate of Adam.
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
    /// Returns whether the variance of the pixels is learned.
    pub fn learns_variance(&self) -> bool {
        self.likelihood == Likelihood::Gaussian && self.sigma.is_none()
    }

    /// Returns log p(x|z) of each image, `[N]`. `y` is the output of the decoder, and `log_var` the
    /// log variance if it is learned.
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

    /// Draws x from p(x|z) with the mean `mean`. `log_var` is the log variance if it is learned.
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

    /// Returns the mean image of p(x|z) from the output y of the decoder. With the Bernoulli
    /// likelihood it is in \[0, 1\]. With the normal likelihood it may be outside.
    pub fn mean<E: Element>(&self, y: &Tensor<E>) -> Tensor<E> {
        match self.likelihood {
            Likelihood::Bernoulli => y.map(E::sigmoid),
            Likelihood::Gaussian => y.clone(),
        }
    }
}
