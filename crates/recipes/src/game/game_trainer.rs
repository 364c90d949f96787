//! A game for the training loop: its data and noise in each step, its saved state, its logged
//! numbers and its pictures.

use crate::game::{GameArgs, GameConfig, GameData, ImageData, Play, PointData, summary};
use crate::{Conditions, limits};
use adjoint_adversarial::{Discriminator, Game, Generator, Report, Round};
use adjoint_nn::cost::flops;
use adjoint_nn::optim::Gradients;
use adjoint_nn::{Ema, Mode, Module, Stream, Tensor, Var, no_grad};
use adjoint_runs::{
    BoxError, CommonArgs, Figures, Image, NamedTensors, Panel, Stop, Trainable, join_parts, plot, take_part,
    warn,
};
use std::iter;

/// Maximum number of batches on which V(D, G) is measured after training.
const VALUE_BATCHES: u64 = 20;

/// A game with its data, in training.
pub struct GameTrainer<G: Generator<f32>, D: Discriminator<f32>> {
    players: Players<G, D>,
    data: Box<dyn GameData>,
    /// Base learning rate. In each step, the schedule multiplies it by a factor.
    lr: f64,
    /// Number of steps of the run.
    steps: u64,
}

/// The networks of a game, the moving average of G's weights, and the flags.
struct Players<G: Generator<f32>, D: Discriminator<f32>> {
    game: Game<f32, G, D>,
    /// Floating-point operations of G per sample.
    flops: u64,
    ema: Option<Ema<f32>>,
    args: GameArgs,
    common: CommonArgs,
}

impl<G: Generator<f32>, D: Discriminator<f32>> GameTrainer<G, D> {
    /// Returns the trainer of a game with these settings: its initial weights and its data.
    ///
    /// # Errors
    /// If flags contradict each other, the data can't be loaded, or `--d-steps` is larger than the
    /// number of batches in an epoch.
    pub fn new<C: GameConfig<Generator = G, Discriminator = D>>(config: &mut C) -> Result<Self, BoxError> {
        // Check the flags first: a wrong flag should fail before a download.
        let (common, args, summary) = (config.common().clone(), config.game().clone(), summary(config)?);
        args.remarks().for_each(warn);
        limits::memory(summary.step_bytes)?;
        let condition = config.condition();
        let data: Box<dyn GameData> = match config.points() {
            Some(points) => Box::new(PointData::new(points, &common, args.loss)),
            None => Box::new(ImageData::load(config.data_mut(), &common, condition)?),
        };
        let (k, epoch) = (args.d_steps, data.batches_per_epoch());
        if k as u64 > epoch {
            return Err(format!(
                "--d-steps {k}: an epoch has only {epoch} batches; take fewer steps or a smaller --batch-size"
            )
            .into());
        }
        let steps_per_epoch = epoch / k as u64;
        let game = config.build(args.settings(steps_per_epoch)?)?;
        let (lr, steps) = (game.optimizer_g.lr(), common.total_steps(steps_per_epoch));
        let ema = (args.ema > 0.0).then(|| Ema::new(&game.generator, args.ema));
        let players = Players { game, flops: flops(&summary.networks[0].1), ema, args, common };
        Ok(Self { players, data, lr, steps })
    }

    /// Returns the number of steps of D per training step, which is `--d-steps`.
    fn k(&self) -> u64 {
        self.players.args.d_steps as u64
    }

    /// Returns the data and the noise of step `i` of D, counted over all epochs. `purpose` selects
    /// the random stream of the noise.
    ///
    /// # Errors
    /// If the data cannot be read.
    fn round(
        data: &mut dyn GameData,
        args: &GameArgs,
        seed: u64,
        purpose: &str,
        i: u64,
    ) -> Result<Round<f32>, BoxError> {
        let (x, condition) = data.batch(i)?;
        Ok(Round { z: args.noise.draw(seed, purpose, i, [x.dims()[0], args.latent]), x, condition })
    }
}

impl<G: Generator<f32>, D: Discriminator<f32>> Play for Players<G, D> {
    fn sample(&mut self, z: &Tensor<f32>, condition: Conditions) -> Tensor<f32> {
        let (z, condition) = (Var::constant(z.clone()), condition.cloned().map(Var::constant));
        let sample = |g: &mut G| g.generate(&z, condition.as_ref(), Mode::Eval).into_value();
        no_grad(|| match &mut self.ema {
            Some(ema) => ema.with(&mut self.game.generator, sample),
            None => sample(&mut self.game.generator),
        })
    }

    fn sample_flops(&self) -> u64 {
        self.flops
    }

    fn judge(&mut self, x: &Tensor<f32>, condition: Conditions) -> Tensor<f32> {
        let (x, condition) = (Var::constant(x.clone()), condition.cloned().map(Var::constant));
        // Dropout is inactive in evaluation mode, so its masks are not used.
        let mut masks = Stream::new(0, "dropout", 0);
        no_grad(|| self.game.discriminator.judge(&x, condition.as_ref(), Mode::Eval, &mut masks).into_value())
    }

    fn noise(&self, purpose: &str, rows: usize) -> Tensor<f32> {
        self.args.noise.draw(self.common.seed, purpose, 0, [rows, self.args.latent])
    }
}

/// Returns the gradient of a loss with respect to the weights of one network. Names start with
/// that of the network.
fn gradients(network: &str, loss: Var<f32>, module: &dyn Module<f32>) -> NamedTensors {
    let gradients = Gradients::of(loss, module);
    gradients.iter().map(|(name, gradient)| (format!("{network}/{name}"), gradient.clone())).collect()
}

impl<G: Generator<f32>, D: Discriminator<f32>> Trainable for GameTrainer<G, D> {
    /// Returns the number of training steps per pass through the data. A training step takes one
    /// batch for each step of D. Remaining batches, which are too few for a training step, are not
    /// counted.
    fn steps_per_epoch(&self) -> u64 {
        self.data.batches_per_epoch() / self.k()
    }

    fn interval(&self) -> u64 {
        limits::interval(self.steps_per_epoch())
    }

    fn images_per_step(&self) -> u64 {
        self.players.common.batch_size as u64 * self.k()
    }

    fn step(&mut self, step: u64) -> Result<Figures, BoxError> {
        let (k, data) = (self.k(), &mut *self.data);
        let Players { game, ema, args, common, .. } = &mut self.players;
        let lr = self.lr * args.lr_schedule.factor(step, self.steps);
        let mut round = |i| Self::round(data, args, common.seed, "noise", i);
        // `others` is lazy, so few of the k batches of this step are in memory at once. If one of
        // them fails, the step ends early, and its result is not used.
        let (first, mut read) = (round(step * k)?, Ok(()));
        let others =
            (step * k + 1..(step + 1) * k).map_while(|i| round(i).map_err(|error| read = Err(error)).ok());
        game.optimizer_g.set_lr(lr);
        game.optimizer_d.set_lr(lr);
        let report = game.step(step, iter::once(first).chain(others));
        read?;
        if let Some(ema) = ema {
            ema.update(&game.generator);
        }
        let Report { loss_d, penalty, loss_g, value, d_real, d_fake, gradient_d, gradient_g } = report;
        let mut figures = Figures::from([
            ("loss_d", loss_d),
            ("loss_g", loss_g),
            ("d_real", d_real),
            ("d_fake", d_fake),
            ("value", value),
            ("gradient_d", gradient_d),
            ("gradient_g", gradient_g),
        ]);
        penalty.into_iter().for_each(|penalty| figures.push("penalty", penalty));
        Ok(figures)
    }

    fn epoch_figures(&mut self, _epoch: u64, stop: Stop) -> Result<Option<Figures>, BoxError> {
        self.data.epoch_figures(&mut self.players, stop)
    }

    /// Returns V(D, G) and the value of V at the equilibrium, where D = 1/2 (Goodfellow et al.
    /// 2014, theorem 1). Both are omitted if the output of D is not a logit. Also returns the
    /// numbers that are measured at the end of an epoch.
    fn final_figures(&mut self, stop: Stop) -> Result<Option<Figures>, BoxError> {
        let Players { game, args, common, .. } = &mut self.players;
        let mut figures = Figures::default();
        if args.loss.is_on_logits() {
            let batches = VALUE_BATCHES.min(self.data.batches_per_epoch());
            let mut sum = 0.0;
            for i in 0..batches {
                // Checking once per batch is enough: a batch is less work than a step of training.
                if stop() {
                    return Ok(None);
                }
                sum += game.value(i, Self::round(&mut *self.data, args, common.seed, "noise/value", i)?);
            }
            figures.push("value", sum / batches as f64);
            figures.push("value_at_equilibrium", -(4f64.ln()));
        }
        let Some(of_data) = self.data.epoch_figures(&mut self.players, stop)? else { return Ok(None) };
        figures.append(of_data);
        Ok(Some(figures))
    }

    fn pictures(&mut self) -> Result<Vec<(&'static str, Image)>, BoxError> {
        self.data.pictures(&mut self.players)
    }

    fn state(&self) -> NamedTensors {
        let Players { game, ema, .. } = &self.players;
        let parts = [
            ("generator", game.generator.state()),
            ("discriminator", game.discriminator.state()),
            ("optimizer_g", game.optimizer_g.state()),
            ("optimizer_d", game.optimizer_d.state()),
        ];
        join_parts(parts.into_iter().chain(ema.as_ref().map(|ema| ("ema", ema.state()))))
    }

    fn load_state(&mut self, state: NamedTensors) -> Result<(), BoxError> {
        let (part, Players { game, ema, .. }) = (|part| take_part(&state, part), &mut self.players);
        game.generator.load_state(&part("generator"))?;
        game.discriminator.load_state(&part("discriminator"))?;
        game.optimizer_g.load_state(&part("optimizer_g"))?;
        game.optimizer_d.load_state(&part("optimizer_d"))?;
        if let Some(ema) = ema {
            ema.load_state(&part("ema"))?;
        }
        Ok(())
    }

    fn networks(&self) -> Vec<(&'static str, NamedTensors)> {
        let Players { game, ema, .. } = &self.players;
        let mut networks =
            vec![("generator", game.generator.state()), ("discriminator", game.discriminator.state())];
        networks.extend(ema.as_ref().map(|ema| ("generator_ema", ema.average().clone())));
        networks
    }

    fn gradients(&mut self, step: u64) -> Result<NamedTensors, BoxError> {
        let (k, Players { game, args, common, .. }) = (self.k(), &mut self.players);
        let round = Self::round(&mut *self.data, args, common.seed, "noise", step * k)?;
        // A forward pass updates the statistics of batch norm and the vectors of spectral norm.
        let states = [game.generator.state(), game.discriminator.state()];
        let [loss_d, loss_g] = game.losses(step, round);
        let of_g = gradients("generator", loss_g, &game.generator);
        let of_d = gradients("discriminator", loss_d, &game.discriminator);
        game.generator.load_state(&states[0])?;
        game.discriminator.load_state(&states[1])?;
        Ok([of_g, of_d].concat())
    }

    fn panels(&self) -> &'static [Panel] {
        plot::ADVERSARIAL
    }

    fn records(&mut self) -> Vec<(&'static str, String)> {
        self.data.records()
    }

    fn sample_command(&self) -> Option<(&'static str, &'static str)> {
        Some(self.data.sample_command())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cgan, unreadable};
    use adjoint_data::{Batches, PixelRange, Split};

    type Trainer = GameTrainer<adjoint_cgan::Generator<f32>, adjoint_cgan::Discriminator<f32>>;

    /// Returns a trainer of image conditions, with training images and test images of which one
    /// cannot be read. A step of D has `batch` images.
    fn trainer(batch: usize, d_steps: usize) -> Trainer {
        let [batch, d_steps] = [batch, d_steps].map(|number| number.to_string());
        let fixed = "train-cgan --task inpaint --arch conv --width 2 --image-size 16 --steps 1";
        let flags = fixed.split(' ').chain(["--batch-size", &batch, "--d-steps", &d_steps]);
        let mut settings: cgan::Settings = adjoint_runs::parse(flags).expect("these are its flags");
        let mut trainer = GameTrainer::new(&mut settings).unwrap();
        let [train, test] = [Split::Train, Split::Test].map(unreadable::dataset);
        let condition = settings.condition();
        let size = settings.common.batch_size;
        let batches = Batches::new(train, size, 1, PixelRange::Symmetric).unwrap();
        trainer.data = Box::new(ImageData::of_batches(batches, Some(test), 1, condition));
        trainer
    }

    /// Training, measurements and pictures fail with the error of the dataset.
    #[test]
    fn an_image_that_cannot_be_read_is_an_error() {
        let fails = |error: BoxError| assert_eq!(error.to_string(), unreadable::SAID);
        fails(trainer(8, 1).step(0).unwrap_err());
        fails(trainer(8, 1).epoch_figures(1, &|| false).unwrap_err());
        fails(trainer(8, 1).final_figures(&|| false).unwrap_err());
        fails(trainer(8, 1).pictures().unwrap_err());
    }

    /// A step that takes the images one after another fails too, unless none of them is image 5.
    #[test]
    fn a_step_fails_if_any_of_its_batches_does() {
        let error = trainer(1, 8).step(0).unwrap_err();
        assert_eq!(error.to_string(), unreadable::SAID);
        let mut trainer = trainer(1, 1);
        let read = (0..8).filter(|&step| trainer.step(step).is_ok()).count();
        assert_eq!(read, 7);
    }
}
