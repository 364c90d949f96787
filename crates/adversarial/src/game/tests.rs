//! Tests on the Dirac-GAN (Mescheder et al. 2018, definition 2.1). The data are always 0, G's
//! sample is its one parameter theta, and D's logit is psi x. Every value has a closed form.

use super::*;
use crate::{Descent, Noise};
use adjoint_nn::objective::AdversarialLoss;
use adjoint_nn::{Mode, Module, Param, Tensor, module, param::Role};

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
    assert!(got.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-12), "{got:?} != {want:?}");
}

/// V = -log 2 + log(1 - s) with s = sigma(psi theta). Its derivatives are
/// -s theta with respect to psi and -s psi with respect to theta.
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

/// Without a penalty the parameters circle the equilibrium (0, 0) forever (Mescheder et al. 2018,
/// section 2). With R1 they converge to it (section 4.1).
#[test]
fn a_penalty_makes_the_players_converge() {
    let run = |penalty| {
        let mut game = dirac(Settings { penalty, ..plain() }, 1.0, 1.0);
        (0..2000).for_each(|step| _ = game.step(step, [round(0.0)]));
        let [theta, psi] = at(&game);
        theta.hypot(psi)
    };
    assert!(run(Penalty::None) > 0.5);
    assert!(run(Penalty::R1) < 1e-6);
}

/// For D(x) = psi x, R1 is gamma/2 psi^2 and the penalty of WGAN-GP is lambda (|psi| - 1)^2, at
/// every x.
#[test]
fn penalties_count_as_often_and_as_much_as_they_should() {
    let psi_after = |penalty, penalty_weight, penalty_every, steps: u64| {
        let mut game = dirac(Settings { penalty, penalty_weight, penalty_every, ..plain() }, 0.0, 0.5);
        (0..steps).for_each(|step| _ = game.step(step, [round(0.0)]));
        at(&game)[1]
    };
    // theta starts at 0, so the game's own gradient is 0 in the first step.
    near([psi_after(Penalty::R1, 3.0, 1, 1), 0.0], [0.5 - LR * 3.0 * 0.5, 0.0]);
    near([psi_after(Penalty::Gp, 2.0, 1, 1), 0.0], [0.5 + LR * 2.0 * 2.0 * 0.5, 0.0]);
    // With `penalty_every` 2, the first step has no penalty, and the second step has twice the
    // penalty. theta is still close to 0 then.
    near([psi_after(Penalty::R1, 3.0, 2, 1), 0.0], [0.5, 0.0]);
    let two = psi_after(Penalty::R1, 3.0, 2, 2);
    assert!((two - (0.5 - LR * 2.0 * 3.0 * 0.5)).abs() < 0.01, "{two}");
}

/// Noise on D's input changes the step of D. The noise depends only on the stream of the step. It
/// ends after the given number of steps.
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

/// With a reconstruction weight, G's loss includes |x - theta|, which pulls theta towards x.
#[test]
fn reconstruction_pulls_to_the_datum() {
    let mut game =
        dirac(Settings { reconstruction: 1.0, loss: AdversarialLoss::NonSaturating, ..plain() }, 1.0, 0.0);
    game.step(0, [round(3.0)]);
    // D moves first. At psi = 0, the datum adds half its value to the gradient, and the sample
    // subtracts half its value.
    let psi = LR * (0.5 * 3.0 - 0.5 * 1.0);
    near(at(&game), [1.0 + LR * (1.0 + (1.0 - sigmoid(psi)) * psi), psi]);
}

/// (0, 0) is the equilibrium, where V is -log 4. Computing V changes no parameters.
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
