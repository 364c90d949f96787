//! Trains small VAEs of the crate adjoint-vae and compares them with PyTorch. Training starts from
//! the weights of PyTorch and uses its images and noise. The losses of every step must agree, and
//! all parameters and buffers at the end. There is a run for each of three bounds, and one run with
//! convolutions.

use crate::compare::relative_error;
use crate::fixture::{Case, Layout, read};
use adjoint_nn::Module;
use adjoint_tensor::{Element, Tensor};
use adjoint_vae::{Activation, Architecture, Body, vae};
use adjoint_variational::{Likelihood, Objective, Settings};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The settings in which the recorded runs differ.
#[derive(Deserialize)]
struct Run {
    iwae: bool,
    gaussian: bool,
    classes: usize,
    conv: bool,
}

/// Returns a parameter or buffer of PyTorch in the axis order of the engine. A tensor with four
/// axes is the weight of a convolution.
fn weight<E: Element>(case: &Case, part: &str) -> Tensor<E> {
    let value = case.tensor(part);
    if value.shape().rank() == 4 { Layout::Weight.to_engine(&value) } else { value }
}

/// Trains with the settings of `run`. Returns the losses of all steps, and the largest relative
/// error of a parameter or buffer at the end.
fn train<E: Element>(case: &Case, name: &str, run: &Run) -> (Tensor<E>, f64) {
    let size = |name: &str| case.attr::<usize>(name);
    let (batch, k) = (size("batch"), size("k"));
    let (pixels, body) = match run.conv {
        true => (size("side"), Body::Conv { width: size("width") }),
        false => (size("size"), Body::Mlp { hidden: vec![size("hidden")], activation: Activation::Tanh }),
    };
    let architecture =
        Architecture { image_size: pixels, channels: 1, latent: size("latent"), classes: run.classes, body };
    let settings = Settings {
        likelihood: if run.gaussian { Likelihood::Gaussian } else { Likelihood::Bernoulli },
        objective: if run.iwae { Objective::Iwae } else { Objective::Elbo },
        k,
        lr: case.attr("lr"),
        ..Settings::default()
    };
    let mut model = vae::<E>(&architecture, settings, 0);
    let parameters: Vec<String> = model.networks.parameters().into_iter().map(|(name, _)| name).collect();
    let mut start = model.networks.state();
    // The initial buffers are equal in both libraries, because they are not random.
    for (parameter, value) in start.iter_mut().filter(|(parameter, _)| parameters.contains(parameter)) {
        *value = weight(case, &format!("{name}.{parameter}"));
    }
    model.networks.load_state(&start).expect("the fixture holds every parameter in its shape");

    let [images, labels, noise] = ["images", "labels", "noise"].map(|part| case.tensor::<E>(part));
    let large = images.reshape([size("large"), size("side") * size("side")]);
    let large = Tensor::concat(&[&large, &large], 0);
    let mut losses = vec![];
    for i in (0..images.dims()[0]).step_by(batch) {
        let x = match run.conv {
            true => large.narrow(0, i / batch % size("large"), batch),
            false => images.narrow(0, i, batch),
        };
        let x = x.reshape([batch, pixels, pixels, 1]);
        let labels = (run.classes > 0).then(|| labels.narrow(0, i, batch));
        let report = model.step(x, labels, &noise.narrow(0, i * k, batch * k), case.attr("beta"));
        losses.push(E::of(report.loss));
    }
    let theirs = |parameter: &str| weight(case, &format!("{name}.{parameter}.f64"));
    let errors = model.networks.state().into_iter().map(|(p, ours)| relative_error(&ours, &theirs(&p)));
    (Tensor::from_slice([losses.len()], &losses), errors.fold(0.0, f64::max))
}

fn runs() -> (Case, BTreeMap<String, Run>) {
    let case = read("vae").remove(0);
    let runs: BTreeMap<String, Run> = case.attr("runs");
    assert_eq!(runs.len(), 4);
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
