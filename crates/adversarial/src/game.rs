//! One training step: Algorithm 1 of Goodfellow et al. 2014.

use crate::{Penalty, Settings, Update};
use adjoint_nn::Mode::Train;
use adjoint_nn::objective::{gan_value, gradient_penalty, r1};
use adjoint_nn::optim::{Gradients, Optimizer};
use adjoint_nn::{Element, Mode, Module, Stream, Tensor, Var, no_grad};

/// G.
pub trait Generator<E: Element>: Module<E> {
    /// Samples from noise z (N, latent) and, if there is one, a condition: a row or an image for each.
    fn generate(&mut self, z: &Var<E>, condition: Option<&Var<E>>, mode: Mode) -> Var<E>;
}

/// D.
pub trait Discriminator<E: Element>: Module<E> {
    /// One logit a sample, (N), of "this is data", given the condition if there is one. D(x) is its sigmoid. `masks` says what
    /// dropout drops.
    fn judge(&mut self, x: &Var<E>, condition: Option<&Var<E>>, mode: Mode, masks: &mut Stream) -> Var<E>;
}

/// What one step of D sees: data, noise for as many samples, and the condition of both.
#[derive(Clone, Debug)]
pub struct Round<E: Element> {
    /// Data.
    pub x: Tensor<E>,
    /// Noise, (N, latent).
    pub z: Tensor<E>,
    /// What is known of each datum, and asked of each sample.
    pub condition: Option<Tensor<E>>,
}

/// What a step found: D's figures from before its last step, G's loss against the D that G moved against.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Report {
    /// What D minimised in its last step, but for the penalty.
    pub loss_d: f64,
    /// The penalty with its weight, in steps in which it counts.
    pub penalty: Option<f64>,
    /// What G minimised.
    pub loss_g: f64,
    /// V(D, G). As D(x), it says little where D's output is no logit (least squares, hinge, Wasserstein).
    pub value: f64,
    /// Mean of D(x) = sigma(D's output) over the data. Where D's output is no logit it only says on which side D sees the data.
    pub d_real: f64,
    /// Mean of D(G(z)), likewise.
    pub d_fake: f64,
    /// Euclidean norm of D's gradient.
    pub gradient_d: f64,
    /// Euclidean norm of G's.
    pub gradient_g: f64,
}

/// The two players and their optimisers.
pub struct Game<E: Element, G: Generator<E>, D: Discriminator<E>> {
    /// G.
    pub generator: G,
    /// D.
    pub discriminator: D,
    /// Moves theta_g.
    pub optimizer_g: Optimizer<E>,
    /// Moves theta_d.
    pub optimizer_d: Optimizer<E>,
    settings: Settings,
    seed: u64,
}

/// What D minimises.
struct Objective<E: Element> {
    loss: Var<E>,
    /// Its value without the penalty, and that of the penalty if it counts.
    game: f64,
    penalty: Option<f64>,
}

/// What D thinks of data and samples, in numbers.
struct Judged {
    value: f64,
    real: f64,
    fake: f64,
}

impl<E: Element, G: Generator<E>, D: Discriminator<E>> Game<E, G, D> {
    /// A game between networks with their first weights. What a step draws itself (noise on D's input, dropout) comes from streams of
    /// `seed`.
    pub fn new(generator: G, discriminator: D, settings: Settings, seed: u64) -> Self {
        Game {
            optimizer_g: settings.descent.optimizer(&generator, settings.lr),
            optimizer_d: settings.descent.optimizer(&discriminator, settings.lr),
            generator,
            discriminator,
            settings,
            seed,
        }
    }

    /// Training step `number`, counted from 0. For each of the k `rounds` one step of D; then one of G, on the noise of the last.
    ///
    /// # Panics
    /// If there is no round, or shapes are not those of the networks.
    #[track_caller]
    pub fn step(&mut self, number: u64, rounds: impl IntoIterator<Item = Round<E>>) -> Report {
        let mut rounds = rounds.into_iter().peekable();
        let mut streams = Streams::of(self.seed, number);
        let sigma = self.settings.instance_noise.at(number);
        let last = loop {
            let Some(round) = rounds.next() else { panic!("a training step needs data and noise") };
            if rounds.peek().is_none() {
                break round;
            }
            // G does not move in this round: its graph is not needed.
            let (x, z, condition) = round.vars();
            let fake = no_grad(|| self.generator.generate(&z, condition.as_ref(), Train));
            let seen = Seen { x, fake, condition };
            let logits = self.judge(&seen, sigma, &mut streams);
            let loss = self.discriminator_loss(&seen, &logits, &mut streams).loss;
            drop((seen, logits));
            self.optimizer_d.descend(loss, &mut self.discriminator);
        };
        let (x, z, condition) = last.vars();
        let fake = self.generator.generate(&z, condition.as_ref(), Train);
        let seen = Seen { x, fake, condition };
        match self.settings.update {
            Update::Alternating => {
                let report = self.discriminator_step(&seen, sigma, &mut streams);
                let (loss_g, gradient_g) = self.generator_step(seen, sigma, &mut streams);
                Report { loss_g, gradient_g, ..report }
            }
            Update::Simultaneous => self.simultaneous_step(seen, sigma, &mut streams),
        }
    }

    /// D's logits of data and samples. They are batches of their own: batch norm must not mix their statistics.
    fn judge(&mut self, seen: &Seen<E>, sigma: f64, streams: &mut Streams) -> [Var<E>; 2] {
        let c = seen.condition.as_ref();
        [&seen.x, &seen.fake]
            .map(|x| self.discriminator.judge(&streams.blur(x, sigma), c, Train, &mut streams.masks))
    }

    /// What D minimises, by default  -1/m sum \[log D(x) + log(1 - D(G(z)))\].
    fn discriminator_loss(
        &mut self,
        seen: &Seen<E>,
        [real, fake]: &[Var<E>; 2],
        streams: &mut Streams,
    ) -> Objective<E> {
        let Settings { loss, label_smoothing, penalty, penalty_every, .. } = self.settings;
        let game = loss.discriminator(real, fake, label_smoothing);
        let counts = (self.optimizer_d.steps() + 1).is_multiple_of(penalty_every);
        let (c, d, every) = (seen.condition.as_ref(), &mut self.discriminator, penalty_every as f64);
        let critic = |x: &Var<E>| d.judge(x, c, Train, &mut streams.masks);
        let (x, fake) = (seen.x.value(), seen.fake.value());
        let penalty = match penalty {
            Penalty::Gp(lambda) if counts => {
                let eps = streams.penalty.uniform_tensor([x.dims()[0]], 0.0, 1.0);
                gradient_penalty(critic, x, fake, &eps, every * lambda)
            }
            Penalty::R1(gamma) if counts => r1(critic, x, every * gamma),
            _ => return Objective { game: game.item(), loss: game, penalty: None },
        };
        Objective { game: game.item(), penalty: Some(penalty.item()), loss: game + penalty }
    }

    /// Descends over theta_d. G's figures are still to come.
    fn discriminator_step(&mut self, seen: &Seen<E>, sigma: f64, streams: &mut Streams) -> Report {
        let logits = self.judge(seen, sigma, streams);
        let Objective { loss, game, penalty } = self.discriminator_loss(seen, &logits, streams);
        let Judged { value, real, fake } = Judged::of(&logits);
        // All that holds D's weights must be gone when they move: then they move in place.
        drop(logits);
        let gradients = Gradients::of(loss, &self.discriminator);
        self.optimizer_d.step(&gradients, &mut self.discriminator);
        Report {
            loss_d: game,
            penalty,
            loss_g: f64::NAN,
            value,
            d_real: real,
            d_fake: fake,
            gradient_d: gradients.norm(),
            gradient_g: f64::NAN,
        }
    }

    /// Descends over theta_g, by default  -1/m sum log D(G(z)), through D, whose own gradients nobody asks for.
    fn generator_step(&mut self, seen: Seen<E>, sigma: f64, streams: &mut Streams) -> (f64, f64) {
        let blurred = streams.blur(&seen.fake, sigma);
        let logits = self.discriminator.judge(&blurred, seen.condition.as_ref(), Train, &mut streams.masks);
        let loss = self.generator_loss(&seen, &logits);
        drop((seen, blurred, logits));
        self.descend_generator(loss)
    }

    /// What G minimises.
    fn generator_loss(&self, seen: &Seen<E>, fake: &Var<E>) -> Var<E> {
        let loss = self.settings.loss.generator(fake);
        match self.settings.reconstruction {
            0.0 => loss,
            weight => loss + weight * (&seen.x - &seen.fake).abs().mean(),
        }
    }

    fn descend_generator(&mut self, loss: Var<E>) -> (f64, f64) {
        let gradients = Gradients::of(loss, &self.generator);
        self.optimizer_g.step(&gradients, &mut self.generator);
        (gradients.loss(), gradients.norm())
    }

    /// What both minimise in training step `number`, at the point where both are.
    ///
    /// # Panics
    /// If shapes are not those of the networks.
    #[track_caller]
    pub fn losses(&mut self, number: u64, round: Round<E>) -> [Var<E>; 2] {
        let (x, z, condition) = round.vars();
        let fake = self.generator.generate(&z, condition.as_ref(), Train);
        let sigma = self.settings.instance_noise.at(number);
        let mut streams = Streams::of(self.seed, number);
        let (seen, streams) = (Seen { x, fake, condition }, &mut streams);
        let logits = self.judge(&seen, sigma, streams);
        let loss_d = self.discriminator_loss(&seen, &logits, streams).loss;
        [loss_d, self.generator_loss(&seen, &logits[1])]
    }

    /// Both gradients first, then both moves.
    fn simultaneous_step(&mut self, seen: Seen<E>, sigma: f64, streams: &mut Streams) -> Report {
        let logits = self.judge(&seen, sigma, streams);
        let Objective { loss, game, penalty } = self.discriminator_loss(&seen, &logits, streams);
        let loss_g = self.generator_loss(&seen, &logits[1]);
        let Judged { value, real, fake } = Judged::of(&logits);
        drop((seen, logits));
        let gradients = Gradients::of(loss, &self.discriminator);
        let (loss_g, gradient_g) = self.descend_generator(loss_g);
        self.optimizer_d.step(&gradients, &mut self.discriminator);
        Report {
            loss_d: game,
            penalty,
            loss_g,
            value,
            d_real: real,
            d_fake: fake,
            gradient_d: gradients.norm(),
            gradient_g,
        }
    }

    /// V(D, G) on a round, with the statistics of its batches and what dropout number `index` drops, but no noise on what D sees. Leaves
    /// everything as it was.
    ///
    /// # Panics
    /// If shapes are not those of the networks.
    #[track_caller]
    pub fn value(&mut self, index: u64, round: Round<E>) -> f64 {
        let (own_g, own_d) = (self.generator.state(), self.discriminator.state());
        let (x, z, condition) = round.vars();
        let c = condition.as_ref();
        let value = no_grad(|| {
            let fake = self.generator.generate(&z, c, Train);
            let mut masks = Stream::new(self.seed, "dropout/value", index);
            let mut judge = |x: &Var<E>| self.discriminator.judge(x, c, Train, &mut masks);
            gan_value(&judge(&x), &judge(&fake)).item()
        });
        self.generator.load_state(&own_g).expect("it is its own state");
        self.discriminator.load_state(&own_d).expect("it is its own state");
        value
    }
}

impl<E: Element> Round<E> {
    /// Data and noise without a condition.
    pub fn new(x: Tensor<E>, z: Tensor<E>) -> Self {
        Round { x, z, condition: None }
    }

    fn vars(self) -> (Var<E>, Var<E>, Option<Var<E>>) {
        (Var::constant(self.x), Var::constant(self.z), self.condition.map(Var::constant))
    }
}

/// What D is shown.
struct Seen<E: Element> {
    x: Var<E>,
    fake: Var<E>,
    condition: Option<Var<E>>,
}

/// What a step draws itself.
struct Streams {
    noise: Stream,
    masks: Stream,
    penalty: Stream,
}

impl Streams {
    fn of(seed: u64, step: u64) -> Self {
        let stream = |purpose| Stream::new(seed, purpose, step);
        Streams { noise: stream("instance noise"), masks: stream("dropout"), penalty: stream("penalty") }
    }

    /// x with noise of this standard deviation.
    fn blur<E: Element>(&mut self, x: &Var<E>, sigma: f64) -> Var<E> {
        if sigma == 0.0 {
            return x.clone();
        }
        x + Var::constant(self.noise.normal_tensor(x.shape(), 0.0, sigma))
    }
}

impl Judged {
    fn of<E: Element>([real, fake]: &[Var<E>; 2]) -> Self {
        let value = no_grad(|| gan_value(real, fake)).item();
        Judged { value, real: mean_probability(real), fake: mean_probability(fake) }
    }
}

/// Mean of D = sigma(logit).
fn mean_probability<E: Element>(logits: &Var<E>) -> f64 {
    let values = logits.value().data();
    values.iter().map(|l| l.sigmoid().f64()).sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    //! On the Dirac-GAN (Mescheder et al. 2018, definition 2.1): data is always 0, G's sample is its one parameter theta, D is
    //! psi x. Everything about it can be said in closed form.

    use super::*;
    use crate::{Descent, Noise};
    use adjoint_nn::objective::AdversarialLoss;
    use adjoint_nn::{Param, module, param::Role};

    struct Theta<E: Element> {
        theta: Param<E>,
    }
    module!(Theta { theta });

    impl<E: Element> Generator<E> for Theta<E> {
        fn generate(&mut self, z: &Var<E>, _condition: Option<&Var<E>>, _mode: Mode) -> Var<E> {
            self.theta.var().reshape([1, 1]).expand([z.dims()[0], 1])
        }
    }

    struct Psi<E: Element> {
        psi: Param<E>,
    }
    module!(Psi { psi });

    impl<E: Element> Discriminator<E> for Psi<E> {
        fn judge(&mut self, x: &Var<E>, _c: Option<&Var<E>>, _mode: Mode, _masks: &mut Stream) -> Var<E> {
            (x * self.psi.var().reshape([1, 1])).reshape([x.dims()[0]])
        }
    }

    const LR: f64 = 0.1;

    fn plain() -> Settings {
        Settings { loss: AdversarialLoss::Minimax, descent: Descent::Sgd, lr: LR, ..Settings::default() }
    }

    fn dirac(settings: Settings, theta: f64, psi: f64) -> Game<f64, Theta<f64>, Psi<f64>> {
        let param = |name: &str, value| {
            let mut param = Param::new([1], Role::Shift);
            param.load_state(&[(String::new(), Tensor::full([1], value))]).expect(name);
            param
        };
        let (g, d) = (Theta { theta: param("theta", theta) }, Psi { psi: param("psi", psi) });
        Game::new(g, d, settings, 7)
    }

    fn at(game: &Game<f64, Theta<f64>, Psi<f64>>) -> [f64; 2] {
        [game.generator.theta.value().item(), game.discriminator.psi.value().item()]
    }

    fn round(x: f64) -> Round<f64> {
        Round::new(Tensor::full([4, 1], x), Tensor::zeros([4, 1]))
    }

    fn sigmoid(l: f64) -> f64 {
        1.0 / (1.0 + (-l).exp())
    }

    #[track_caller]
    fn near(got: [f64; 2], want: [f64; 2]) {
        assert!(got.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-12), "{got:?} for {want:?}");
    }

    /// V = -log 2 + log(1 - sigma(psi theta)): its slopes are -sigma theta by psi and -sigma psi by theta.
    #[test]
    fn alternating_players_answer_each_other() {
        let (theta, psi) = (1.0, 0.5);
        let mut game = dirac(plain(), theta, psi);
        let report = game.step(0, [round(0.0)]);
        let new_psi = psi - LR * sigmoid(psi * theta) * theta;
        let new_theta = theta + LR * sigmoid(new_psi * theta) * new_psi;
        near(at(&game), [new_theta, new_psi]);
        near(
            [report.value, report.loss_g],
            [0.5f64.ln() + (1.0 - sigmoid(0.5)).ln(), (1.0 - sigmoid(new_psi)).ln()],
        );
        near([report.d_real, report.d_fake], [0.5, sigmoid(0.5)]);
        near([report.gradient_d, report.gradient_g], [sigmoid(0.5), sigmoid(new_psi) * new_psi]);
        assert_eq!(report.loss_d, -report.value);
    }

    #[test]
    fn simultaneous_players_move_from_where_both_were() {
        let (theta, psi) = (1.0, 0.5);
        let mut game = dirac(Settings { update: Update::Simultaneous, ..plain() }, theta, psi);
        let report = game.step(0, [round(0.0)]);
        let slope = sigmoid(psi * theta);
        near(at(&game), [theta + LR * slope * psi, psi - LR * slope * theta]);
        near([report.gradient_d, report.gradient_g], [slope * theta, slope * psi]);
    }

    #[test]
    fn d_takes_k_steps_for_one_of_g() {
        let (theta, mut psi) = (1.0, 0.5);
        let mut game = dirac(plain(), theta, psi);
        game.step(0, [round(0.0), round(0.0), round(0.0)]);
        (0..3).for_each(|_| psi -= LR * sigmoid(psi * theta) * theta);
        near(at(&game), [theta + LR * sigmoid(psi * theta) * psi, psi]);
    }

    /// Both circle the equilibrium (0, 0) for ever (there, section 2); with R1 they reach it (there, section 4.1).
    #[test]
    fn a_penalty_makes_the_players_converge() {
        let run = |penalty| {
            let mut game = dirac(Settings { penalty, ..plain() }, 1.0, 1.0);
            (0..2000).for_each(|step| _ = game.step(step, [round(0.0)]));
            let [theta, psi] = at(&game);
            theta.hypot(psi)
        };
        assert!(run(Penalty::None) > 0.5);
        assert!(run(Penalty::R1(1.0)) < 1e-6);
    }

    /// R1 of D(x) = psi x is gamma/2 psi^2, and WGAN-GP's lambda (|psi| - 1)^2, whatever x.
    #[test]
    fn penalties_count_as_often_and_as_much_as_they_should() {
        let psi_after = |penalty, penalty_every, steps: u64| {
            let mut game = dirac(Settings { penalty, penalty_every, ..plain() }, 0.0, 0.5);
            (0..steps).for_each(|step| _ = game.step(step, [round(0.0)]));
            at(&game)[1]
        };
        // theta starts at 0, so the first step has no other slope.
        near([psi_after(Penalty::R1(3.0), 1, 1), 0.0], [0.5 - LR * 3.0 * 0.5, 0.0]);
        near([psi_after(Penalty::Gp(2.0), 1, 1), 0.0], [0.5 + LR * 2.0 * 2.0 * 0.5, 0.0]);
        // In every second step only: not in the first, and twofold in the second, by which theta is still near 0.
        near([psi_after(Penalty::R1(3.0), 2, 1), 0.0], [0.5, 0.0]);
        let two = psi_after(Penalty::R1(3.0), 2, 2);
        assert!((two - (0.5 - LR * 2.0 * 3.0 * 0.5)).abs() < 0.01, "{two}");
    }

    /// Noise on what D sees changes its step, by the stream of the step alone; and is gone when it should be.
    #[test]
    fn instance_noise_is_seen_by_d() {
        let instance_noise = Noise { sigma: 0.5, steps: 10 };
        let after = |settings, step| {
            let mut game = dirac(settings, 1.0, 0.5);
            game.step(step, [round(0.0)]);
            at(&game)
        };
        let noisy = Settings { instance_noise, ..plain() };
        assert_eq!(after(noisy, 3), after(noisy, 3));
        assert!(after(noisy, 3) != after(noisy, 4) && after(noisy, 3) != after(plain(), 3));
        assert_eq!(after(noisy, 10), after(plain(), 10));
    }

    /// G's loss has |x - theta| in it: with a weight it goes to the datum and stays about there.
    #[test]
    fn reconstruction_pulls_to_the_datum() {
        let mut game = dirac(
            Settings { reconstruction: 1.0, loss: AdversarialLoss::NonSaturating, ..plain() },
            1.0,
            0.0,
        );
        game.step(0, [round(3.0)]);
        // D moves first: by the data up, by the sample down, half of each at psi = 0.
        let psi = LR * (0.5 * 3.0 - 0.5 * 1.0);
        near(at(&game), [1.0 + LR * (1.0 + (1.0 - sigmoid(psi)) * psi), psi]);
    }

    /// At (0, 0) neither can do better: V is -log 4. Asking for it changes nothing.
    #[test]
    fn the_value_at_the_equilibrium() {
        let mut game = dirac(plain(), 0.0, 0.0);
        assert!((game.value(0, round(0.0)) + 4f64.ln()).abs() < 1e-15);
        near(at(&game), [0.0, 0.0]);
        game.step(0, [round(0.0)]);
        near(at(&game), [0.0, 0.0]);
    }

    #[test]
    #[should_panic(expected = "a training step needs data and noise")]
    fn a_step_needs_data() {
        dirac(plain(), 0.0, 0.0).step(0, []);
    }
}
