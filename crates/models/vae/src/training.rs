//! What is minimised, and one training step.

use crate::{Architecture, Decoder, Encoder};
use adjoint_nn::objective::{
    bernoulli_log_likelihood, gaussian_log_likelihood, importance_weighted_bound, kl_standard_normal,
    reparameterise,
};
use adjoint_nn::optim::{Adam, Optimizer};
use adjoint_nn::{Element, Init, Mode, Scheme, Shape, Tensor, Var, module};

/// p(x|z): what the decoder's numbers mean.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Likelihood {
    /// Each pixel is 1 with a probability of its own, of which the decoder gives the logit (eq. 11).
    #[default]
    Bernoulli,
    /// Each pixel is normal about the decoder's number (eq. 12), with this standard deviation or, without one, with a
    /// variance that is learned. It is one for all pixels: with one for each, the density of pixels that are always black would
    /// have no bound.
    Gaussian {
        /// Given standard deviation.
        sigma: Option<f64>,
    },
}

/// What is minimised.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Objective {
    /// Minus the evidence lower bound, its expectation over q(z|x) estimated from k samples (eq. 7 with k for L).
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
    /// As E \[f(z) grad log q(z)\] (section 2.2), which needs no gradient of f and has a far larger variance.
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

/// What a step found, in nats an image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Report {
    /// What was minimised.
    pub loss: f64,
    /// Mean of -log p(x|z) over the batch (and the samples of z).
    pub reconstruction: f64,
    /// Mean of KL(q(z|x) || p(z)) over the batch, whatever its weight.
    pub kl: f64,
}

/// Both networks: they descend together.
pub struct Networks<E: Element> {
    /// q(z|x).
    pub encoder: Encoder<E>,
    /// p(x|z).
    pub decoder: Decoder<E>,
}
module!(Networks { encoder, decoder });

/// The networks and their optimiser.
pub struct Vae<E: Element> {
    /// theta and phi.
    pub networks: Networks<E>,
    /// Adam on both.
    pub adam: Optimizer<E>,
    pub(crate) settings: Settings,
}

impl<E: Element> Vae<E> {
    /// A model with its first weights, drawn from streams of `seed` (Glorot & Bengio 2010).
    ///
    /// # Panics
    /// If the images are too small for a pyramid, or k is 0.
    #[track_caller]
    pub fn new(architecture: &Architecture, settings: Settings, seed: u64) -> Self {
        let draws = settings.objective.samples();
        assert!(draws > 0 || settings.objective == Objective::Reconstruction, "an estimate from no sample");
        let learns_variance = settings.likelihood == Likelihood::Gaussian { sigma: None };
        let (encoder, decoder) = (Encoder::new(architecture), Decoder::new(architecture, learns_variance));
        let mut networks = Networks { encoder, decoder };
        Scheme::with_weights(Init::XavierUniform).apply(&mut networks, "vae", seed);
        Vae { adam: Optimizer::new(&networks, settings.lr, Adam::default()), networks, settings }
    }

    /// One step of Algorithm 1 on images (N, H, W, C) and, in a conditional VAE, their labels as one-hot rows (N, classes).
    /// `eps` are N(0, 1) numbers, (N k, latent), the k of an image one after another. The KL divergence counts
    /// `beta`-fold (Higgins et al. 2017, eq. 4; 1 is the bound).
    ///
    /// # Panics
    /// If shapes are not those of the networks.
    #[track_caller]
    pub fn step(&mut self, x: Tensor<E>, labels: Option<Tensor<E>>, eps: &Tensor<E>, beta: f64) -> Report {
        let (x, labels) = (Var::constant(x), labels.map(Var::constant));
        let Loss { loss, reconstruction, kl } = self.loss(&x, labels.as_ref(), eps, beta);
        Report { loss: self.adam.descend(loss, &mut self.networks), reconstruction, kl }
    }

    /// The loss of a batch, as [`step`](Self::step) descends it.
    ///
    /// # Panics
    /// As `step`.
    #[track_caller]
    pub fn loss(&mut self, x: &Var<E>, labels: Option<&Var<E>>, eps: &Tensor<E>, beta: f64) -> Loss<E> {
        let Settings { likelihood, objective, .. } = self.settings;
        let (mu, log_var) = self.networks.encoder.forward(x, labels, Mode::Train);
        let (n, k) = (x.dims()[0], objective.samples().max(1));
        let kl = kl_standard_normal(&mu, &log_var).mean();
        let (mu, log_var) = (repeat(&mu, k), repeat(&log_var, k));
        let z = match objective {
            Objective::Reconstruction => mu.clone(),
            Objective::Elbo { estimator: Estimator::Score, .. } => {
                reparameterise(&mu, &log_var, eps).detach()
            }
            _ => reparameterise(&mu, &log_var, eps),
        };
        let labels = labels.map(|labels| repeat(labels, k));
        let y = self.networks.decoder.forward(&z, labels.as_ref(), Mode::Train);
        let log_p = likelihood.log_density(&repeat(x, k), &y, self.networks.decoder.log_var());
        let (reconstruction, kl_value) = (-log_p.mean().item(), kl.item());
        let loss = match objective {
            Objective::Reconstruction => -log_p.mean(),
            Objective::Elbo { estimator: Estimator::Pathwise, .. } => beta * kl - log_p.mean(),
            Objective::Elbo { estimator: Estimator::Score, .. } => {
                // The value of the second term is 0; its gradient is f(z) grad log q(z).
                let log_q = gaussian_log_likelihood(&z, &mu, &log_var);
                let score = log_p.detach() * (&log_q - log_q.detach());
                beta * kl - (log_p + score).mean()
            }
            Objective::Iwae { k } => {
                let ratio = log_prior(&z) - gaussian_log_likelihood(&z, &mu, &log_var);
                -importance_weighted_bound(&(log_p + beta * ratio).reshape([n, k])).mean()
            }
        };
        Loss { loss, reconstruction, kl: kl_value }
    }
}

/// The loss of a batch and the two parts of the bound.
pub struct Loss<E: Element> {
    /// To be descended.
    pub loss: Var<E>,
    /// As in [`Report`].
    pub reconstruction: f64,
    /// As in [`Report`].
    pub kl: f64,
}

impl Likelihood {
    /// log p(x|z) of each image, `[N]`, from the decoder's numbers y and the variance it learns, if it does.
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

    /// The expected image, in \[0, 1\] but for what a normal variable has outside, from the decoder's numbers.
    pub fn mean<E: Element>(self, y: &Tensor<E>) -> Tensor<E> {
        match self {
            Likelihood::Bernoulli => y.map(E::sigmoid),
            Likelihood::Gaussian { .. } => y.clone(),
        }
    }
}

/// log N(z; 0, I) of each row.
pub(crate) fn log_prior<E: Element>(z: &Var<E>) -> Var<E> {
    let zero = |shape: Shape| Var::constant(Tensor::zeros(shape));
    gaussian_log_likelihood(z, &zero(z.shape()), &zero(Shape::new(&[])))
}

/// Each row k times, one after another: `[N, ...]` to `[N k, ...]`.
pub(crate) fn repeat<E: Element>(x: &Var<E>, k: usize) -> Var<E> {
    if k == 1 {
        return x.clone();
    }
    let (n, [_, row]) = (x.dims()[0], x.shape().around(0));
    x.reshape([n, 1, row]).expand([n, k, row]).reshape(x.shape().with(0, n * k))
}
