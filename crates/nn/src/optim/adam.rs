//! The update rule Adam.

use super::{Step, UpdateRule};
use crate::{Element, Tensor};
use adjoint_kernels::adam::Adam as Kernel;

/// Adam (Kingma & Ba 2015, algorithm 1):
///
/// > m <- beta1 m + (1 - beta1) g,   v <- beta2 v + (1 - beta2) g^2,
/// > theta <- theta - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// Decay rate of the first moment.
    pub beta1: f64,
    /// Decay rate of the second moment.
    pub beta2: f64,
    /// The constant added to the denominator.
    pub eps: f64,
    /// The coefficient lambda of L2 regularisation: lambda theta is added to g, which is the
    /// gradient of lambda/2 |theta|^2. For decoupled weight decay see [`AdamW`].
    pub weight_decay: f64,
}

impl Default for Adam {
    /// The defaults of the paper: beta1 = 0.9, beta2 = 0.999, eps = 1e-8, no weight decay.
    fn default() -> Self {
        Adam { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.0 }
    }
}

/// Adam with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2). A step first
/// multiplies theta by 1 - lr lambda. Then it does the step of Adam without weight decay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamW {
    /// Decay rate of the first moment.
    pub beta1: f64,
    /// Decay rate of the second moment.
    pub beta2: f64,
    /// The constant added to the denominator.
    pub eps: f64,
    /// The decay coefficient lambda.
    pub weight_decay: f64,
}

impl Default for AdamW {
    /// beta1 = 0.9, beta2 = 0.999, eps = 1e-8, lambda = 0.01.
    fn default() -> Self {
        AdamW { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.01 }
    }
}

const SLOTS: &[&str] = &["m", "v"];

impl<E: Element> UpdateRule<E> for Adam {
    fn slots(&self) -> &'static [&'static str] {
        SLOTS
    }

    fn update(
        &self,
        step: Step,
        theta: &mut Tensor<E>,
        g: &Tensor<E>,
        slots: &mut [Tensor<E>],
    ) -> Option<f64> {
        let &Adam { beta1, beta2, eps, weight_decay: l2 } = self;
        update(Kernel { lr: step.lr, beta1, beta2, eps, l2, decay: 0.0 }, step, theta, g, slots)
    }
}

impl<E: Element> UpdateRule<E> for AdamW {
    fn slots(&self) -> &'static [&'static str] {
        SLOTS
    }

    fn update(
        &self,
        step: Step,
        theta: &mut Tensor<E>,
        g: &Tensor<E>,
        slots: &mut [Tensor<E>],
    ) -> Option<f64> {
        let &AdamW { beta1, beta2, eps, weight_decay: decay } = self;
        update(Kernel { lr: step.lr, beta1, beta2, eps, l2: 0.0, decay }, step, theta, g, slots)
    }
}

fn update<E: Element>(
    kernel: Kernel,
    step: Step,
    theta: &mut Tensor<E>,
    g: &Tensor<E>,
    slots: &mut [Tensor<E>],
) -> Option<f64> {
    let [m, v] = slots else { panic!("Adam needs the tensors of two moments, got {}", slots.len()) };
    Some(kernel.step(step.number, theta.data_mut(), g.data(), m.data_mut(), v.data_mut()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns theta and the first moment after one step from theta = 4 with lr = 0.1. In the first
    /// step the bias-corrected moments are g and g^2.
    fn first_step(rule: impl UpdateRule<f64>, g: f64) -> (f64, f64) {
        let mut theta = Tensor::scalar(4.0);
        let mut slots = [Tensor::scalar(0.0), Tensor::scalar(0.0)];
        rule.update(Step { number: 1, lr: 0.1 }, &mut theta, &Tensor::scalar(g), &mut slots);
        (theta.item(), slots[0].item())
    }

    #[test]
    fn decay_joins_the_gradient_in_adam_and_the_weights_in_adamw() {
        let close = |got: f64, want: f64| assert!((got - want).abs() < 1e-12, "{got} != {want}");
        // g = 1 + 0.5 * 4 = 3, so theta moves by lr * 3 / (3 + 1).
        let (theta, m) = first_step(Adam { eps: 1.0, weight_decay: 0.5, ..Adam::default() }, 1.0);
        close(theta, 4.0 - 0.1 * 0.75);
        close(m, 0.1 * 3.0);
        // theta is multiplied by 1 - 0.1 * 0.5, then moves by lr * 1 / (1 + 1).
        let (theta, m) = first_step(AdamW { eps: 1.0, weight_decay: 0.5, ..AdamW::default() }, 1.0);
        close(theta, 4.0 * 0.95 - 0.1 * 0.5);
        close(m, 0.1);
    }
}
