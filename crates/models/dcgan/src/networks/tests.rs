use super::*;
use adjoint_adversarial::{Penalty, Round};
use adjoint_nn::cost::parameters;
use adjoint_nn::layers::{Dropout, LEAKY_SLOPE, Norm};
use adjoint_nn::objective::AdversarialLoss;
use adjoint_nn::{Mode, Module, Stream, Tensor, Var, gradcheck};

fn small() -> Architecture {
    Architecture { image_size: 16, channels: 1, width: 4, latent: 8, ..Architecture::default() }
}

fn round<E: Element>(a: &Architecture, batch: usize, step: u64) -> Round<E> {
    let size = a.image_size;
    let x = Stream::new(1, "data", step).uniform_tensor([batch, size, size, a.channels], -1.0, 1.0);
    Round::new(x, Stream::new(1, "noise", step).uniform_tensor([batch, a.latent], -1.0, 1.0))
}

#[test]
fn the_networks_mirror_each_other_at_every_size() {
    for (image_size, channels) in [(28, 1), (32, 3), (64, 1), (45, 3)] {
        let a = Architecture { image_size, channels, width: 2, latent: 5, ..Architecture::default() };
        let mut m = dcgan::<f32>(&a, Settings::default(), 0);
        let Round { x, z, .. } = round(&a, 2, 0);
        let fake = m.generator.forward(&Var::constant(z), Mode::Eval);
        assert_eq!(fake.dims(), x.dims());
        assert!(fake.value().data().iter().all(|p| p.abs() <= 1.0));
        let mut masks = Stream::new(1, "masks", 0);
        assert_eq!(m.discriminator.forward(&fake, Mode::Eval, &mut masks).dims(), [2]);
    }
}

/// The network in the paper's figure 1 has 1024, 512, 256 and 128 channels. With width 128 the
/// generator has these channels, and both networks have the matching number of parameters.
#[test]
fn parameter_counts_are_those_of_the_paper() {
    let a = Architecture::default();
    let conv = |i: usize, o: usize| 16 * i * o;
    let g = conv(100, 1024) + conv(1024, 512) + conv(512, 256) + conv(256, 128) + conv(128, 3);
    let norms = 2 * (1024 + 512 + 256 + 128);
    assert_eq!(Generator::<f32>::new(&a).num_parameters(), g + norms);
    let d = conv(3, 128) + conv(128, 256) + conv(256, 512) + conv(512, 1024) + conv(1024, 1);
    assert_eq!(Discriminator::<f32>::new(&a).num_parameters(), d + 2 * (256 + 512 + 1024));
}

#[test]
fn costs_have_the_parameters_of_the_networks() {
    for (image_size, channels, width) in [(28, 1, 8), (32, 3, 4), (64, 3, 8), (45, 1, 2)] {
        let a = Architecture { image_size, channels, width, ..Architecture::default() };
        let (g, d) = (Generator::<f32>::new(&a), Discriminator::<f32>::new(&a));
        assert_eq!(parameters(&a.generator_costs()), g.num_parameters() as u64);
        assert_eq!(parameters(&a.discriminator_costs()), d.num_parameters() as u64);
        let image = a.generator_costs().pop().map(|c| c.output);
        assert_eq!(image, Some(vec![image_size, image_size, channels]));
    }
}

/// Each large layer of a DCGAN-64 with width 64 needs 2 x 64 x 128 x 16 x 16^2 = 67.1 MFLOP per
/// image.
#[test]
fn flops_are_two_per_tap_channel_and_output() {
    let a = Architecture { width: 64, ..Architecture::default() };
    let (costs_g, costs_d) = (a.generator_costs(), a.discriminator_costs());
    let [g, d] = [&costs_g, &costs_d].map(|costs| costs.iter().map(|c| c.flops).collect::<Vec<_>>());
    assert_eq!(d, [6_291_456, 67_108_864, 67_108_864, 67_108_864, 16_384]);
    assert_eq!(g, [1_638_400, 67_108_864, 67_108_864, 67_108_864, 6_291_456]);
    let (sum_d, sum_g) = (d.iter().sum::<u64>(), g.iter().sum::<u64>());
    let step = adjoint_adversarial::cost::step_flops(&costs_g, &costs_d, 1, 1);
    assert_eq!(step, 8 * sum_d + 3 * sum_g - 2 * d[0] - g[0]);
}

/// Before training, D's weights are small and D(x) is about 1/2. So V is about -log 4 and G's
/// loss is about log 2.
#[test]
fn the_first_losses_are_those_of_ignorance() {
    let mut m = dcgan::<f64>(&small(), Settings::default(), 3);
    let r = m.step(0, [round(&small(), 16, 0)]);
    assert!((r.loss_d - 4f64.ln()).abs() < 0.1 && (r.loss_g - 2f64.ln()).abs() < 0.1, "{r:?}");
    assert!((r.d_real - 0.5).abs() < 0.05 && (r.d_fake - 0.5).abs() < 0.05, "{r:?}");
}

/// Checks the gradients of losses and penalties with respect to all parameters of D and G,
/// through convolutions and each normalisation.
#[test]
fn whole_losses_have_the_gradients_of_central_differences() {
    let (gp, r1) = (Penalty::Gp, Penalty::R1);
    let cases = [
        (AdversarialLoss::NonSaturating, Penalty::None, Norm::Batch),
        (AdversarialLoss::Minimax, r1, Norm::Batch),
        (AdversarialLoss::LeastSquares, Penalty::None, Norm::Spectral),
        (AdversarialLoss::Hinge, r1, Norm::Spectral),
        (AdversarialLoss::Wasserstein, gp, Norm::None),
        (AdversarialLoss::Wasserstein, gp, Norm::Batch),
    ];
    for (loss, penalty, d_norm) in cases {
        let a = Architecture { width: 2, d_norm, d_dropout: Dropout::new(0.1), ..small() };
        let penalty_weight = if penalty == gp { 10.0 } else { 2.0 };
        let settings = Settings { loss, penalty, penalty_weight, ..Settings::default() };
        // The weights are ten times larger than the paper's, with which all logits would be
        // almost 0.
        let mut game = dcgan::<f64>(&a, settings, 5);
        let grow = &mut |name: &str, slot: adjoint_nn::SlotMut<'_, f64>| {
            if name.ends_with("conv.weight") || name == "logit.weight" || name == "image.weight" {
                let value = slot.into_value();
                *value = value.map(|w| 10.0 * w);
            }
        };
        game.generator.visit_mut("", grow);
        game.discriminator.visit_mut("", grow);
        // Power iteration treats u and v as constants. This is exact only after they have
        // converged.
        (0..200).for_each(|_| _ = game.losses(0, round(&a, 3, 0)));
        let name = format!("{loss} {penalty:?} {d_norm:?}");
        gradcheck::assert_model(
            &format!("{name}, D"),
            &mut game,
            |game| &mut game.discriminator,
            |game| game.losses(0, round(&a, 3, 0))[0].clone(),
        );
        gradcheck::assert_model(
            &format!("{name}, G"),
            &mut game,
            |game| &mut game.generator,
            |game| game.losses(0, round(&a, 3, 0))[1].clone(),
        );
    }
}

/// The data are images of one gray value. G's images must come close to this value with each
/// setting.
#[test]
fn learns_to_make_a_constant() {
    let base = Settings { lr: 2e-3, ..Settings::default() };
    let cases = [
        (base, Norm::Batch),
        (Settings { penalty: Penalty::R1, penalty_weight: 1.0, penalty_every: 4, ..base }, Norm::None),
        (Settings { loss: AdversarialLoss::Hinge, ..base }, Norm::Spectral),
    ];
    for (settings, d_norm) in cases {
        let a = Architecture { d_norm, ..small() };
        let mut m = dcgan::<f32>(&a, settings, 3);
        for i in 0..150 {
            let mut round = round(&a, 16, i);
            round.x = round.x.map(|_| 0.75);
            m.step(i, [round]);
        }
        let z = round::<f32>(&a, 16, 1000).z;
        let pictures = m.generator.forward(&Var::constant(z), Mode::Eval).into_value();
        let mean = pictures.data().iter().sum::<f32>() / pictures.len() as f32;
        assert!((mean - 0.75).abs() < 0.25, "mean gray value {mean} with {settings:?}, {d_norm:?}");
    }
}

/// A case computed by hand. One pixel of the image is x. The two channels of the first layer are x
/// and -x before the activation. A feature of the second layer is the sum of the channels with the
/// weights a and b. With x = 2 the channels are 2 and, after the activation, -0.4. Guided
/// backpropagation drops a negative gradient (a < 0). It also drops the gradient of a channel that
/// is below 0, for either sign of b. The ordinary gradient includes both.
#[test]
fn guided_backpropagation_lets_through_what_speaks_for_a_feature() {
    let a = Architecture { d_norm: Norm::None, width: 2, ..small() };
    let mut x = Tensor::<f64>::zeros([1, 16, 16, 1]);
    x.data_mut()[5 * 16 + 5] = 2.0;
    for (weights, seed, feature, guided, gradient) in [
        ([3.0, -1.0], 1.0, 6.4, 3.0, 3.2),
        ([3.0, 5.0], 1.0, 4.0, 3.0, 2.0),
        ([-1.0, -30.0], 1.0, 10.0, 0.0, 5.0),
        ([3.0, -1.0], -1.0, 6.4, 0.0, -3.2),
        ([-3.0, 1.0], 1.0, -6.4 * LEAKY_SLOPE, 0.0, -3.2 * LEAKY_SLOPE),
    ] {
        let mut d = Discriminator::<f64>::new(&a);
        // Along each axis, tap 2 of output position 2 is at pixel 2 * 2 - 1 + 2 = 5 of the
        // image. Tap 1 of output position 1 in the next layer is at position 2. Kernels are
        // HWIO.
        d.visit_mut("", &mut |name, slot| {
            let kernel = slot.into_value().data_mut();
            kernel.fill(0.0);
            match name {
                "blocks.0.conv.weight" => kernel[(2 * 4 + 2) * 2..][..2].copy_from_slice(&[1.0, -1.0]),
                "blocks.1.conv.weight" => (0..2).for_each(|i| kernel[((4 + 1) * 2 + i) * 4] = weights[i]),
                _ => {}
            }
        });
        let of = |d: &mut Discriminator<f64>, x: f64| {
            let mut image = Tensor::zeros([1, 16, 16, 1]);
            image.data_mut()[5 * 16 + 5] = x;
            d.features(&Var::constant(image), 2).into_value()
        };
        let features = of(&mut d, 2.0);
        let place = (4 + 1) * 4;
        assert!((features.data()[place] - feature).abs() < 1e-12, "{weights:?}: {}", features.data()[place]);
        let slope = (of(&mut d, 2.5).data()[place] - feature) / 0.5 * seed;
        assert!((slope - gradient).abs() < 1e-12, "{weights:?}: gradient {slope}");
        let mut weight = features.map(|_| 0.0);
        weight.data_mut()[place] = seed;
        let picture = d.guided_backpropagation(&x, 2, &weight);
        let mut want = x.map(|_| 0.0);
        want.data_mut()[5 * 16 + 5] = guided;
        assert!(picture.data() == want.data(), "{weights:?}, seed {seed}");
    }
}

/// If all weights and all inputs of activations are positive, guided backpropagation equals the
/// gradient.
#[test]
fn guided_backpropagation_is_the_gradient_where_all_is_positive() {
    let a = Architecture { d_norm: Norm::None, ..small() };
    let mut d = dcgan::<f64>(&a, Settings::default(), 1).discriminator;
    let x = round::<f64>(&a, 2, 0).x;
    let seed = |d: &mut Discriminator<f64>, x: &Tensor<f64>, layer| {
        Stream::new(1, "seed", 0).uniform_tensor(
            d.features(&Var::constant(x.clone()), layer).shape(),
            0.1,
            1.0,
        )
    };
    d.visit_mut("", &mut |_, slot| {
        let value = slot.into_value();
        *value = value.map(f64::abs);
    });
    let x = x.map(f64::abs);
    let layer = d.depth();
    let seed = seed(&mut d, &x, layer);
    let guided = d.guided_backpropagation(&x, layer, &seed);
    // The expected values are differences, which are exact because the features are linear in x
    // here.
    let weighted = |d: &mut Discriminator<f64>, x: &Tensor<f64>| {
        let features = d.features(&Var::constant(x.clone()), layer).into_value();
        features.data().iter().zip(seed.data()).map(|(f, s)| f * s).sum::<f64>()
    };
    let base = weighted(&mut d, &x);
    for i in [0, 100, 300, 511] {
        let mut moved = x.clone();
        moved.data_mut()[i] += 1.0;
        let slope = weighted(&mut d, &moved) - base;
        assert!((guided.data()[i] - slope).abs() <= 1e-9 * slope, "{} instead of {slope}", guided.data()[i]);
    }
}
