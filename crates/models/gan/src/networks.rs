//! The generator and the discriminator.

use adjoint_adversarial::{self as adversarial, Game, Settings};
use adjoint_nn::cost::LayerCost;
use adjoint_nn::layers::{Dropout, Flatten, LEAKY_SLOPE, Norm};
use adjoint_nn::perceptron::{self, Perceptron};
use adjoint_nn::plan::NetworkPlan;
use adjoint_nn::{Element, Init, Mode, Scheme, Shape, Stream, Var, init, module};

/// Sizes of the two networks.
#[derive(Clone, Debug, PartialEq)]
pub struct Architecture {
    /// Shape of a sample: (height, width, channels) for an image, (coordinates) for a point.
    pub sample: Vec<usize>,
    /// Whether G ends in a tanh.
    pub bounded: bool,
    /// Length of z.
    pub latent: usize,
    /// Number of units in each hidden layer of G, starting after z.
    pub g_hidden: Vec<usize>,
    /// Number of units in each hidden layer of D, starting after the sample.
    pub d_hidden: Vec<usize>,
    /// Normalisation of G's hidden layers.
    pub g_norm: Norm,
    /// Normalisation of D's layers.
    pub d_norm: Norm,
    /// Dropout after each hidden layer of D.
    pub d_dropout: Dropout,
}

impl Architecture {
    fn numbers(&self) -> usize {
        self.sample.iter().product()
    }

    fn generator(&self) -> NetworkPlan {
        let end = if self.bounded { ", tanh" } else { "" };
        perceptron::plan(self.latent, &self.g_hidden, self.numbers(), self.g_norm, end)
    }

    fn discriminator(&self) -> NetworkPlan {
        perceptron::plan(self.numbers(), &self.d_hidden, 1, self.d_norm, ", logit")
    }

    /// Returns the costs of G's layers, from z to the sample.
    pub fn generator_costs(&self) -> Vec<LayerCost> {
        self.generator().costs()
    }

    /// Returns the costs of D's layers, from the sample to its logit.
    pub fn discriminator_costs(&self) -> Vec<LayerCost> {
        self.discriminator().costs()
    }
}

/// The GAN: the game between a generator and a discriminator.
pub type Gan<E> = Game<E, Generator<E>, Discriminator<E>>;

/// Creates a GAN with initial weights drawn from streams of `seed`. The variance of the weights is
/// chosen so that the outputs of a layer have about the variance of its inputs (He et al. 2015).
pub fn gan<E: Element>(architecture: &Architecture, settings: Settings, seed: u64) -> Gan<E> {
    let (mut generator, mut discriminator) = (Generator::new(architecture), Discriminator::new(architecture));
    let scheme = Scheme::with_weights(Init::KaimingNormal { gain: init::leaky_relu_gain(LEAKY_SLOPE) });
    scheme.apply(&mut generator, "generator", seed);
    scheme.apply(&mut discriminator, "discriminator", seed);
    Game::new(generator, discriminator, settings, seed)
}

/// G, which maps z to a sample.
pub struct Generator<E: Element> {
    net: Perceptron<E>,
    sample: Vec<usize>,
    bounded: bool,
}
module!(Generator { net });

impl<E: Element> Generator<E> {
    /// Creates a generator with uninitialised weights.
    pub fn new(a: &Architecture) -> Self {
        let net = Perceptron::new(&a.generator(), Dropout::default());
        Generator { net, sample: a.sample.clone(), bounded: a.bounded }
    }

    /// Maps z (N, latent) to samples `[N, ...]`.
    ///
    /// # Panics
    /// If z does not have `latent` columns.
    #[track_caller]
    pub fn forward(&mut self, z: &Var<E>, mode: Mode) -> Var<E> {
        let y = self.net.forward(z, mode, &mut Stream::new(0, "G drops nothing", 0));
        let shape: Vec<usize> = [&z.dims()[..1], &self.sample].concat();
        let y = y.reshape(Shape::new(&shape));
        if self.bounded { y.tanh() } else { y }
    }
}

impl<E: Element> adversarial::Generator<E> for Generator<E> {
    fn generate(&mut self, z: &Var<E>, _condition: Option<&Var<E>>, mode: Mode) -> Var<E> {
        self.forward(z, mode)
    }
}

/// D, which maps a sample to the logit of "real".
pub struct Discriminator<E: Element> {
    net: Perceptron<E>,
}
module!(Discriminator { net });

impl<E: Element> Discriminator<E> {
    /// Creates a discriminator with uninitialised weights.
    pub fn new(a: &Architecture) -> Self {
        Discriminator { net: Perceptron::new(&a.discriminator(), a.d_dropout) }
    }

    /// Maps samples `[N, ...]` to one logit per sample, `[N]`. D(x) is the sigmoid of the logit.
    /// Dropout draws its masks from `masks`.
    ///
    /// # Panics
    /// If the samples do not have the shape in the architecture.
    #[track_caller]
    pub fn forward(&mut self, x: &Var<E>, mode: Mode, masks: &mut Stream) -> Var<E> {
        self.net.forward(&Flatten.forward(x), mode, masks).reshape([x.dims()[0]])
    }
}

impl<E: Element> adversarial::Discriminator<E> for Discriminator<E> {
    fn judge(&mut self, x: &Var<E>, _condition: Option<&Var<E>>, mode: Mode, masks: &mut Stream) -> Var<E> {
        self.forward(x, mode, masks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use adjoint_adversarial::{Penalty, Round};
    use adjoint_nn::objective::AdversarialLoss;
    use adjoint_nn::{Module, Tensor, gradcheck};

    fn small(sample: &[usize], bounded: bool) -> Architecture {
        Architecture {
            sample: sample.to_vec(),
            bounded,
            latent: 2,
            g_hidden: vec![16],
            d_hidden: vec![16, 16],
            g_norm: Norm::None,
            d_norm: Norm::None,
            d_dropout: Dropout::default(),
        }
    }

    #[test]
    fn samples_have_the_requested_shape_and_bounds() {
        for (sample, bounded) in [(&[4, 3, 1][..], true), (&[2], false)] {
            let a = small(sample, bounded);
            let mut game = gan::<f32>(&a, Settings::default(), 1);
            let z = Stream::new(1, "z", 0).normal_tensor([5, 2], 0.0, 30.0);
            let x = game.generator.forward(&Var::constant(z), Mode::Eval);
            assert_eq!(&x.dims()[1..], sample);
            assert_eq!(x.value().data().iter().all(|x| x.abs() <= 1.0), bounded);
            let mut masks = Stream::new(1, "masks", 0);
            assert_eq!(game.discriminator.forward(&x, Mode::Eval, &mut masks).dims(), [5]);
            let costs =
                [a.generator_costs(), a.discriminator_costs()].map(|c| adjoint_nn::cost::parameters(&c));
            let own = [game.generator.num_parameters(), game.discriminator.num_parameters()];
            assert_eq!(costs, own.map(|n| n as u64));
        }
    }

    /// Checks gradients with respect to all parameters of D and G. The losses are those of eq. 1
    /// and section 3, and the Wasserstein loss with gradient penalty. The perceptrons have batch
    /// norm, spectral norm and dropout.
    #[test]
    fn whole_losses_have_the_gradients_of_central_differences() {
        let cases = [
            (AdversarialLoss::NonSaturating, Penalty::None, Norm::None, Norm::None),
            (AdversarialLoss::Minimax, Penalty::R1, Norm::Batch, Norm::Batch),
            (AdversarialLoss::Hinge, Penalty::None, Norm::None, Norm::Spectral),
            (AdversarialLoss::Wasserstein, Penalty::Gp, Norm::Batch, Norm::None),
        ];
        for (loss, penalty, g_norm, d_norm) in cases {
            let a = Architecture {
                g_hidden: vec![5],
                d_hidden: vec![6, 4],
                g_norm,
                d_norm,
                d_dropout: Dropout::new(0.1),
                ..small(&[3, 2, 1], true)
            };
            let round = || {
                let x = Stream::new(1, "x", 0).uniform_tensor([4, 3, 2, 1], -1.0, 1.0);
                Round::new(x, Stream::new(1, "z", 0).normal_tensor([4, 2], 0.0, 1.0))
            };
            let penalty_weight = if penalty == Penalty::Gp { 10.0 } else { 2.0 };
            let mut game =
                gan::<f64>(&a, Settings { loss, penalty, penalty_weight, ..Settings::default() }, 5);
            // Power iteration treats u and v as constants. This is exact only after they have
            // converged.
            (0..200).for_each(|_| _ = game.losses(0, round()));
            let name = format!("{loss} {penalty:?} {d_norm:?}");
            gradcheck::assert_model(
                &format!("{name}, D"),
                &mut game,
                |game| &mut game.discriminator,
                |game| game.losses(0, round())[0].clone(),
            );
            gradcheck::assert_model(
                &format!("{name}, G"),
                &mut game,
                |game| &mut game.generator,
                |game| game.losses(0, round())[1].clone(),
            );
        }
    }

    /// Proposition 1: against a fixed G, D converges to p_data / (p_data + p_g). Data are N(1, 1)
    /// and samples are N(-1, 1), so D's logit is log p_data - log p_g = 2 x.
    #[test]
    fn the_best_discriminator_is_the_share_of_the_data() {
        let mut a = small(&[1], false);
        a.latent = 1;
        a.g_hidden = vec![];
        let settings = Settings { lr: 0.01, ..Settings::default() };
        let mut game = gan::<f64>(&a, settings, 3);
        let shift =
            [("net.out.weight", Tensor::full([1, 1], 1.0)), ("net.out.bias", Tensor::full([1], -1.0))];
        let shift = shift.map(|(name, value)| (name.to_owned(), value));
        game.generator.load_state(&shift).unwrap();
        for step in 0..600 {
            game.generator.load_state(&shift).unwrap();
            let x = Stream::new(1, "x", step).normal_tensor([512, 1], 1.0, 1.0);
            let z = Stream::new(1, "z", step).normal_tensor([512, 1], 0.0, 1.0);
            game.optimizer_d.set_lr(0.01 / (1.0 + step as f64 / 100.0));
            game.step(step, [adversarial::Round::new(x, z)]);
        }
        let x = Tensor::from_slice([5, 1], &[-2.0, -1.0, 0.0, 1.0, 2.0]);
        let mut masks = Stream::new(1, "masks", 0);
        let logits = game.discriminator.forward(&Var::constant(x.clone()), Mode::Eval, &mut masks);
        for (x, logit) in x.data().iter().zip(logits.value().data()) {
            let [d, best] = [logit, &(2.0 * x)].map(|l| 1.0 / (1.0 + (-l).exp()));
            assert!((d - best).abs() < 0.05, "D({x}) = {d}, the optimal D is {best}");
        }
    }
}
