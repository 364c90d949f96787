//! The update rules of gradient descent, without and with momentum.

use super::optimizer::decayed;
use super::{Step, UpdateRule};
use crate::{Element, Tensor};

/// Stochastic gradient descent with momentum (Polyak 1964) or Nesterov momentum (Sutskever et al.
/// 2013, eq. 3-4, in the form of PyTorch):
///
/// > b <- momentum b + g,   theta <- theta - lr b
/// > or, with Nesterov,     theta <- theta - lr (g + momentum b)
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sgd {
    /// Momentum coefficient. If it is 0, this is plain gradient descent and b is not stored.
    pub momentum: f64,
    /// Whether to use Nesterov momentum.
    pub nesterov: bool,
    /// The coefficient lambda of L2 regularisation: lambda theta is added to g, which is the
    /// gradient of lambda/2 |theta|^2.
    pub weight_decay: f64,
}

impl<E: Element> UpdateRule<E> for Sgd {
    fn slots(&self) -> &'static [&'static str] {
        if self.momentum == 0.0 { &[] } else { &["momentum"] }
    }

    fn update(
        &self,
        step: Step,
        theta: &mut Tensor<E>,
        g: &Tensor<E>,
        slots: &mut [Tensor<E>],
    ) -> Option<f64> {
        let [lr, momentum] = [step.lr, self.momentum].map(E::of);
        let mut direction = decayed(g, theta, self.weight_decay);
        if let [b] = slots {
            b.update(&direction, move |b, g| momentum * b + g);
            direction =
                if self.nesterov { direction.zip(b, move |g, b| g + momentum * b) } else { b.clone() };
        }
        theta.update(&direction, move |theta, d| theta - lr * d);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns theta after `steps` steps from theta = 1 with the constant gradient 2.
    fn run(sgd: Sgd, steps: u64) -> f64 {
        let (mut theta, g) = (Tensor::<f64>::scalar(1.0), Tensor::scalar(2.0));
        let mut slots = vec![Tensor::scalar(0.0); UpdateRule::<f64>::slots(&sgd).len()];
        (1..=steps).for_each(|number| _ = sgd.update(Step { number, lr: 0.1 }, &mut theta, &g, &mut slots));
        theta.item()
    }

    #[test]
    fn steps_are_geometric_sums() {
        assert!((run(Sgd::default(), 3) - (1.0 - 3.0 * 0.2)).abs() < 1e-15);
        // b is 2, 3 and 3.5, so theta moves by lr (2 + 3 + 3.5).
        let momentum = Sgd { momentum: 0.5, ..Sgd::default() };
        assert!((run(momentum, 3) - (1.0 - 0.85)).abs() < 1e-15);
        // g + b/2 is 3, 3.5 and 3.75.
        assert!((run(Sgd { nesterov: true, ..momentum }, 3) - (1.0 - 1.025)).abs() < 1e-15);
        // The first gradient is 2 + 0.5 * 1, the second is 2 + 0.5 * 0.75.
        assert!((run(Sgd { weight_decay: 0.5, ..Sgd::default() }, 2) - (0.75 - 0.2375)).abs() < 1e-15);
    }
}
