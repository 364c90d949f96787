//! The two players of the game, the input of a round and the report of a step.

use adjoint_nn::{Element, Mode, Module, Stream, Tensor, Var};

/// G, which maps z to a sample.
pub trait Generator<E: Element>: Module<E> {
    /// Returns samples from noise z (N, latent). In a conditional model `condition` has a row or an
    /// image for each sample.
    fn generate(&mut self, z: &Var<E>, condition: Option<&Var<E>>, mode: Mode) -> Var<E>;
}

/// D, which maps a sample to a logit.
pub trait Discriminator<E: Element>: Module<E> {
    /// Returns one logit per sample, `[N]`. Its sigmoid D(x) is the probability that x is data. In
    /// a conditional model the logit also depends on `condition`. Dropout draws its masks from
    /// `masks`.
    fn judge(&mut self, x: &Var<E>, condition: Option<&Var<E>>, mode: Mode, masks: &mut Stream) -> Var<E>;
}

/// The input of one step of D: data, noise for the same number of samples, and the conditions of
/// data and samples.
#[derive(Clone, Debug)]
pub struct Round<E: Element> {
    /// Data.
    pub x: Tensor<E>,
    /// Noise, (N, latent).
    pub z: Tensor<E>,
    /// The conditions, one per datum. Sample i has the same condition as datum i.
    pub condition: Option<Tensor<E>>,
}

/// Losses and gradient norms of one training step. D's numbers are computed before the last update
/// of D in this step. G's loss is computed with the D against which G is updated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Report {
    /// D's loss in its last step, without the penalty.
    pub loss_d: f64,
    /// The penalty including its weight, in steps with a penalty.
    pub penalty: Option<f64>,
    /// G's loss.
    pub loss_g: f64,
    /// V(D, G). It has little meaning if D's output is not a logit (least squares, hinge and
    /// Wasserstein losses).
    pub value: f64,
    /// Mean over the data of D(x), the sigmoid of D's output. If D's output is not a logit, only
    /// D(x) > 1/2 has a meaning.
    pub d_real: f64,
    /// Mean of D(G(z)) over the samples.
    pub d_fake: f64,
    /// Euclidean norm of D's gradient.
    pub gradient_d: f64,
    /// Euclidean norm of G's gradient.
    pub gradient_g: f64,
}

impl<E: Element> Round<E> {
    /// Creates a round of data and noise without a condition.
    pub fn new(x: Tensor<E>, z: Tensor<E>) -> Self {
        Round { x, z, condition: None }
    }
}
