//! The update rule RMSprop.

use super::optimizer::decayed;
use super::{Step, UpdateRule};
use crate::{Element, Tensor};

/// RMSprop (Tieleman & Hinton 2012, lecture 6.5), with momentum as in PyTorch:
///
/// > v <- alpha v + (1 - alpha) g^2,   d = g / (sqrt(v) + eps),
/// > theta <- theta - lr d,   or   b <- momentum b + d,   theta <- theta - lr b
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RmsProp {
    /// Decay of the running mean of squared gradients.
    pub alpha: f64,
    /// The constant added to the denominator.
    pub eps: f64,
    /// Momentum coefficient. If it is 0, b is not stored.
    pub momentum: f64,
    /// The coefficient lambda of L2 regularisation: lambda theta is added to g, which is the
    /// gradient of lambda/2 |theta|^2.
    pub weight_decay: f64,
}

impl Default for RmsProp {
    /// alpha = 0.99, eps = 1e-8, no momentum, no weight decay.
    fn default() -> Self {
        RmsProp { alpha: 0.99, eps: 1e-8, momentum: 0.0, weight_decay: 0.0 }
    }
}

impl<E: Element> UpdateRule<E> for RmsProp {
    fn slots(&self) -> &'static [&'static str] {
        if self.momentum == 0.0 { &["v"] } else { &["v", "momentum"] }
    }

    fn update(
        &self,
        step: Step,
        theta: &mut Tensor<E>,
        g: &Tensor<E>,
        slots: &mut [Tensor<E>],
    ) -> Option<f64> {
        let [lr, alpha, rest, eps, momentum] =
            [step.lr, self.alpha, 1.0 - self.alpha, self.eps, self.momentum].map(E::of);
        let g = decayed(g, theta, self.weight_decay);
        let (v, b) = slots.split_at_mut(1);
        v[0].update(&g, move |v, g| alpha * v + rest * g * g);
        let mut direction = g.zip(&v[0], move |g, v| g / (v.sqrt() + eps));
        if let [b] = b {
            b.update(&direction, move |b, d| momentum * b + d);
            direction = b.clone();
        }
        theta.update(&direction, move |theta, d| theta - lr * d);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns theta after four steps from theta = 1 with the constant gradient `g`.
    fn run(rule: RmsProp, g: f64) -> f64 {
        let mut theta = Tensor::<f64>::scalar(1.0);
        let mut slots = vec![Tensor::scalar(0.0); UpdateRule::<f64>::slots(&rule).len()];
        for number in 1..=4 {
            rule.update(Step { number, lr: 0.1 }, &mut theta, &Tensor::scalar(g), &mut slots);
        }
        theta.item()
    }

    /// With a constant gradient g, v = (1 - alpha^t) g^2, so d = g / (|g| sqrt(1 - alpha^t) + eps).
    #[test]
    fn steps_are_the_formula() {
        for (momentum, g, eps) in [(0.0, 3.0, 0.0), (0.0, 1e-3, 0.0), (0.5, 3.0, 0.0), (0.5, -2.0, 0.7)] {
            let (mut theta, mut b) = (1.0, 0.0);
            for t in 1..=4 {
                b = momentum * b + g / (g.abs() * (1.0 - 0.9f64.powi(t)).sqrt() + eps);
                theta -= 0.1 * b;
            }
            let got = run(RmsProp { alpha: 0.9, eps, momentum, weight_decay: 0.0 }, g);
            assert!((got - theta).abs() < 1e-12, "{momentum}, {g}, {eps}: {got} != {theta}");
        }
    }

    #[test]
    fn weight_decay_joins_the_gradient() {
        let rule = RmsProp { weight_decay: 0.5, ..RmsProp::default() };
        let (mut theta, mut slots) = (Tensor::<f64>::scalar(4.0), [Tensor::scalar(0.0)]);
        rule.update(Step { number: 1, lr: 0.0 }, &mut theta, &Tensor::scalar(1.0), &mut slots);
        assert!((slots[0].item() - 0.01 * 9.0).abs() < 1e-15);
    }
}
