//! What a discriminator and a generator minimise.
//!
//! `real` are D's logits of data, `fake` those of generated samples; any shape, a mean is taken over all. Derivations
//! are in docs/objectives.md.

use super::bce;
use crate::{Element, Var};
use std::fmt;
use std::str::FromStr;

/// The value function of the game (Goodfellow et al. 2014, eq. 1), which D maximises and G minimises:
///
/// > V(D, G) = E log D(x) + E log(1 - D(G(z)))
///
/// At the equilibrium D = 1/2 everywhere and V = -log 4 (theorem 1).
pub fn gan_value<E: Element>(real: &Var<E>, fake: &Var<E>) -> Var<E> {
    -(bce(real, 1.0) + bce(fake, 0.0))
}

/// What D minimises in the original game, -V(D, G), with one-sided label smoothing (Salimans et al. 2016, section 3.4):
/// data is to be called real with probability 1 - `smoothing`, samples are to be called fake without doubt.
///
/// # Panics
/// If the smoothing is not between 0 and 1.
#[track_caller]
pub fn discriminator_loss<E: Element>(real: &Var<E>, fake: &Var<E>, smoothing: f64) -> Var<E> {
    bce(real, 1.0 - smoothing) + bce(fake, 0.0)
}

/// What G minimises in the original game (Goodfellow et al. 2014, eq. 1): E log(1 - D(G(z))). Its gradient by the logit
/// is -D(G(z)), which vanishes where D is sure: it *saturates*.
pub fn generator_minimax<E: Element>(fake: &Var<E>) -> Var<E> {
    -bce(fake, 0.0)
}

/// What G minimises in practice (Goodfellow et al. 2014, section 3): -E log D(G(z)). Its gradient by the logit is
/// D(G(z)) - 1, largest where D is sure.
pub fn generator_non_saturating<E: Element>(fake: &Var<E>) -> Var<E> {
    bce(fake, 1.0)
}

/// D of least squares (Mao et al. 2017, eq. 2, with a = 0 and b = 1 - `smoothing`), on D's raw output:
/// 1/2 E (D(x) - b)^2 + 1/2 E D(G(z))^2.
pub fn least_squares_discriminator<E: Element>(real: &Var<E>, fake: &Var<E>, smoothing: f64) -> Var<E> {
    0.5 * ((real - (1.0 - smoothing)).square().mean() + fake.square().mean())
}

/// G of least squares (Mao et al. 2017, eq. 2, with c = 1): 1/2 E (D(G(z)) - 1)^2.
pub fn least_squares_generator<E: Element>(fake: &Var<E>) -> Var<E> {
    0.5 * (fake - 1.0).square().mean()
}

/// D of the hinge loss (Lim & Ye 2017, eq. 2; Miyato et al. 2018, eq. 16), on D's raw output:
/// E max(0, 1 - D(x)) + E max(0, 1 + D(G(z))).
pub fn hinge_discriminator<E: Element>(real: &Var<E>, fake: &Var<E>) -> Var<E> {
    (1.0 - real).relu().mean() + (1.0 + fake).relu().mean()
}

/// G of the hinge loss (Miyato et al. 2018, eq. 17): -E D(G(z)).
pub fn hinge_generator<E: Element>(fake: &Var<E>) -> Var<E> {
    -fake.mean()
}

/// The critic of the Wasserstein distance (Arjovsky et al. 2017, eq. 2), on its raw output: E f(G(z)) - E f(x), minus
/// the distance if f is the best among the functions with slopes up to 1.
pub fn wasserstein_critic<E: Element>(real: &Var<E>, fake: &Var<E>) -> Var<E> {
    fake.mean() - real.mean()
}

/// G of the Wasserstein distance (Arjovsky et al. 2017, theorem 3): -E f(G(z)).
pub fn wasserstein_generator<E: Element>(fake: &Var<E>) -> Var<E> {
    -fake.mean()
}

/// A game, by the name it has on a command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AdversarialLoss {
    /// [`discriminator_loss`] against [`generator_non_saturating`].
    #[default]
    NonSaturating,
    /// [`discriminator_loss`] against [`generator_minimax`].
    Minimax,
    /// [`least_squares_discriminator`] against [`least_squares_generator`].
    LeastSquares,
    /// [`hinge_discriminator`] against [`hinge_generator`].
    Hinge,
    /// [`wasserstein_critic`] against [`wasserstein_generator`]. The critic has to be kept Lipschitz by a penalty.
    Wasserstein,
}

impl AdversarialLoss {
    /// Every game.
    pub const ALL: [AdversarialLoss; 5] = [
        AdversarialLoss::NonSaturating,
        AdversarialLoss::Minimax,
        AdversarialLoss::LeastSquares,
        AdversarialLoss::Hinge,
        AdversarialLoss::Wasserstein,
    ];

    /// What D minimises.
    ///
    /// # Panics
    /// If labels are to be smoothed in a game without labels; [`has_labels`](Self::has_labels) tells.
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

    /// What G minimises.
    pub fn generator<E: Element>(self, fake: &Var<E>) -> Var<E> {
        match self {
            AdversarialLoss::NonSaturating => generator_non_saturating(fake),
            AdversarialLoss::Minimax => generator_minimax(fake),
            AdversarialLoss::LeastSquares => least_squares_generator(fake),
            AdversarialLoss::Hinge => hinge_generator(fake),
            AdversarialLoss::Wasserstein => wasserstein_generator(fake),
        }
    }

    /// Does D compare its output with a label, which could be smoothed?
    pub fn has_labels(self) -> bool {
        !matches!(self, AdversarialLoss::Hinge | AdversarialLoss::Wasserstein)
    }

    /// Its name on a command line.
    pub fn name(self) -> &'static str {
        match self {
            AdversarialLoss::NonSaturating => "non-saturating",
            AdversarialLoss::Minimax => "minimax",
            AdversarialLoss::LeastSquares => "least-squares",
            AdversarialLoss::Hinge => "hinge",
            AdversarialLoss::Wasserstein => "wasserstein",
        }
    }
}

impl fmt::Display for AdversarialLoss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that is none of a loss.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownLoss(String);

impl fmt::Display for UnknownLoss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = AdversarialLoss::ALL.map(AdversarialLoss::name).join(", ");
        write!(f, "unknown loss `{}`; there are {names}", self.0)
    }
}

impl std::error::Error for UnknownLoss {}

impl FromStr for AdversarialLoss {
    type Err = UnknownLoss;

    fn from_str(name: &str) -> Result<Self, UnknownLoss> {
        Self::ALL.into_iter().find(|loss| loss.name() == name).ok_or_else(|| UnknownLoss(name.to_owned()))
    }
}
