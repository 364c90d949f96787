//! One training step: Algorithm 1 of Goodfellow et al. 2014. It does not depend on the layers of
//! the networks ([`players`](crate::players)).

mod draws;

use crate::{Discriminator, Generator, Penalty, Report, Round, Settings, Update};
use adjoint_nn::Mode::Train;
use adjoint_nn::objective::{gan_value, gradient_penalty, r1};
use adjoint_nn::optim::{Gradients, Optimizer};
use adjoint_nn::{Element, Stream, Var, no_grad};
use draws::Draws;

/// The two players and their optimisers.
pub struct Game<E: Element, G: Generator<E>, D: Discriminator<E>> {
    /// G.
    pub generator: G,
    /// D.
    pub discriminator: D,
    /// The optimiser of G's parameters theta_g.
    pub optimizer_g: Optimizer<E>,
    /// The optimiser of D's parameters theta_d.
    pub optimizer_d: Optimizer<E>,
    settings: Settings,
    seed: u64,
}

/// D's input in one of its steps: data, samples and the conditions of both.
struct Batch<E: Element> {
    real: Var<E>,
    fake: Var<E>,
    condition: Option<Var<E>>,
}

/// D's loss and the values of its terms.
struct Objective<E: Element> {
    loss: Var<E>,
    /// The value of the loss without the penalty.
    game: f64,
    /// The value of the penalty, in steps that have one.
    penalty: Option<f64>,
}

impl<E: Element, G: Generator<E>, D: Discriminator<E>> Game<E, G, D> {
    /// Creates a game between networks with initialised weights. Each step draws the noise on D's
    /// input, the dropout masks and the interpolation factors of gradient penalties from streams of
    /// `seed`.
    pub fn new(generator: G, discriminator: D, settings: Settings, seed: u64) -> Self {
        Game {
            optimizer_g: settings.optimizer(&generator),
            optimizer_d: settings.optimizer(&discriminator),
            generator,
            discriminator,
            settings,
            seed,
        }
    }

    /// Runs training step `number`, counted from 0: one step of D for each of the k `rounds`, then
    /// one step of G on the noise of the last round.
    ///
    /// # Panics
    /// If there is no round, or if a shape does not match the networks.
    #[track_caller]
    pub fn step(&mut self, number: u64, rounds: impl IntoIterator<Item = Round<E>>) -> Report {
        let mut rounds = rounds.into_iter().peekable();
        let mut draws = Draws::new(self.seed, self.settings.instance_noise, number);
        let last = loop {
            let Some(round) = rounds.next() else { panic!("a training step needs data and noise") };
            if rounds.peek().is_none() {
                break round;
            }
            // G is not updated in this round, so its graph is not needed.
            let batch = no_grad(|| self.generate(round));
            self.discriminator_step(&batch, &mut draws);
        };
        let batch = self.generate(last);
        match self.settings.update {
            Update::Alternating => {
                let (gradients, report) = self.discriminator_step(&batch, &mut draws);
                let report = Report { gradient_d: gradients.norm(), ..report };
                drop(gradients);
                let fake = self.judge(&batch.fake, &batch, &mut draws);
                let loss = self.generator_loss(&batch, &fake);
                drop((batch, fake));
                self.descend_generator(loss, report)
            }
            Update::Simultaneous => {
                let logits = self.judge_both(&batch, &mut draws);
                let loss = self.generator_loss(&batch, &logits[1]);
                let (gradients, report) = self.discriminator_gradients(&batch, logits, &mut draws);
                drop(batch);
                let report = self.descend_generator(loss, report);
                self.optimizer_d.step(&gradients, &mut self.discriminator);
                Report { gradient_d: gradients.norm(), ..report }
            }
        }
    }

    /// Updates theta_d to minimise D's loss, by default  -1/m sum \[log D(x) + log(1 - D(G(z)))\].
    fn discriminator_step(&mut self, batch: &Batch<E>, draws: &mut Draws) -> (Gradients<E>, Report) {
        let logits = self.judge_both(batch, draws);
        let (gradients, report) = self.discriminator_gradients(batch, logits, draws);
        self.optimizer_d.step(&gradients, &mut self.discriminator);
        (gradients, report)
    }

    /// Updates theta_g to minimise G's loss, and adds the loss and the gradient norm to the report.
    /// The gradients with respect to theta_d are not computed.
    fn descend_generator(&mut self, loss: Var<E>, report: Report) -> Report {
        let gradients = Gradients::of(loss, &self.generator);
        self.optimizer_g.step(&gradients, &mut self.generator);
        Report { loss_g: gradients.loss(), gradient_g: gradients.norm(), ..report }
    }

    /// Returns the gradients of D's loss, and a report on D. In the report, the loss and the
    /// gradient norm of G are NaN; they are computed later. The gradient norm of D is NaN too; it
    /// is computed only in the last round of a step.
    fn discriminator_gradients(
        &mut self,
        batch: &Batch<E>,
        logits: [Var<E>; 2],
        draws: &mut Draws,
    ) -> (Gradients<E>, Report) {
        let Objective { loss, game, penalty } = self.discriminator_loss(batch, &logits, draws);
        let value = no_grad(|| gan_value(&logits[0], &logits[1])).item();
        let [d_real, d_fake] = logits.each_ref().map(mean_probability);
        // Drop the logits so that no graph shares D's weights. Then the optimiser updates them in
        // place.
        drop(logits);
        let gradients = Gradients::of(loss, &self.discriminator);
        let report = Report {
            loss_d: game,
            penalty,
            loss_g: f64::NAN,
            value,
            d_real,
            d_fake,
            gradient_d: f64::NAN,
            gradient_g: f64::NAN,
        };
        (gradients, report)
    }

    /// Returns D's loss, by default  -1/m sum \[log D(x) + log(1 - D(G(z)))\].
    fn discriminator_loss(
        &mut self,
        batch: &Batch<E>,
        [real, fake]: &[Var<E>; 2],
        draws: &mut Draws,
    ) -> Objective<E> {
        let Settings { loss, label_smoothing, penalty, penalty_weight, penalty_every, .. } = self.settings;
        let game = loss.discriminator(real, fake, label_smoothing);
        let is_due = (self.optimizer_d.steps() + 1).is_multiple_of(penalty_every);
        let (c, d) = (batch.condition.as_ref(), &mut self.discriminator);
        let weight = penalty_every as f64 * penalty_weight;
        let critic = |x: &Var<E>| d.judge(x, c, Train, &mut draws.masks);
        let (x, fake) = (batch.real.value(), batch.fake.value());
        let penalty = match penalty {
            Penalty::Gp if is_due => {
                let eps = draws.penalty.uniform_tensor([x.dims()[0]], 0.0, 1.0);
                gradient_penalty(critic, x, fake, &eps, weight)
            }
            Penalty::R1 if is_due => r1(critic, x, weight),
            _ => return Objective { game: game.item(), loss: game, penalty: None },
        };
        Objective { game: game.item(), penalty: Some(penalty.item()), loss: game + penalty }
    }

    /// Returns G's loss, by default  -1/m sum log D(G(z)), from D's logits of the samples.
    fn generator_loss(&self, batch: &Batch<E>, fake: &Var<E>) -> Var<E> {
        let loss = self.settings.loss.generator(fake);
        match self.settings.reconstruction {
            0.0 => loss,
            weight => loss + weight * (&batch.real - &batch.fake).abs().mean(),
        }
    }

    /// Generates samples and returns them with the data of the round.
    fn generate(&mut self, round: Round<E>) -> Batch<E> {
        let [real, z] = [round.x, round.z].map(Var::constant);
        let condition = round.condition.map(Var::constant);
        let fake = self.generator.generate(&z, condition.as_ref(), Train);
        Batch { real, fake, condition }
    }

    /// Returns D's logits of x, which is the data or the samples of the batch.
    fn judge(&mut self, x: &Var<E>, batch: &Batch<E>, draws: &mut Draws) -> Var<E> {
        self.discriminator.judge(&draws.noisy(x), batch.condition.as_ref(), Train, &mut draws.masks)
    }

    /// Returns D's logits of data and samples. Each goes through D as a separate batch, because
    /// batch norm must not mix their statistics.
    fn judge_both(&mut self, batch: &Batch<E>, draws: &mut Draws) -> [Var<E>; 2] {
        [&batch.real, &batch.fake].map(|x| self.judge(x, batch, draws))
    }

    /// Returns the losses of D and G in training step `number`, at the current parameters.
    ///
    /// # Panics
    /// If a shape does not match the networks.
    #[track_caller]
    pub fn losses(&mut self, number: u64, round: Round<E>) -> [Var<E>; 2] {
        let mut draws = Draws::new(self.seed, self.settings.instance_noise, number);
        let batch = self.generate(round);
        let logits = self.judge_both(&batch, &mut draws);
        let loss_d = self.discriminator_loss(&batch, &logits, &mut draws).loss;
        [loss_d, self.generator_loss(&batch, &logits[1])]
    }

    /// Returns V(D, G) on a round. Batch norm uses the statistics of the data and of the samples in
    /// this round. Dropout uses the masks of stream `index`. D's input has no noise. No state is
    /// changed.
    ///
    /// # Panics
    /// If a shape does not match the networks.
    #[track_caller]
    pub fn value(&mut self, index: u64, round: Round<E>) -> f64 {
        let (own_g, own_d) = (self.generator.state(), self.discriminator.state());
        let value = no_grad(|| {
            let Batch { real, fake, condition } = self.generate(round);
            let mut masks = Stream::new(self.seed, "dropout/value", index);
            let mut judge = |x: &Var<E>| self.discriminator.judge(x, condition.as_ref(), Train, &mut masks);
            gan_value(&judge(&real), &judge(&fake)).item()
        });
        self.generator.load_state(&own_g).expect("the state was taken from the same network");
        self.discriminator.load_state(&own_d).expect("the state was taken from the same network");
        value
    }
}

/// Returns the mean of D = sigma(logit).
fn mean_probability<E: Element>(logits: &Var<E>) -> f64 {
    let values = logits.value().data();
    values.iter().map(|l| l.sigmoid().f64()).sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests;
