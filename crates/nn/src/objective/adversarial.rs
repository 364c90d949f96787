//! The losses of discriminators and generators.
//!
//! `real` contains D's logits of data and `fake` D's logits of generated samples. They can have any
//! shape, and each loss is a mean over all logits. The graph of G's loss passes through D; D's loss
//! does not need the graph of G. The optimiser of each network requests only the gradients of its
//! own parameters.

use super::bce;
use crate::{Element, Var, named};

/// Returns the value function of the game (Goodfellow et al. 2014, eq. 1), which D maximises and G
/// minimises:
///
/// > V(D, G) = E log D(x) + E log(1 - D(G(z)))
///
/// At the equilibrium D = 1/2 everywhere and V = -log 4 (theorem 1).
pub fn gan_value<E: Element>(real: &Var<E>, fake: &Var<E>) -> Var<E> {
    -(bce(real, 1.0) + bce(fake, 0.0))
}

/// The loss of D in the original game, -V(D, G), with one-sided label smoothing (Salimans et al.
/// 2016, section 3.4). The target probability is 1 - `smoothing` for data and 0 for generated
/// samples.
///
/// # Panics
/// If the smoothing is not between 0 and 1.
#[track_caller]
pub fn discriminator_loss<E: Element>(real: &Var<E>, fake: &Var<E>, smoothing: f64) -> Var<E> {
    bce(real, 1.0 - smoothing) + bce(fake, 0.0)
}

/// The loss of G in the original game (Goodfellow et al. 2014, eq. 1): E log(1 - D(G(z))). Its
/// gradient with respect to the logit is -D(G(z)), which vanishes if D rejects a sample with
/// confidence: the loss *saturates*.
pub fn generator_minimax<E: Element>(fake: &Var<E>) -> Var<E> {
    -bce(fake, 0.0)
}

/// The loss of G that is used in practice (Goodfellow et al. 2014, section 3): -E log D(G(z)). Its
/// gradient with respect to the logit is D(G(z)) - 1, which is largest if D rejects a sample with
/// confidence.
pub fn generator_non_saturating<E: Element>(fake: &Var<E>) -> Var<E> {
    bce(fake, 1.0)
}

/// The loss of D in the least-squares GAN (Mao et al. 2017, eq. 2, with a = 0 and b = 1 -
/// `smoothing`), on D's output without a sigmoid: 1/2 E (D(x) - b)^2 + 1/2 E D(G(z))^2.
pub fn least_squares_discriminator<E: Element>(real: &Var<E>, fake: &Var<E>, smoothing: f64) -> Var<E> {
    0.5 * ((real - (1.0 - smoothing)).square().mean() + fake.square().mean())
}

/// The loss of G in the least-squares GAN (Mao et al. 2017, eq. 2, with c = 1): 1/2 E (D(G(z)) -
/// 1)^2.
pub fn least_squares_generator<E: Element>(fake: &Var<E>) -> Var<E> {
    0.5 * (fake - 1.0).square().mean()
}

/// The hinge loss of D (Lim & Ye 2017; Miyato et al. 2018, eq. 16), on D's output without a
/// sigmoid: E max(0, 1 - D(x)) + E max(0, 1 + D(G(z))).
pub fn hinge_discriminator<E: Element>(real: &Var<E>, fake: &Var<E>) -> Var<E> {
    (1.0 - real).relu().mean() + (1.0 + fake).relu().mean()
}

/// The loss of G that belongs to the hinge loss of D (Miyato et al. 2018, eq. 17): -E D(G(z)).
pub fn hinge_generator<E: Element>(fake: &Var<E>) -> Var<E> {
    -fake.mean()
}

/// The loss of the critic f in the Wasserstein GAN (Arjovsky et al. 2017, eq. 2), on its output
/// without a sigmoid: E f(G(z)) - E f(x). Its minimum over all 1-Lipschitz functions f is minus the
/// Wasserstein distance.
pub fn wasserstein_critic<E: Element>(real: &Var<E>, fake: &Var<E>) -> Var<E> {
    fake.mean() - real.mean()
}

/// The loss of G in the Wasserstein GAN (Arjovsky et al. 2017, theorem 3): -E f(G(z)).
pub fn wasserstein_generator<E: Element>(fake: &Var<E>) -> Var<E> {
    -fake.mean()
}

named! {
    /// A pair of losses for D and G, selected by name on a command line.
    #[derive(Default)]
    pub enum AdversarialLoss {
        /// [`discriminator_loss`] against [`generator_non_saturating`].
        #[default]
        NonSaturating = "non-saturating": "-log D(G(z)) for G",
        /// [`discriminator_loss`] against [`generator_minimax`].
        Minimax = "minimax": "log (1 - D(G(z))) for G",
        /// [`least_squares_discriminator`] against [`least_squares_generator`].
        LeastSquares = "least-squares": "squared distances to the labels",
        /// [`hinge_discriminator`] against [`hinge_generator`].
        Hinge = "hinge": "hinge loss",
        /// [`wasserstein_critic`] against [`wasserstein_generator`]. The critic has to be
        /// Lipschitz, for example through [`gradient_penalty`](super::gradient_penalty).
        Wasserstein = "wasserstein": "Wasserstein distance; D must be Lipschitz (penalty gp or spectral normalisation)",
    }
}

impl AdversarialLoss {
    /// Returns the loss of D.
    ///
    /// # Panics
    /// If `smoothing` is not 0 and the loss [has no labels](Self::has_labels).
    #[track_caller]
    pub fn discriminator<E: Element>(self, real: &Var<E>, fake: &Var<E>, smoothing: f64) -> Var<E> {
        assert!(smoothing == 0.0 || self.has_labels(), "the {self} loss has no labels to smooth");
        match self {
            AdversarialLoss::NonSaturating | AdversarialLoss::Minimax => {
                discriminator_loss(real, fake, smoothing)
            }
            AdversarialLoss::LeastSquares => least_squares_discriminator(real, fake, smoothing),
            AdversarialLoss::Hinge => hinge_discriminator(real, fake),
            AdversarialLoss::Wasserstein => wasserstein_critic(real, fake),
        }
    }

    /// Returns the loss of G.
    pub fn generator<E: Element>(self, fake: &Var<E>) -> Var<E> {
        match self {
            AdversarialLoss::NonSaturating => generator_non_saturating(fake),
            AdversarialLoss::Minimax => generator_minimax(fake),
            AdversarialLoss::LeastSquares => least_squares_generator(fake),
            AdversarialLoss::Hinge => hinge_generator(fake),
            AdversarialLoss::Wasserstein => wasserstein_generator(fake),
        }
    }

    /// Returns whether the loss of D compares D's output with labels. Only labels can be smoothed.
    pub fn has_labels(self) -> bool {
        !matches!(self, AdversarialLoss::Hinge | AdversarialLoss::Wasserstein)
    }

    /// Returns whether D's output is a logit. If it is, the sigmoid of the output is a probability,
    /// and [`gan_value`] is the value of the game.
    pub fn is_on_logits(self) -> bool {
        matches!(self, AdversarialLoss::NonSaturating | AdversarialLoss::Minimax)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Named;
    use crate::Tensor;
    use adjoint_autodiff::gradcheck::assert_cases;

    fn logits<E: Element>(value: f64) -> Var<E> {
        Var::leaf(Tensor::full([3, 1], E::of(value)))
    }

    /// All logits are 0, so D = 1/2 everywhere.
    #[test]
    fn at_the_equilibrium() {
        let (ln2, zero) = (2f64.ln(), logits::<f64>(0.0));
        assert!((gan_value(&zero, &zero).item() + 4f64.ln()).abs() < 1e-15);
        let cases = [
            (discriminator_loss(&zero, &zero, 0.0), 2.0 * ln2),
            (discriminator_loss(&zero, &zero, 0.1), 2.0 * ln2),
            (generator_minimax(&zero), -ln2),
            (generator_non_saturating(&zero), ln2),
            (least_squares_discriminator(&zero, &zero, 0.0), 0.5),
            (least_squares_discriminator(&zero, &zero, 0.1), 0.405),
            (least_squares_generator(&zero), 0.5),
            (hinge_discriminator(&zero, &zero), 2.0),
            (hinge_generator(&logits::<f64>(3.0)), -3.0),
            (wasserstein_critic(&logits::<f64>(5.0), &logits(3.0)), -2.0),
            (wasserstein_generator(&logits::<f64>(3.0)), -3.0),
        ];
        for (i, (loss, want)) in cases.into_iter().enumerate() {
            assert!((loss.item() - want).abs() < 1e-15, "case {i}: {} != {want}", loss.item());
        }
    }

    /// Evaluates the losses at the optimum of the discriminator or at a kink of the loss.
    #[test]
    fn at_their_optima() {
        let at = |real, fake| (logits::<f64>(real), logits::<f64>(fake));
        let (real, fake) = at(1.0, 0.0);
        assert_eq!(least_squares_discriminator(&real, &fake, 0.0).item(), 0.0);
        let (real, fake) = at(1.0, -1.0);
        assert_eq!(hinge_discriminator(&real, &fake).item(), 0.0);
        let (real, fake) = at(0.5, 0.5);
        assert_eq!(hinge_discriminator(&real, &fake).item(), 2.0);
        // With one-sided smoothing the optimal D(x) is 1 - smoothing, not 1.
        let (real, fake) = at(9f64.ln(), -80.0);
        let slope = discriminator_loss(&real, &fake, 0.1).gradients(&[&real]).remove(0);
        assert!(slope.data().iter().all(|g| g.abs() < 1e-16));
    }

    /// The gradient of the generator's loss with respect to the logit is -D for the saturating loss
    /// and D - 1 for the non-saturating loss.
    #[test]
    fn the_slopes_of_the_generators() {
        for l in [-80.0, -2.0, 0.0, 3.0, 80.0f64] {
            let x = logits::<f32>(l);
            let slope = |loss: Var<f32>| f64::from(loss.gradients(&[&x])[0].data()[0]) * 3.0;
            let near =
                |got: f64, want: f64| assert!((got / want - 1.0).abs() < 1e-6, "{got} != {want} at {l}");
            near(slope(generator_minimax(&x)), -1.0 / (1.0 + (-l).exp()));
            near(slope(generator_non_saturating(&x)), -1.0 / (1.0 + l.exp()));
        }
    }

    #[test]
    fn exact_at_80() {
        let tiny = (-80f64).exp();
        let (right, wrong) = ((logits::<f32>(80.0), logits(-80.0)), (logits::<f32>(-80.0), logits(80.0)));
        let near = |loss: Var<f32>, want: f64| {
            assert!((loss.item() / want - 1.0).abs() < 1e-6, "{} != {want}", loss.item());
        };
        near(gan_value(&right.0, &right.1), -2.0 * tiny);
        near(gan_value(&wrong.0, &wrong.1), -160.0);
        near(discriminator_loss(&right.0, &right.1, 0.0), 2.0 * tiny);
        near(generator_minimax(&right.1), -tiny);
        near(generator_minimax(&wrong.1), -80.0);
        near(generator_non_saturating(&right.1), 80.0);
        near(generator_non_saturating(&wrong.1), tiny);
    }

    #[test]
    fn gradients() {
        for &loss in AdversarialLoss::ALL {
            let smoothing = if loss.has_labels() { 0.1 } else { 0.0 };
            assert_cases(&format!("{loss} discriminator"), 20, |s| {
                let mut draw = |n| gradcheck_logits(s, n);
                (vec![draw(4), draw(3)], move |x: &[Var<f64>]| loss.discriminator(&x[0], &x[1], smoothing))
            });
            assert_cases(&format!("{loss} generator"), 20, |s| {
                (vec![gradcheck_logits(s, 5)], move |x: &[Var<f64>]| loss.generator(&x[0]))
            });
        }
        assert_cases("gan_value", 20, |s| {
            let mut draw = |n| gradcheck_logits(s, n);
            (vec![draw(2), draw(6)], |x: &[Var<f64>]| gan_value(&x[0], &x[1]))
        });
    }

    /// Returns logits that are not close to the kinks of the hinge loss.
    fn gradcheck_logits(s: &mut crate::Stream, n: usize) -> Tensor<f64> {
        adjoint_autodiff::gradcheck::random_tensor(s, crate::Shape::new(&[n, 1]), &[-1.0, 1.0])
    }

    #[test]
    fn names_read_back() {
        for &loss in AdversarialLoss::ALL {
            assert_eq!(AdversarialLoss::of_name(&loss.to_string()), Some(loss));
        }
        assert_eq!(AdversarialLoss::of_name("wgan"), None);
    }

    #[test]
    #[should_panic(expected = "the hinge loss has no labels to smooth")]
    fn only_labels_are_smoothed() {
        AdversarialLoss::Hinge.discriminator(&logits::<f32>(0.0), &logits(0.0), 0.1);
    }
}
