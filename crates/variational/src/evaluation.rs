//! Evaluation of a trained model: the bound on a batch, the likelihood by importance sampling, and
//! the number of active latent dimensions. The networks run in evaluation mode. Sums over images
//! are in `f64`.

use crate::autoencoder::{log_prior, repeat};
use crate::{Autoencoder, Decoder, Encoder, Objective};
use adjoint_nn::objective::{LogMeanExp, gaussian_log_likelihood, kl_standard_normal_terms, reparameterise};
use adjoint_nn::{Element, Mode, Stream, Tensor, Var, no_grad};

/// The terms of the bound for each image of a batch, in nats, from one sample of z per image.
#[derive(Clone, Debug)]
pub struct Bound<E: Element> {
    /// log p(x|z), `[N]`.
    pub log_likelihood: Vec<f64>,
    /// The KL divergence of each image and latent dimension, (N, latent).
    pub kl: Tensor<E>,
    /// mu(x), (N, latent).
    pub mu: Tensor<E>,
}

impl<E: Element, Q: Encoder<E>, P: Decoder<E>> Autoencoder<E, Q, P> {
    /// Returns the mean image of p(x|z) for each row of z: (N, latent) to (N, H, W, C). In a
    /// conditional model p also depends on `labels`. With the Bernoulli likelihood, the pixel
    /// values are in \[0, 1\]. With the normal likelihood they may be outside.
    ///
    /// # Panics
    /// If a shape does not match the networks.
    #[track_caller]
    pub fn decode(&mut self, z: &Tensor<E>, labels: Option<&Tensor<E>>) -> Tensor<E> {
        let labels = labels.cloned().map(Var::constant);
        let decoder = &mut self.networks.decoder;
        let y = no_grad(|| decoder.decode(&Var::constant(z.clone()), labels.as_ref(), Mode::Eval));
        self.settings.mean(y.value())
    }

    /// Returns mu(x), (N, latent), of images (N, H, W, C).
    ///
    /// # Panics
    /// If a shape does not match the networks.
    #[track_caller]
    pub fn encode(&mut self, x: &Tensor<E>, labels: Option<&Tensor<E>>) -> Tensor<E> {
        let labels = labels.cloned().map(Var::constant);
        let encoder = &mut self.networks.encoder;
        no_grad(|| encoder.posterior(&Var::constant(x.clone()), labels.as_ref(), Mode::Eval)).0.into_value()
    }

    /// Returns the terms of the bound for each image of a batch. `eps` is the noise (N, latent). A
    /// plain autoencoder ([`Objective::Reconstruction`]) ignores it.
    ///
    /// # Panics
    /// If a shape does not match the networks.
    #[track_caller]
    pub fn bound(&mut self, x: &Tensor<E>, labels: Option<&Tensor<E>>, eps: &Tensor<E>) -> Bound<E> {
        no_grad(|| {
            let (x, labels) = (Var::constant(x.clone()), labels.cloned().map(Var::constant));
            let (mu, log_var) = self.networks.encoder.posterior(&x, labels.as_ref(), Mode::Eval);
            // An autoencoder does not train log_var.
            let z = match self.settings.objective {
                Objective::Reconstruction => mu.clone(),
                _ => reparameterise(&mu, &log_var, eps),
            };
            let log_likelihood = numbers(&self.log_density(&x, &z, labels.as_ref()));
            let kl = kl_standard_normal_terms(&mu, &log_var).into_value();
            Bound { log_likelihood, kl, mu: mu.into_value() }
        })
    }

    /// Estimates log p(x) of each image by importance sampling with q(z|x) as proposal: log 1/K sum
    /// over k of p(x, z_k) / q(z_k|x). The expectation of the estimate is a lower bound of log p(x)
    /// and converges to log p(x) as K grows (Burda, Grosse & Salakhutdinov 2016, theorem 1). Each
    /// item of `rounds` is noise (N k, latent); the k rows of an image follow each other. K is the
    /// sum of k over all rounds.
    ///
    /// # Panics
    /// If a shape does not match the networks.
    #[track_caller]
    pub fn log_likelihood(
        &mut self,
        x: &Tensor<E>,
        labels: Option<&Tensor<E>>,
        rounds: impl IntoIterator<Item = Tensor<E>>,
    ) -> Vec<f64> {
        no_grad(|| {
            let (x, labels) = (Var::constant(x.clone()), labels.cloned().map(Var::constant));
            let (mu, log_var) = self.networks.encoder.posterior(&x, labels.as_ref(), Mode::Eval);
            let n = x.dims()[0];
            let mut means = vec![LogMeanExp::default(); n];
            for eps in rounds {
                let k = eps.dims()[0] / n;
                let (mu, log_var) = (repeat(&mu, k), repeat(&log_var, k));
                let z = reparameterise(&mu, &log_var, &eps);
                let ratio = log_prior(&z) - gaussian_log_likelihood(&z, &mu, &log_var);
                let labels = labels.as_ref().map(|labels| repeat(labels, k));
                let log_p = numbers(&self.log_density(&repeat(&x, k), &z, labels.as_ref()));
                for (i, (log_p, ratio)) in log_p.iter().zip(ratio.value().data()).enumerate() {
                    means[i / k].add(log_p + ratio.f64());
                }
            }
            means.iter().map(LogMeanExp::value).collect()
        })
    }

    /// Draws x from p(x|z). `mean` is the output of [`decode`](Self::decode).
    pub fn observe(&self, mean: &Tensor<E>, stream: &mut Stream) -> Tensor<E> {
        self.settings.draw(mean, self.networks.decoder.log_var(), stream)
    }

    /// Returns log p(x|z), `[N]`, of each image x and the row of z with the same index.
    ///
    /// # Panics
    /// If a shape does not match the networks.
    #[track_caller]
    pub fn log_density(&mut self, x: &Var<E>, z: &Var<E>, labels: Option<&Var<E>>) -> Var<E> {
        let y = self.networks.decoder.decode(z, labels, Mode::Eval);
        self.settings.log_density(x, &y, self.networks.decoder.log_var())
    }
}

/// Returns the elements of x in `f64`.
fn numbers<E: Element>(x: &Var<E>) -> Vec<f64> {
    x.value().data().iter().map(|x| x.f64()).collect()
}

/// A latent dimension is active if its posterior mean has a larger variance than this over the
/// images: Cov_x(E\[z_j|x\]) > 0.01 (Burda, Grosse & Salakhutdinov 2016, section 5).
const ACTIVE: f64 = 0.01;

/// Means of the bound's terms over the images of many batches.
#[derive(Clone, Debug, Default)]
pub struct BoundSummary {
    images: f64,
    log_likelihood: f64,
    kl: Vec<f64>,
    mu: Vec<f64>,
    mu_squared: Vec<f64>,
}

impl BoundSummary {
    /// Adds the images of a batch.
    ///
    /// # Panics
    /// If the latent size differs from that of earlier batches.
    pub fn add<E: Element>(&mut self, bound: &Bound<E>) {
        let [n, latent] = bound.kl.shape().matrix();
        for sums in [&mut self.kl, &mut self.mu, &mut self.mu_squared] {
            sums.resize(latent, 0.0);
        }
        self.images += n as f64;
        self.log_likelihood += bound.log_likelihood.iter().sum::<f64>();
        let rows = bound.kl.data().chunks_exact(latent).zip(bound.mu.data().chunks_exact(latent));
        for (kl, mu) in rows {
            for j in 0..latent {
                let mu = mu[j].f64();
                self.kl[j] += kl[j].f64();
                self.mu[j] += mu;
                self.mu_squared[j] += mu * mu;
            }
        }
    }

    /// Returns the mean of log p(x|z).
    pub fn log_likelihood(&self) -> f64 {
        self.log_likelihood / self.images
    }

    /// Returns the mean KL divergence of each latent dimension.
    pub fn kl_by_dimension(&self) -> Vec<f64> {
        self.kl.iter().map(|kl| kl / self.images).collect()
    }

    /// Returns the mean KL divergence.
    pub fn kl(&self) -> f64 {
        self.kl_by_dimension().iter().sum()
    }

    /// Returns the mean evidence lower bound.
    pub fn elbo(&self) -> f64 {
        self.log_likelihood() - self.kl()
    }

    /// Returns the number of active latent dimensions.
    pub fn active_units(&self) -> usize {
        let variance = |(mu, squared): (&f64, &f64)| squared / self.images - (mu / self.images).powi(2);
        self.mu.iter().zip(&self.mu_squared).filter(|&pair| variance(pair) > ACTIVE).count()
    }
}
