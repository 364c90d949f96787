//! Trains small GANs and conditional GANs of the crates adjoint-gan and adjoint-cgan, and compares
//! them with PyTorch. Training starts from the weights of PyTorch and uses its images, labels and
//! noise. The losses of every step must agree, and all parameters and buffers at the end.

use crate::compare::relative_error;
use crate::fixture::{Case, Layout, read};
use adjoint_adversarial::{
    Condition, Descent, Discriminator, Game, Generator, Label, Penalty, Round, Settings, Update,
};
use adjoint_cgan::{Body, cgan};
use adjoint_gan::gan;
use adjoint_nn::layers::{Dropout, Norm};
use adjoint_nn::objective::AdversarialLoss;
use adjoint_nn::{Module, Named};
use adjoint_tensor::{Element, Tensor};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The settings in which the recorded runs differ.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Run {
    networks: Networks,
    /// The name of the loss, as a flag of the trainers has it.
    loss: String,
    optimizer: Rule,
    simultaneous: bool,
    /// Does D use spectral normalisation?
    spectral: bool,
    /// Weight of the R1 penalty; 0 for no penalty.
    r1: f64,
    penalty_every: u64,
    /// Weight in G's loss of the mean of |x - G(z, y)|.
    l1: f64,
}

#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Networks {
    Gan,
    CganMlp,
    CganConv,
    CganImage,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Rule {
    Adam,
    Rmsprop,
}

impl Networks {
    /// Returns the prefix that the initial weights of these networks have in the fixture.
    fn name(self) -> &'static str {
        match self {
            Networks::Gan => "gan",
            Networks::CganMlp => "cgan_mlp",
            Networks::CganConv => "cgan_conv",
            Networks::CganImage => "cgan_image",
        }
    }
}

/// Returns a tensor of PyTorch in the axis order of the engine. `four_axes` is the kind of a tensor
/// with four axes: images or the weight of a convolution.
fn tensor<E: Element>(case: &Case, part: &str, four_axes: Layout) -> Tensor<E> {
    let value = case.tensor(part);
    if value.shape().rank() == 4 { four_axes.to_engine(&value) } else { value }
}

fn load<E: Element>(model: &mut dyn Module<E>, case: &Case, prefix: &str) {
    let parameters: Vec<String> = model.parameters().into_iter().map(|(name, _)| name).collect();
    let mut state = model.state();
    // The initial buffers are equal in both libraries, except the direction of spectral
    // normalisation, which is random. The fixture starts with a direction whose entries are all
    // equal.
    for (name, value) in &mut state {
        if parameters.contains(name) {
            *value = tensor(case, &format!("{prefix}.{name}"), Layout::Weight);
        } else if name.ends_with("spectral.u") {
            *value = Tensor::full(value.shape(), E::of((value.len() as f64).sqrt().recip()));
        }
    }
    model.load_state(&state).expect("the fixture holds every parameter in its shape");
}

/// Returns the largest relative error of a parameter or buffer. The correct values are those of
/// PyTorch in f64.
fn state_error<E: Element>(model: &dyn Module<E>, case: &Case, prefix: &str) -> f64 {
    let theirs = |name: &str| tensor(case, &format!("{prefix}.{name}.f64"), Layout::Weight);
    model.state().iter().map(|(name, ours)| relative_error(ours, &theirs(name))).fold(0.0, f64::max)
}

/// Trains with the settings of `run`. Returns the losses (D, G) of all steps, and the largest
/// relative error of a parameter or buffer at the end.
fn train<E: Element>(case: &Case, name: &str, run: &Run) -> (Tensor<E>, f64) {
    let settings = Settings {
        loss: AdversarialLoss::of_name(&run.loss).expect("a known loss"),
        penalty: if run.r1 == 0.0 { Penalty::None } else { Penalty::R1 },
        penalty_weight: run.r1,
        penalty_every: run.penalty_every,
        update: if run.simultaneous { Update::Simultaneous } else { Update::Alternating },
        descent: match run.optimizer {
            Rule::Adam => Descent::Adam,
            Rule::Rmsprop => Descent::RmsProp,
        },
        beta1: case.attr("beta1"),
        lr: case.attr("lr"),
        reconstruction: run.l1,
        ..Settings::default()
    };
    let size = |name: &str| case.attr::<usize>(name);
    let (g_hidden, d_hidden) = (vec![size("g_hidden")], vec![size("d_hidden")]);
    let d_norm = if run.spectral { Norm::Spectral } else { Norm::None };
    let conditional = |image_size, body, d_norm, (condition, label)| adjoint_cgan::Architecture {
        image_size,
        channels: 1,
        latent: size("latent"),
        condition,
        label,
        classes: size("classes"),
        body,
        d_norm,
        d_dropout: Dropout::default(),
    };
    match run.networks {
        Networks::Gan => {
            let architecture = adjoint_gan::Architecture {
                sample: vec![size("corner"), size("corner"), 1],
                bounded: true,
                latent: size("latent"),
                g_hidden,
                d_hidden,
                g_norm: Norm::None,
                d_norm,
                d_dropout: Dropout::default(),
            };
            play(gan::<E>(&architecture, settings, 0), case, name, run)
        }
        Networks::CganMlp => {
            let body = Body::Mlp { g_hidden, d_hidden };
            let architecture =
                conditional(size("corner"), body, d_norm, (Condition::Class, Label::Embedding));
            play(cgan::<E>(&architecture, settings, 0), case, name, run)
        }
        Networks::CganConv | Networks::CganImage => {
            let told = if run.networks == Networks::CganConv { Condition::Class } else { Condition::Inpaint };
            let body = Body::Conv { width: size("width") };
            let architecture = conditional(size("size"), body, Norm::Batch, (told, Label::OneHot));
            play(cgan::<E>(&architecture, settings, 0), case, name, run)
        }
    }
}

fn play<E: Element, G: Generator<E>, D: Discriminator<E>>(
    mut game: Game<E, G, D>,
    case: &Case,
    name: &str,
    run: &Run,
) -> (Tensor<E>, f64) {
    let networks = run.networks.name();
    load(&mut game.generator, case, &format!("{networks}.generator"));
    load(&mut game.discriminator, case, &format!("{networks}.discriminator"));

    let [mut images, labels, noise] =
        ["images", "labels", "noise"].map(|part| tensor::<E>(case, part, Layout::Image));
    if !matches!(run.networks, Networks::CganConv | Networks::CganImage) {
        let corner = case.attr("corner");
        images = images.narrow(1, 0, corner).narrow(2, 0, corner);
    }
    let (batches, batch) = (case.attr::<usize>("batches"), case.attr("batch"));
    let mut losses = vec![];
    for step in 0..case.attr::<usize>("steps") {
        let [x, y, z] = [&images, &labels, &noise].map(|t| t.narrow(0, step % batches, batch));
        let condition = match run.networks {
            Networks::Gan => None,
            Networks::CganImage => Some(images.narrow(0, (step + 1) % batches, batch)),
            Networks::CganMlp | Networks::CganConv => Some(y),
        };
        let report = game.step(step as u64, [Round { x, z, condition }]);
        losses.extend([report.loss_d + report.penalty.unwrap_or(0.0), report.loss_g].map(E::of));
    }
    let generator = state_error(&game.generator, case, &format!("{name}.generator"));
    let discriminator = state_error(&game.discriminator, case, &format!("{name}.discriminator"));
    (Tensor::from_slice([losses.len() / 2, 2], &losses), generator.max(discriminator))
}

fn runs() -> (Case, BTreeMap<String, Run>) {
    let case = read("games").remove(0);
    let runs: BTreeMap<String, Run> = case.attr("runs");
    assert_eq!(runs.len(), 7);
    (case, runs)
}

#[test]
fn trains_alike_in_f64() {
    let (case, runs) = runs();
    for (name, run) in &runs {
        let (losses, state_error) = train::<f64>(&case, name, run);
        let error = relative_error(&losses, &case.tensor(&format!("{name}.losses.f64")));
        println!("{name}: losses within {error:.1e}, parameters and buffers within {state_error:.1e}");
        assert!(error <= 1e-9 && state_error <= 1e-9, "{name}: losses {error:.1e}, state {state_error:.1e}");
    }
}

#[test]
fn losses_are_alike_in_f32() {
    let (case, runs) = runs();
    for (name, run) in &runs {
        let (losses, _) = train::<f32>(&case, name, run);
        for precision in ["f32", "f64"] {
            let error = relative_error(&losses, &case.tensor(&format!("{name}.losses.{precision}")));
            println!("{name}: losses within {error:.1e} of PyTorch's in {precision}");
            assert!(error <= 1e-3, "{name}: losses {error:.1e} from PyTorch's in {precision}");
        }
    }
}
