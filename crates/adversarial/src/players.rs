//! The two players of the game, the input of a round and the figures of a step.

use adjoint_nn::optim::Gradients;
use adjoint_nn::{Element, Mode, Module, Stream, Tensor, Var};

/// G: z -> sample.
pub trait Generator<E: Element>: Module<E> {
    /// Samples from noise z (N, latent) and, in a conditional model, a condition: a row or an image
    /// for each.
    fn generate(&mut self, z: &Var<E>, condition: Option<&Var<E>>, mode: Mode) -> Var<E>;
}

/// D: sample -> logit.
pub trait Discriminator<E: Element>: Module<E> {
    /// One logit a sample, (N), of "this is data", in a conditional model given the condition. D(x)
    /// is its sigmoid. The masks of dropout are drawn from `masks`.
    fn judge(&mut self, x: &Var<E>, condition: Option<&Var<E>>, mode: Mode, masks: &mut Stream) -> Var<E>;
}

/// The input of one step of D: data, noise for as many samples, and the condition of both.
#[derive(Clone, Debug)]
pub struct Round<E: Element> {
    /// Data.
    pub x: Tensor<E>,
    /// Noise, (N, latent).
    pub z: Tensor<E>,
    /// The condition of each datum, and of the sample beside it.
    pub condition: Option<Tensor<E>>,
}

/// Figures of a step: those of D from before its last step, G's loss against the D that G moved
/// against.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Report {
    /// What D minimised in its last step, but for the penalty.
    pub loss_d: f64,
    /// The penalty with its weight, in steps that have one.
    pub penalty: Option<f64>,
    /// What G minimised.
    pub loss_g: f64,
    /// V(D, G). Like D(x), it says little if D's output is no logit (least squares, hinge,
    /// Wasserstein).
    pub value: f64,
    /// Mean of D(x) = sigma(D's output) over the data. If D's output is no logit, only whether it
    /// is above 1/2 has a meaning.
    pub d_real: f64,
    /// Mean of D(G(z)), likewise.
    pub d_fake: f64,
    /// Euclidean norm of D's gradient.
    pub gradient_d: f64,
    /// Euclidean norm of G's.
    pub gradient_g: f64,
}

impl Report {
    /// The same with the norm of D's gradient, which is freed.
    pub(crate) fn with_gradient_d<E: Element>(self, gradients: Gradients<E>) -> Self {
        Report { gradient_d: gradients.norm(), ..self }
    }
}

impl<E: Element> Round<E> {
    /// Data and noise without a condition.
    pub fn new(x: Tensor<E>, z: Tensor<E>) -> Self {
        Round { x, z, condition: None }
    }

    pub(crate) fn vars(self) -> (Var<E>, Var<E>, Option<Var<E>>) {
        (Var::constant(self.x), Var::constant(self.z), self.condition.map(Var::constant))
    }
}
