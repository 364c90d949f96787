//! The VAE that is shipped, in a small size, trained from PyTorch's weights, images and noise: losses at every step, and all
//! parameters at the end. Twenty steps on each of three bounds.

use crate::compare::relative_error;
use crate::fixture::{Case, read};
use adjoint_nn::Module;
use adjoint_tensor::{Element, Tensor};
use adjoint_vae::{Architecture, Body, vae};
use adjoint_variational::{Estimator, Likelihood, Objective, Settings};
use serde::Deserialize;
use std::collections::BTreeMap;

/// How the recorded runs differ.
#[derive(Deserialize)]
struct Run {
    iwae: bool,
    gaussian: bool,
    classes: usize,
}

/// Trains as `run` says. Gives the losses of all steps, and the largest error of a parameter at the end.
fn train<E: Element>(case: &Case, name: &str, run: &Run) -> (Tensor<E>, f64) {
    let size = |name: &str| case.attr::<usize>(name);
    let (batch, k, pixels) = (size("batch"), size("k"), size("size"));
    let body = Body::Mlp { hidden: vec![size("hidden")] };
    let architecture =
        Architecture { image_size: pixels, channels: 1, latent: size("latent"), classes: run.classes, body };
    let elbo = Objective::Elbo { k, estimator: Estimator::Pathwise };
    let settings = Settings {
        likelihood: if run.gaussian { Likelihood::Gaussian { sigma: None } } else { Likelihood::Bernoulli },
        objective: if run.iwae { Objective::Iwae { k } } else { elbo },
        lr: case.attr("lr"),
    };
    let mut model = vae::<E>(&architecture, settings, 0);
    let start = model.networks.state().into_iter().map(|(parameter, _)| {
        let value = case.tensor(&format!("{name}.{parameter}"));
        (parameter, value)
    });
    let start: Vec<_> = start.collect();
    model.networks.load_state(&start).expect("the fixture holds every parameter in its shape");

    let [images, labels, noise] = ["images", "labels", "noise"].map(|part| case.tensor::<E>(part));
    let mut losses = vec![];
    for i in (0..images.dims()[0]).step_by(batch) {
        let x = images.narrow(0, i, batch).reshape([batch, pixels, pixels, 1]);
        let labels = (run.classes > 0).then(|| labels.narrow(0, i, batch));
        let report = model.step(x, labels, &noise.narrow(0, i * k, batch * k), case.attr("beta"));
        losses.push(E::of(report.loss));
    }
    let theirs = |parameter: &str| case.tensor(&format!("{name}.{parameter}.f64"));
    let errors = model.networks.state().into_iter().map(|(p, ours)| relative_error(&ours, &theirs(&p)));
    (Tensor::from_slice([losses.len()], &losses), errors.fold(0.0, f64::max))
}

fn runs() -> (Case, BTreeMap<String, Run>) {
    let case = read("vae").remove(0);
    let runs: BTreeMap<String, Run> = case.attr("runs");
    assert_eq!(runs.len(), 3);
    (case, runs)
}

#[test]
fn trains_alike_in_f64() {
    let (case, runs) = runs();
    for (name, run) in &runs {
        let (losses, state_error) = train::<f64>(&case, name, run);
        let error = relative_error(&losses, &case.tensor(&format!("{name}.losses.f64")));
        println!("{name}: losses within {error:.1e}, parameters within {state_error:.1e}");
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
