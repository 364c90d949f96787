use super::*;
use adjoint_adversarial::{Condition, Label, Penalty, Round};
use adjoint_nn::layers::Norm;
use adjoint_nn::objective::AdversarialLoss;
use adjoint_nn::{Module, SlotMut, Tensor, gradcheck};

/// A condition of the tests: a class as a one-hot row. The other two are a class as a learned
/// vector, and an image.
const ONE_HOT: (Condition, Label) = (Condition::Class, Label::OneHot);
const EMBEDDING: (Condition, Label) = (Condition::Class, Label::Embedding);
const IMAGE: (Condition, Label) = (Condition::Inpaint, Label::OneHot);

fn small((condition, label): (Condition, Label), body: Body) -> Architecture {
    Architecture {
        image_size: 16,
        channels: 1,
        latent: 3,
        condition,
        label,
        classes: 3,
        body,
        d_norm: Norm::Batch,
        d_dropout: Dropout::default(),
    }
}

fn all() -> Vec<Architecture> {
    let mlp = || Body::Mlp { g_hidden: vec![6], d_hidden: vec![5, 4] };
    let conv = || Body::Conv { width: 2 };
    vec![
        small(ONE_HOT, mlp()),
        small(EMBEDDING, mlp()),
        small(ONE_HOT, conv()),
        small(EMBEDDING, conv()),
        small(IMAGE, conv()),
        Architecture { image_size: 28, channels: 3, ..small(IMAGE, conv()) },
        Architecture { image_size: 45, classes: 2, ..small(ONE_HOT, conv()) },
    ]
}

fn round<E: Element>(a: &Architecture, batch: usize, step: u64) -> Round<E> {
    let image = [batch, a.image_size, a.image_size, a.channels];
    let draw = |purpose, shape: &[usize]| {
        Stream::new(1, purpose, step).uniform_tensor(adjoint_nn::Shape::new(shape), -1.0, 1.0)
    };
    let condition = match a.class_inputs() {
        0 => draw("y", &image),
        k => Tensor::build([batch, k], |rows| {
            rows.iter_mut()
                .enumerate()
                .for_each(|(i, y)| *y = E::of(f64::from(u8::from(i / k % k == i % k))));
        }),
    };
    Round { x: draw("x", &image), z: draw("z", &[batch, a.latent]), condition: Some(condition) }
}

#[test]
fn networks_fit_each_other_and_what_is_counted() {
    for a in all() {
        let mut game = cgan::<f32>(&a, Settings::default(), 1);
        let Round { x, z, condition } = round(&a, 4, 0);
        let (z, y) = (Var::constant(z), Var::constant(condition.unwrap()));
        let fake = game.generator.forward(&z, &y, Mode::Eval);
        assert!(fake.dims() == x.dims() && fake.value().data().iter().all(|p| p.abs() <= 1.0));
        let logits = game.discriminator.forward(&fake, &y, Mode::Eval, &mut Stream::new(1, "masks", 0));
        assert_eq!(logits.dims(), [4]);
        let tables = if a.label == Label::Embedding { 9 } else { 0 };
        let costs = [a.generator_costs(), a.discriminator_costs()];
        let counted = costs.map(|c| adjoint_nn::cost::parameters(&c) + tables);
        let own = [game.generator.num_parameters(), game.discriminator.num_parameters()];
        assert_eq!(counted, own.map(|n| n as u64), "{a:?}");
    }
}

/// Returns a game with weights larger than the initial weights, so that the condition matters.
fn with_large_weights<E: Element>(a: &Architecture, settings: Settings) -> Cgan<E> {
    let mut game = cgan::<E>(a, settings, 5);
    let grow = &mut |name: &str, slot: SlotMut<'_, E>| {
        if matches!(a.body, Body::Conv { .. }) && name.ends_with("weight") && !name.contains("norm") {
            let value = slot.into_value();
            *value = value.map(|w| E::of(10.0) * w);
        }
    };
    game.generator.visit_mut("", grow);
    game.discriminator.visit_mut("", grow);
    game
}

#[test]
fn both_networks_hear_the_condition() {
    for a in all() {
        let mut game = with_large_weights::<f64>(&a, Settings::default());
        let (one, other) = (round::<f64>(&a, 3, 0), round::<f64>(&a, 3, 1));
        let turned = |y: &Tensor<f64>| Tensor::concat(&[&y.narrow(0, 1, 2), &y.narrow(0, 0, 1)], 0);
        let y = one.condition.unwrap();
        let other = if a.condition.is_image() { other.condition.unwrap() } else { turned(&y) };
        let [y, other, z, x] = [y, other, one.z, one.x].map(Var::constant);
        let mut make = |y: &Var<f64>| game.generator.forward(&z, y, Mode::Eval).into_value();
        assert!(make(&y).data() != make(&other).data(), "{a:?}");
        let mut masks = Stream::new(1, "masks", 0);
        let mut judge = |y: &Var<f64>| game.discriminator.forward(&x, y, Mode::Eval, &mut masks).into_value();
        assert!(judge(&y).data() != judge(&other).data(), "{a:?}");
    }
}

#[test]
fn whole_losses_have_the_gradients_of_central_differences() {
    let settings = Settings { reconstruction: 10.0, ..Settings::default() };
    let critic = Settings {
        loss: AdversarialLoss::Wasserstein,
        penalty: Penalty::Gp,
        penalty_weight: 10.0,
        ..settings
    };
    for a in all().into_iter().filter(|a| a.image_size == 16) {
        for settings in [settings, critic] {
            let mut game = with_large_weights::<f64>(&a, settings);
            let d = |game: &mut Cgan<f64>| game.losses(0, round(&a, 3, 0))[0].clone();
            gradcheck::assert_model(&format!("{a:?}, D"), &mut game, |game| &mut game.discriminator, d);
            let g = |game: &mut Cgan<f64>| game.losses(0, round(&a, 3, 0))[1].clone();
            gradcheck::assert_model(&format!("{a:?}, G"), &mut game, |game| &mut game.generator, g);
        }
    }
}

/// Images of class 0 are dark and images of class 1 are bright. G must generate both.
#[test]
fn learns_what_a_class_looks_like() {
    let mlp = small(ONE_HOT, Body::Mlp { g_hidden: vec![32], d_hidden: vec![32] });
    let conv = small(ONE_HOT, Body::Conv { width: 4 });
    for a in [Architecture { d_norm: Norm::None, ..mlp }, conv] {
        let a = Architecture { classes: 2, ..a };
        let settings =
            Settings { lr: 2e-3, penalty: Penalty::R1, penalty_weight: 10.0, ..Settings::default() };
        let mut game = cgan::<f32>(&a, settings, 3);
        let shade = |i: usize| if i.is_multiple_of(2) { -0.7f32 } else { 0.7 };
        let x = Tensor::build([16, 16, 16, 1], |x| {
            x.chunks_mut(256).enumerate().for_each(|(i, image)| image.fill(shade(i)));
        });
        for step in 0..600 {
            let mut round = round(&a, 16, step);
            round.x = x.clone();
            game.step(step, [round]);
        }
        let Round { z, condition, .. } = round::<f32>(&a, 16, 1000);
        let y = Var::constant(condition.unwrap());
        let pictures = game.generator.forward(&Var::constant(z), &y, Mode::Eval).into_value();
        let mean = |image: &[f32]| image.iter().sum::<f32>() / 256.0;
        for pair in pictures.data().chunks(512) {
            let (dark, bright) = (mean(&pair[..256]), mean(&pair[256..]));
            assert!(bright - dark > 0.7, "{dark} where -0.7, {bright} where 0.7 is requested, of {a:?}");
        }
    }
}
