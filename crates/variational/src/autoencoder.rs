//! One training step: Algorithm 1 of Kingma & Welling 2014.

use crate::{Estimator, Objective, Settings};
use adjoint_nn::objective::{
    gaussian_log_likelihood, importance_weighted_bound, kl_standard_normal, reparameterise,
};
use adjoint_nn::optim::{Adam, Gradients, Optimizer};
use adjoint_nn::{Element, Mode, Module, Shape, Tensor, Var, module};

/// q(z|x) = N(mu(x), diag sigma^2(x)).
pub trait Encoder<E: Element>: Module<E> {
    /// Maps images (N, H, W, C) to mu and log sigma^2, each (N, latent). In a conditional model
    /// `labels` are one-hot rows (N, classes).
    fn posterior(&mut self, x: &Var<E>, labels: Option<&Var<E>>, mode: Mode) -> (Var<E>, Var<E>);
}

/// p(x|z).
pub trait Decoder<E: Element>: Module<E> {
    /// Maps z (N, latent) to one number per pixel value, (N, H, W, C). The
    /// [`Likelihood`](crate::Likelihood) defines the meaning of these numbers. In a conditional
    /// model `labels` are one-hot rows (N, classes).
    fn decode(&mut self, z: &Var<E>, labels: Option<&Var<E>>, mode: Mode) -> Var<E>;

    /// Returns the log variance of the pixels, if it is learned.
    fn log_var(&self) -> Option<Var<E>>;
}

/// Losses and gradient norms of one step. Losses are in nats per image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Report {
    /// The minimised loss.
    pub loss: f64,
    /// Mean of -log p(x|z) over the batch and the samples of z.
    pub reconstruction: f64,
    /// Mean of KL(q(z|x) || p(z)) over the batch, without the factor beta.
    pub kl: f64,
    /// Euclidean norm of the gradient of the loss with respect to the encoder's parameters. Its
    /// mean square is the variance of the estimator plus the squared norm of the expected gradient.
    /// So, at equal weights, an estimator with more noise gives larger gradients.
    pub gradient_encoder: f64,
    /// Euclidean norm of the gradient with respect to the decoder's parameters.
    pub gradient_decoder: f64,
}

/// The two networks, which are trained together.
pub struct Networks<Q, P> {
    /// q(z|x).
    pub encoder: Q,
    /// p(x|z).
    pub decoder: P,
}
module!(Networks<Q, P> { encoder, decoder });

/// The networks and their optimiser.
pub struct Autoencoder<E: Element, Q: Encoder<E>, P: Decoder<E>> {
    /// The encoder, with parameters phi, and the decoder, with parameters theta.
    pub networks: Networks<Q, P>,
    /// Adam on the parameters of both networks.
    pub adam: Optimizer<E>,
    pub(crate) settings: Settings,
}

impl<E: Element, Q: Encoder<E>, P: Decoder<E>> Autoencoder<E, Q, P> {
    /// Creates a model from networks with initialised weights.
    ///
    /// # Panics
    /// If k is 0 and the objective needs samples.
    #[track_caller]
    pub fn new(networks: Networks<Q, P>, settings: Settings) -> Self {
        assert!(
            settings.k > 0 || settings.objective == Objective::Reconstruction,
            "k is 0, but the objective needs samples"
        );
        Autoencoder { adam: Optimizer::new(&networks, settings.lr, Adam::default()), networks, settings }
    }

    /// Runs one step of Algorithm 1 on images (N, H, W, C). In a conditional VAE `labels` are
    /// one-hot rows (N, classes). `eps` is N(0, 1) noise (N k, latent); the k rows of an image
    /// follow each other. The KL divergence has the weight `beta` (Higgins et al. 2017, eq. 4).
    /// With `beta` 1 the loss is the negative bound.
    ///
    /// # Panics
    /// If a shape does not match the networks.
    #[track_caller]
    pub fn step(&mut self, x: Tensor<E>, labels: Option<Tensor<E>>, eps: &Tensor<E>, beta: f64) -> Report {
        let (x, labels) = (Var::constant(x), labels.map(Var::constant));
        let Loss { loss, reconstruction, kl } = self.loss(&x, labels.as_ref(), eps, beta);
        let gradients = Gradients::of(loss, &self.networks);
        self.adam.step(&gradients, &mut self.networks);
        let [gradient_encoder, gradient_decoder] =
            ["encoder.", "decoder."].map(|part| gradients.norm_of(part));
        Report { loss: gradients.loss(), reconstruction, kl, gradient_encoder, gradient_decoder }
    }

    /// Computes the loss of a batch that [`step`](Self::step) minimises.
    ///
    /// # Panics
    /// If a shape does not match the networks.
    #[track_caller]
    pub fn loss(&mut self, x: &Var<E>, labels: Option<&Var<E>>, eps: &Tensor<E>, beta: f64) -> Loss<E> {
        let settings = self.settings;
        let (mu, log_var) = self.networks.encoder.posterior(x, labels, Mode::Train);
        // An autoencoder does not sample z.
        let k = if settings.objective == Objective::Reconstruction { 1 } else { settings.k };
        let n = x.dims()[0];
        let kl = kl_standard_normal(&mu, &log_var).mean();
        let (mu, log_var) = (repeat(&mu, k), repeat(&log_var, k));
        let z = match (settings.objective, settings.estimator) {
            (Objective::Reconstruction, _) => mu.clone(),
            (Objective::Elbo, Estimator::Score) => reparameterise(&mu, &log_var, eps).detach(),
            _ => reparameterise(&mu, &log_var, eps),
        };
        let labels = labels.map(|labels| repeat(labels, k));
        let y = self.networks.decoder.decode(&z, labels.as_ref(), Mode::Train);
        let log_p = settings.log_density(&repeat(x, k), &y, self.networks.decoder.log_var());
        let (reconstruction, kl_value) = (-log_p.mean().item(), kl.item());
        let loss = match (settings.objective, settings.estimator) {
            (Objective::Reconstruction, _) => -log_p.mean(),
            (Objective::Elbo, Estimator::Pathwise) => beta * kl - log_p.mean(),
            (Objective::Elbo, Estimator::Score) => {
                // The value of the second term is 0; its gradient is f(z) grad log q(z).
                let log_q = gaussian_log_likelihood(&z, &mu, &log_var);
                let score = log_p.detach() * (&log_q - log_q.detach());
                beta * kl - (log_p + score).mean()
            }
            (Objective::Iwae, _) => {
                let ratio = log_prior(&z) - gaussian_log_likelihood(&z, &mu, &log_var);
                -importance_weighted_bound(&(log_p + beta * ratio).reshape([n, k])).mean()
            }
        };
        Loss { loss, reconstruction, kl: kl_value }
    }
}

/// The loss of a batch, and the two terms of the bound.
pub struct Loss<E: Element> {
    /// The loss to minimise.
    pub loss: Var<E>,
    /// See [`Report::reconstruction`].
    pub reconstruction: f64,
    /// See [`Report::kl`].
    pub kl: f64,
}

/// Returns log N(z; 0, I) of each row.
pub(crate) fn log_prior<E: Element>(z: &Var<E>) -> Var<E> {
    let zero = |shape: Shape| Var::constant(Tensor::zeros(shape));
    gaussian_log_likelihood(z, &zero(z.shape()), &zero(Shape::new(&[])))
}

/// Repeats each row k times in succession: `[N, ...]` to `[N k, ...]`.
pub(crate) fn repeat<E: Element>(x: &Var<E>, k: usize) -> Var<E> {
    if k == 1 {
        return x.clone();
    }
    let (n, [_, row]) = (x.dims()[0], x.shape().around(0));
    x.reshape([n, 1, row]).expand([n, k, row]).reshape(x.shape().with(0, n * k))
}
