use super::{Step, UpdateRule};
use crate::{Element, Tensor};
use adjoint_kernels::adam::Adam as Kernel;

/// Adam (Kingma & Ba 2015, algorithm 1):
///
/// > m <- beta1 m + (1 - beta1) g,   v <- beta2 v + (1 - beta2) g^2,
/// > theta <- theta - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the denominator.
    pub eps: f64,
    /// lambda: lambda theta is added to g, as for a loss with lambda/2 |theta|^2. See [`AdamW`] for the other way.
    pub weight_decay: f64,
}

impl Default for Adam {
    /// The paper's: 0.9, 0.999, 1e-8, no decay.
    fn default() -> Self {
        Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.0 }
    }
}

/// Adam with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2): theta <- (1 - lr lambda) theta, and then
/// Adam's step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamW {
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the denominator.
    pub eps: f64,
    /// lambda.
    pub weight_decay: f64,
}

impl Default for AdamW {
    /// 0.9, 0.999, 1e-8, lambda = 0.01.
    fn default() -> Self {
        AdamW { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.01 }
    }
}

const SLOTS: &[&str] = &["m", "v"];

impl<E: Element> UpdateRule<E> for Adam {
    fn slots(&self) -> &'static [&'static str] {
        SLOTS
    }

    fn update(&self, step: Step, theta: &mut Tensor<E>, g: &Tensor<E>, slots: &mut [Tensor<E>]) {
        let &Adam { beta1, beta2, eps, weight_decay } = self;
        let kernel = Kernel { lr: step.lr, beta1, beta2, eps, l2: weight_decay, decay: 0.0 };
        update(kernel, step, theta, g, slots);
    }
}

impl<E: Element> UpdateRule<E> for AdamW {
    fn slots(&self) -> &'static [&'static str] {
        SLOTS
    }

    fn update(&self, step: Step, theta: &mut Tensor<E>, g: &Tensor<E>, slots: &mut [Tensor<E>]) {
        let &AdamW { beta1, beta2, eps, weight_decay } = self;
        let kernel = Kernel { lr: step.lr, beta1, beta2, eps, l2: 0.0, decay: weight_decay };
        update(kernel, step, theta, g, slots);
    }
}

fn update<E: Element>(
    kernel: Kernel,
    step: Step,
    theta: &mut Tensor<E>,
    g: &Tensor<E>,
    slots: &mut [Tensor<E>],
) {
    let [m, v] = slots else { panic!("Adam remembers two moments, not {}", slots.len()) };
    kernel.step(step.number, theta.data_mut(), g.data(), m.data_mut(), v.data_mut());
}
