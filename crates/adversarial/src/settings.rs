//! The variants of the game.

use adjoint_nn::objective::AdversarialLoss;
use adjoint_nn::optim::{Adam, Optimizer, RmsProp, Sgd};
use adjoint_nn::{Element, Module, named};

/// The losses and the optimisers of the two players. The default is the original game with the
/// optimiser of the DCGAN (Radford et al. 2016, section 4).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// The losses of D and G.
    pub loss: AdversarialLoss,
    /// The penalty added to D's loss.
    pub penalty: Penalty,
    /// Weight of the penalty: lambda of [`Penalty::Gp`], gamma of [`Penalty::R1`].
    pub penalty_weight: f64,
    /// The penalty is applied every `penalty_every` steps of D, and its weight is multiplied by
    /// `penalty_every` (lazy regularisation, Karras et al. 2020, appendix B). 1 applies it in every
    /// step.
    pub penalty_every: u64,
    /// One-sided label smoothing: D's target for data is 1 minus this number. 0 disables it.
    pub label_smoothing: f64,
    /// Noise on D's input.
    pub instance_noise: Noise,
    /// Weight of the term E |x - G(z, c)| in G's loss: the absolute difference between a datum and
    /// the sample with the same condition c, averaged over all pixel values. It is meant for
    /// conditions that determine x (Isola et al. 2017, eq. 4). 0 disables it.
    pub reconstruction: f64,
    /// The order of the updates of D and G.
    pub update: Update,
    /// The optimiser of both players.
    pub descent: Descent,
    /// Decay rate of the first moment of [`Descent::Adam`], or momentum coefficient of
    /// [`Descent::Momentum`].
    pub beta1: f64,
    /// Decay rate of the second moment of [`Descent::Adam`].
    pub beta2: f64,
    /// Learning rate of both players.
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

/// The width in the DCGAN paper, for which the paper's learning rate is the default.
const PAPER_WIDTH: usize = 128;

impl Settings {
    /// Scales the learning rate of Adam and RMSprop to convolutions with `width` channels next to
    /// the image. The rate before scaling is for the paper's width of 128. The scaled rate is
    /// inversely proportional to the width. Adam and RMSprop change each weight by about the
    /// learning rate, for any size of the gradient. An output sums over all input channels. With
    /// fewer channels, each weight must therefore change more for the same change of the sum. (Yang
    /// et al. 2022, Tensor Programs V, table 3: the rate of Adam for hidden weights is proportional
    /// to 1 / fan-in.) So one learning rate suits all widths. The rates of plain gradient descent
    /// and momentum do not change.
    #[must_use]
    pub fn at_width(mut self, width: usize) -> Self {
        if matches!(self.descent, Descent::Adam | Descent::RmsProp) {
            self.lr *= PAPER_WIDTH as f64 / width as f64;
        }
        self
    }

    /// Creates an optimiser for the parameters of a player.
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

named! {
    /// A penalty on D's gradient with respect to its input.
    #[derive(Default)]
    pub enum Penalty {
        /// No penalty.
        #[default]
        None = "none": "no penalty",
        /// lambda E (|grad| - 1)^2 at points between data and samples (Gulrajani et al. 2017, eq.
        /// 3, where lambda is 10).
        Gp = "gp": "(|gradient| - 1)^2 at points between data and samples",
        /// gamma/2 E |grad|^2 on data (Mescheder et al. 2018, eq. 9, where gamma is 10).
        R1 = "r1": "|gradient|^2 on data",
    }
}

/// Normal noise added to data and samples at D's input, except in penalties. Its standard deviation
/// decreases linearly to 0. Without noise, if data and samples do not overlap, D gives no useful
/// gradient (Sønderby et al. 2017, section 3).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Noise {
    /// Standard deviation at step 0.
    pub sigma: f64,
    /// Number of training steps after which the noise is 0.
    pub steps: u64,
}

impl Noise {
    /// Returns the standard deviation in training step `step`.
    pub fn at(self, step: u64) -> f64 {
        if step >= self.steps { 0.0 } else { self.sigma * (1.0 - step as f64 / self.steps as f64) }
    }
}

named! {
    /// The order of the updates of D and G.
    #[derive(Default)]
    pub enum Update {
        /// First D is updated, then G against the new D (Algorithm 1).
        #[default]
        Alternating = "alternating": "first D, then G against the new D",
        /// D and G are updated at once, each with its gradient at the current parameters of both.
        /// Theory studies these dynamics (Mescheder et al. 2018, section 2). Of the k steps of D,
        /// the last is simultaneous with the step of G.
        Simultaneous = "simultaneous": "D and G at once",
    }
}

named! {
    /// The update rule of an optimiser.
    pub enum Descent {
        /// Plain gradient descent.
        Sgd = "sgd": "gradient descent",
        /// Gradient descent with momentum (the experiments of Goodfellow et al. 2014).
        Momentum = "momentum": "gradient descent with momentum",
        /// RMSprop, which divides the gradient by the root of its mean square (the optimiser of the
        /// Wasserstein GAN).
        RmsProp = "rmsprop": "RMSprop",
        /// Adam (Kingma & Ba 2015).
        Adam = "adam": "Adam",
    }
}

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
