//! One training step.

use crate::{Architecture, Discriminator, Generator};
use adjoint_nn::Mode::Train;
use adjoint_nn::objective::AdversarialLoss;
use adjoint_nn::optim::{Adam, Optimizer};
use adjoint_nn::{Element, Scheme, Tensor, Var, no_grad};

/// What the two players minimise, and how they descend.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// The losses of D and G.
    pub loss: AdversarialLoss,
    /// Adam's step size.
    pub lr: f64,
    /// Adam's decay of the first moment.
    pub beta1: f64,
    /// One-sided label smoothing (0: none).
    pub label_smoothing: f64,
}

impl Default for Settings {
    /// The paper's (DCGAN, section 4).
    fn default() -> Self {
        Settings { loss: AdversarialLoss::NonSaturating, lr: 2e-4, beta1: 0.5, label_smoothing: 0.0 }
    }
}

/// Adam's step size for networks of a width, given one for the paper's width of 128 channels: inversely proportional to the
/// width. Adam moves each weight by about its step size, whatever the gradient, and a channel sums over all channels
/// before it: with fewer of them each must move further for the same change of the sum (Yang et al. 2022, Tensor Programs V,
/// table 3: Adam's rate of hidden weights is proportional to 1 / fan-in). So one step size suits all widths.
pub fn step_size(at_width_128: f64, width: usize) -> f64 {
    at_width_128 * 128.0 / width as f64
}

/// What a step found: D's figures from before its last step, G's loss against the D of after it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Report {
    /// What D minimised, in its last step.
    pub loss_d: f64,
    /// What G minimised.
    pub loss_g: f64,
    /// Mean of D(x) = sigma(D's output) over the data. Where D's output is no logit (least squares, hinge) it only says
    /// on which side D sees the data.
    pub d_real: f64,
    /// Mean of D(G(z)), likewise.
    pub d_fake: f64,
}

/// The two players and their optimisers.
pub struct Dcgan<E: Element> {
    /// G.
    pub generator: Generator<E>,
    /// D.
    pub discriminator: Discriminator<E>,
    /// Adam on theta_g.
    pub adam_g: Optimizer<E>,
    /// Adam on theta_d.
    pub adam_d: Optimizer<E>,
    settings: Settings,
}

impl<E: Element> Dcgan<E> {
    /// A model with its first weights, drawn from streams of `seed`.
    ///
    /// # Panics
    /// If the images are too small for a pyramid.
    #[track_caller]
    pub fn new(architecture: &Architecture, settings: Settings, seed: u64) -> Self {
        let (mut generator, mut discriminator) =
            (Generator::new(architecture), Discriminator::new(architecture));
        Scheme::dcgan().apply(&mut generator, "generator", seed);
        Scheme::dcgan().apply(&mut discriminator, "discriminator", seed);
        let adam = Adam { beta1: settings.beta1, ..Adam::default() };
        Dcgan {
            adam_g: Optimizer::new(&generator, settings.lr, adam),
            adam_d: Optimizer::new(&discriminator, settings.lr, adam),
            generator,
            discriminator,
            settings,
        }
    }

    /// One iteration of Algorithm 1 (Goodfellow et al. 2014). For each of the k pairs of data x (N, H, W, C) and noise
    /// z (N, latent) that `rounds` gives one step of D; then one of G, on the last noise.
    ///
    /// # Panics
    /// If there is no pair, or shapes are not those of the networks.
    #[track_caller]
    pub fn step(&mut self, rounds: impl IntoIterator<Item = (Tensor<E>, Tensor<E>)>) -> Report {
        let mut rounds = rounds.into_iter().peekable();
        let (x, z) = loop {
            let Some((x, z)) = rounds.next() else { panic!("a training step needs data and noise") };
            if rounds.peek().is_none() {
                break (x, z);
            }
            // G does not move in this round: its graph is not needed.
            let fake = no_grad(|| self.generator.forward(&Var::constant(z), Train));
            self.discriminator_step(x, &fake);
        };
        let fake = self.generator.forward(&Var::constant(z), Train);
        let (loss_d, d_real, d_fake) = self.discriminator_step(x, &fake);
        let loss_g = self.generator_step(fake);
        Report { loss_d, loss_g, d_real, d_fake }
    }

    /// Descends over theta_d, by default  -1/m sum \[log D(x) + log(1 - D(G(z)))\].
    fn discriminator_step(&mut self, x: Tensor<E>, fake: &Var<E>) -> (f64, f64, f64) {
        let d = &mut self.discriminator;
        // Data and samples are batches of their own: batch norm must not mix their statistics.
        let real = d.forward(&Var::constant(x), Train);
        let fake = d.forward(fake, Train);
        let (d_real, d_fake) = (mean_probability(&real), mean_probability(&fake));
        let loss = self.settings.loss.discriminator(&real, &fake, self.settings.label_smoothing);
        drop((real, fake));
        (self.adam_d.descend(loss, d), d_real, d_fake)
    }

    /// Descends over theta_g, by default  -1/m sum log D(G(z)), through D, whose own gradients nobody asks for.
    fn generator_step(&mut self, fake: Var<E>) -> f64 {
        let logits = self.discriminator.forward(&fake, Train);
        // All that holds G's weights must be gone when they move: then they move in place.
        drop(fake);
        let loss = self.settings.loss.generator(&logits);
        drop(logits);
        self.adam_g.descend(loss, &mut self.generator)
    }
}

/// Mean of D = sigma(logit).
fn mean_probability<E: Element>(logits: &Var<E>) -> f64 {
    let values = logits.value().data();
    values.iter().map(|l| l.sigmoid().f64()).sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use adjoint_nn::{Mode, Module, Stream};

    const SMALL: Architecture = Architecture { image_size: 16, channels: 1, width: 4, latent: 8 };

    fn round<E: Element>(a: &Architecture, batch: usize, step: u64) -> (Tensor<E>, Tensor<E>) {
        let size = a.image_size;
        let x = Stream::new(1, "data", step).uniform_tensor([batch, size, size, a.channels], -1.0, 1.0);
        (x, Stream::new(1, "noise", step).uniform_tensor([batch, a.latent], -1.0, 1.0))
    }

    #[test]
    fn the_networks_mirror_each_other_at_every_size() {
        for (image_size, channels) in [(28, 1), (32, 3), (64, 1), (45, 3)] {
            let a = Architecture { image_size, channels, width: 2, latent: 5 };
            let mut m = Dcgan::<f32>::new(&a, Settings::default(), 0);
            let (x, z) = round(&a, 2, 0);
            let fake = m.generator.forward(&Var::constant(z), Mode::Eval);
            assert_eq!(fake.dims(), x.dims());
            assert!(fake.value().data().iter().all(|p| p.abs() <= 1.0));
            assert_eq!(m.discriminator.forward(&fake, Mode::Eval).dims(), [2]);
        }
    }

    /// The paper's figure 1 has 1024, 512, 256, 128 channels; with width 128 so have we, and its parameters.
    #[test]
    fn parameter_counts_are_those_of_the_paper() {
        let a = Architecture { image_size: 64, channels: 3, width: 128, latent: 100 };
        let conv = |i: usize, o: usize| 16 * i * o;
        let g = conv(100, 1024) + conv(1024, 512) + conv(512, 256) + conv(256, 128) + conv(128, 3);
        let norms = 2 * (1024 + 512 + 256 + 128);
        assert_eq!(Generator::<f32>::new(&a).num_parameters(), g + norms);
        let d = conv(3, 128) + conv(128, 256) + conv(256, 512) + conv(512, 1024) + conv(1024, 1);
        assert_eq!(Discriminator::<f32>::new(&a).num_parameters(), d + 2 * (256 + 512 + 1024));
    }

    #[test]
    fn the_step_size_is_the_papers_at_its_width() {
        assert_eq!([128, 64, 16].map(|width| step_size(Settings::default().lr, width)), [2e-4, 4e-4, 1.6e-3]);
    }

    /// At the start D knows nothing: D = 1/2 up to its small weights, so V = -log 4 and G's loss is log 2.
    #[test]
    fn the_first_losses_are_those_of_ignorance() {
        let mut m = Dcgan::<f64>::new(&SMALL, Settings::default(), 3);
        let r = m.step([round(&SMALL, 16, 0)]);
        assert!((r.loss_d - 4f64.ln()).abs() < 0.1 && (r.loss_g - 2f64.ln()).abs() < 0.1, "{r:?}");
        assert!((r.d_real - 0.5).abs() < 0.05 && (r.d_fake - 0.5).abs() < 0.05, "{r:?}");
    }

    /// A D step moves theta_d alone, a G step theta_g alone (and both the running statistics they pass).
    #[test]
    fn each_player_moves_its_own_weights() {
        let weights = |m: &dyn Module<f64>| -> Vec<f64> {
            m.parameters().iter().flat_map(|(_, p)| p.value().data().to_vec()).collect()
        };
        let mut m = Dcgan::<f64>::new(&SMALL, Settings::default(), 3);
        let (x, z) = round(&SMALL, 4, 0);
        let (g0, d0) = (weights(&m.generator), weights(&m.discriminator));
        let fake = m.generator.forward(&Var::constant(z), Train);
        m.discriminator_step(x, &fake);
        let d1 = weights(&m.discriminator);
        assert!(weights(&m.generator) == g0 && d1 != d0);
        m.generator_step(fake);
        assert!(weights(&m.generator) != g0 && weights(&m.discriminator) == d1);
    }

    #[test]
    fn learns_to_tell_a_constant_from_noise() {
        let mut m = Dcgan::<f32>::new(&SMALL, Settings { lr: 2e-3, ..Settings::default() }, 3);
        let step = |m: &mut Dcgan<f32>, i| {
            let (x, z) = round(&SMALL, 16, i);
            m.step([(x.map(|_| 0.75), z)])
        };
        let first = step(&mut m, 0);
        let last = (1..150).map(|i| step(&mut m, i)).last().unwrap_or(first);
        // G has only to learn one grey: its pictures must have come close to it.
        let (_, z) = round::<f32>(&SMALL, 16, 1000);
        let pictures = m.generator.forward(&Var::constant(z), Mode::Eval).into_value();
        let mean = pictures.data().iter().sum::<f32>() / pictures.len() as f32;
        assert!((mean - 0.75).abs() < 0.25, "mean grey {mean}, {first:?} to {last:?}");
    }
}
