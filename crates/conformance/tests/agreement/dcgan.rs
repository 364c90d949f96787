//! Trains a small DCGAN of the crate adjoint-dcgan and compares it with PyTorch. Training starts
//! from the weights of PyTorch and uses its images and noise. The losses of every step must agree,
//! and all weights and running statistics at the end. One run has twenty steps. The other has ten
//! steps, each with two steps of D.

use crate::compare::relative_error;
use crate::fixture::{Case, Layout, read};
use adjoint_adversarial::{Descent, Round, Settings};
use adjoint_dcgan::{Architecture, dcgan};
use adjoint_nn::Module;
use adjoint_tensor::{Element, Tensor};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The settings in which the recorded runs differ.
#[derive(Deserialize)]
struct Run {
    /// Number of steps of D for each step of G.
    d_steps: usize,
    /// Amount of label smoothing.
    smoothing: f64,
}

/// Returns a tensor of PyTorch in the axis order of the engine. `four_axes` is the kind of a tensor
/// with four axes: images or the weight of a convolution.
fn tensor<E: Element>(case: &Case, part: &str, four_axes: Layout) -> Tensor<E> {
    let value = case.tensor(part);
    if value.shape().rank() == 4 { four_axes.to_engine(&value) } else { value }
}

fn load<E: Element>(model: &mut dyn Module<E>, case: &Case, prefix: &str) {
    let names = model.state().into_iter().map(|(name, _)| name);
    let value = |name: &str| tensor(case, &format!("{prefix}.{name}"), Layout::Weight);
    let state: Vec<_> = names.map(|name| (name.clone(), value(&name))).collect();
    model.load_state(&state).expect("the fixture holds every weight in its shape");
}

/// Returns the largest relative error of a weight or running statistic. The correct values are
/// those of PyTorch in f64.
fn state_error<E: Element>(model: &dyn Module<E>, case: &Case, prefix: &str) -> f64 {
    let theirs = |name: &str| tensor(case, &format!("{prefix}.{name}.f64"), Layout::Weight);
    model.state().iter().map(|(name, ours)| relative_error(ours, &theirs(name))).fold(0.0, f64::max)
}

/// Trains with the settings of `run`. Returns the losses (D, G) of all steps, and the largest
/// relative error of a weight or running statistic at the end.
fn train<E: Element>(case: &Case, name: &str, run: &Run) -> (Tensor<E>, f64) {
    let (batch, size) = (case.attr::<usize>("batch"), |name: &str| case.attr::<usize>(name));
    let architecture = Architecture {
        image_size: size("size"),
        channels: 1,
        width: size("width"),
        latent: size("latent"),
        ..Architecture::default()
    };
    let settings = Settings {
        lr: case.attr("lr"),
        descent: Descent::Adam,
        beta1: case.attr("beta1"),
        label_smoothing: run.smoothing,
        ..Settings::default()
    };
    let mut model = dcgan::<E>(&architecture, settings, 0);
    load(&mut model.generator, case, "generator");
    load(&mut model.discriminator, case, "discriminator");
    let [images, noise] = ["images", "noise"].map(|part| tensor::<E>(case, part, Layout::Image));
    let batches = (0..images.dims()[0]).step_by(batch);
    let batches: Vec<_> =
        batches.map(|i| Round::new(images.narrow(0, i, batch), noise.narrow(0, i, batch))).collect();
    let mut losses = vec![];
    for (step, rounds) in (0..).zip(batches.chunks(run.d_steps)) {
        let report = model.step(step, rounds.iter().cloned());
        losses.extend([report.loss_d, report.loss_g].map(E::of));
    }
    let generator = state_error(&model.generator, case, &format!("{name}.generator"));
    let discriminator = state_error(&model.discriminator, case, &format!("{name}.discriminator"));
    (Tensor::from_slice([losses.len() / 2, 2], &losses), generator.max(discriminator))
}

fn runs() -> (Case, BTreeMap<String, Run>) {
    let case = read("dcgan").remove(0);
    let runs = case.attr("runs");
    (case, runs)
}

#[test]
fn trains_alike_in_f64() {
    let (case, runs) = runs();
    for (name, run) in &runs {
        let (losses, state_error) = train::<f64>(&case, name, run);
        let error = relative_error(&losses, &case.tensor(&format!("{name}.losses.f64")));
        println!(
            "{name}: losses within {error:.1e}, weights and running statistics within {state_error:.1e}"
        );
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
