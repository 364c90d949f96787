//! The variants of the game.

use adjoint_nn::objective::AdversarialLoss;
use adjoint_nn::optim::{Adam, Optimizer, RmsProp, Sgd};
use adjoint_nn::{Element, Module, named};

/// What the two players minimise, and how they descend. The default is the original game with the
/// optimiser of the DCGAN (Radford et al. 2016, section 4).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// The losses of D and G.
    pub loss: AdversarialLoss,
    /// What is added to D's loss.
    pub penalty: Penalty,
    /// Weight of the penalty: lambda of [`Penalty::Gp`], gamma of [`Penalty::R1`].
    pub penalty_weight: f64,
    /// The penalty is applied every `penalty_every` steps of D, with its weight times this number
    /// (Karras et al. 2020, appendix B: lazy regularisation). 1: always.
    pub penalty_every: u64,
    /// One-sided label smoothing (0: none).
    pub label_smoothing: f64,
    /// Noise on what D is to tell apart.
    pub instance_noise: Noise,
    /// Weight of E |x - G(z, c)|, the mean over all numbers, in G's loss: for conditions that
    /// determine x (Isola et al. 2017, eq. 4). 0: none.
    pub reconstruction: f64,
    /// Who moves when.
    pub update: Update,
    /// How both descend.
    pub descent: Descent,
    /// Decay of the first moment of [`Descent::Adam`]; share of the last step that
    /// [`Descent::Momentum`] repeats.
    pub beta1: f64,
    /// Decay of the second moment of [`Descent::Adam`].
    pub beta2: f64,
    /// Step size of both.
    pub lr: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            loss: AdversarialLoss::NonSaturating,
            penalty: Penalty::None,
            penalty_weight: 1.0,
            penalty_every: 1,
            label_smoothing: 0.0,
            instance_noise: Noise::default(),
            reconstruction: 0.0,
            update: Update::Alternating,
            descent: Descent::Adam,
            beta1: 0.5,
            beta2: 0.999,
            lr: 2e-4,
        }
    }
}

/// The channels next to the image of the DCGAN's paper, whose step size is the default.
const PAPER_WIDTH: usize = 128;

impl Settings {
    /// For convolutions with `width` channels next to the image, where the step size is given for
    /// the paper's 128: Adam's and RMSprop's becomes inversely proportional to the width. They move
    /// each weight by about their step size, whatever the gradient, and a channel sums over all
    /// channels before it: with fewer of them each must move further for the same change of the sum
    /// (Yang et al. 2022, Tensor Programs V, table 3: Adam's rate of hidden weights is proportional
    /// to 1 / fan-in). So one step size suits all widths. Steps along the gradient itself stay as
    /// they are.
    #[must_use]
    pub fn at_width(mut self, width: usize) -> Self {
        if matches!(self.descent, Descent::Adam | Descent::RmsProp) {
            self.lr *= PAPER_WIDTH as f64 / width as f64;
        }
        self
    }

    /// An optimiser of a player's parameters.
    pub fn optimizer<E: Element>(&self, model: &dyn Module<E>) -> Optimizer<E> {
        let Settings { lr, beta1, beta2, .. } = *self;
        match self.descent {
            Descent::Sgd => Optimizer::new(model, lr, Sgd::default()),
            Descent::Momentum => Optimizer::new(model, lr, Sgd { momentum: beta1, ..Sgd::default() }),
            Descent::RmsProp => Optimizer::new(model, lr, RmsProp::default()),
            Descent::Adam => Optimizer::new(model, lr, Adam { beta1, beta2, ..Adam::default() }),
        }
    }
}

/// A penalty on D's gradient by its input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Penalty {
    /// None.
    #[default]
    None,
    /// lambda E (|grad| - 1)^2 between data and samples (Gulrajani et al. 2017, eq. 3; lambda 10
    /// there).
    Gp,
    /// gamma/2 E |grad|^2 on data (Mescheder et al. 2018, eq. 9; gamma 10 there).
    R1,
}

named!(Penalty {
    None = "none": "no penalty",
    Gp = "gp": "(|gradient| - 1)^2 between data and samples",
    R1 = "r1": "|gradient|^2 on data",
});

/// Normal noise on what D is to tell apart, data and samples alike (not where a penalty takes
/// its slope), whose standard deviation falls linearly to nothing: where the two do not overlap, D
/// has no useful gradient (Sønderby et al. 2017, section 3).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Noise {
    /// Standard deviation at the start.
    pub sigma: f64,
    /// Training steps after which there is none.
    pub steps: u64,
}

impl Noise {
    /// The standard deviation in this training step.
    pub fn at(self, step: u64) -> f64 {
        if step >= self.steps { 0.0 } else { self.sigma * (1.0 - step as f64 / self.steps as f64) }
    }
}

/// Who moves when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Update {
    /// First D, then G against the new D (Algorithm 1).
    #[default]
    Alternating,
    /// Both at once, each along its gradient at the point where both were: the dynamics that theory
    /// studies (Mescheder et al. 2018, section 2). The last of D's k steps is the one at once with
    /// G's.
    Simultaneous,
}

named!(Update {
    Alternating = "alternating": "first D, then G against the new D",
    Simultaneous = "simultaneous": "both at once",
});

/// A rule of descent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Descent {
    /// Along the gradient.
    Sgd,
    /// With momentum (Algorithm 1's experiments).
    Momentum,
    /// Divided by a mean of the gradient's size (the optimiser of the Wasserstein GAN).
    RmsProp,
    /// Kingma & Ba 2015.
    Adam,
}

named!(Descent {
    Sgd = "sgd": "gradient descent",
    Momentum = "momentum": "gradient descent with momentum",
    RmsProp = "rmsprop": "RMSprop",
    Adam = "adam": "Adam",
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_step_size_is_the_papers_at_its_width() {
        let at = |settings: Settings| [128, 64, 16].map(|width| settings.at_width(width).lr);
        assert_eq!(at(Settings::default()), [2e-4, 4e-4, 1.6e-3]);
        assert_eq!(at(Settings { descent: Descent::Sgd, ..Settings::default() }), [2e-4; 3]);
    }

    #[test]
    fn noise_falls_to_nothing() {
        let noise = Noise { sigma: 0.5, steps: 4 };
        assert_eq!([0, 1, 2, 4, 9].map(|step| noise.at(step)), [0.5, 0.375, 0.25, 0.0, 0.0]);
        assert_eq!(Noise::default().at(0), 0.0);
    }
}
