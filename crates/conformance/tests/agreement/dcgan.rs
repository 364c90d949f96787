//! Twenty training steps of a small DCGAN from PyTorch's weights, images and noise: losses at every step, and what is
//! left of every weight and running statistic at the end.

use crate::compare::relative_error;
use crate::fixture::{Case, Layout, read};
use adjoint_autodiff::Var;
use adjoint_nn::layers::{BatchNorm2d, Conv2d, ConvTranspose2d, Mode, Spec};
use adjoint_nn::objective::bce;
use adjoint_nn::optim::{Adam, Optimizer};
use adjoint_nn::{Module, module};
use adjoint_tensor::{Element, Tensor};

struct Generator<E: Element> {
    conv1: ConvTranspose2d<E>,
    norm1: BatchNorm2d<E>,
    conv2: ConvTranspose2d<E>,
    norm2: BatchNorm2d<E>,
    conv3: ConvTranspose2d<E>,
}
module!(Generator { conv1, norm1, conv2, norm2, conv3 });

impl<E: Element> Generator<E> {
    fn new(latent: usize, width: usize) -> Self {
        let conv = |inputs, outputs, spec| ConvTranspose2d::new(inputs, outputs, [4, 4], spec).without_bias();
        Generator {
            conv1: conv(latent, 2 * width, Spec::new(1, 0)),
            norm1: BatchNorm2d::new(2 * width),
            conv2: conv(2 * width, width, Spec::new(2, 1)),
            norm2: BatchNorm2d::new(width),
            conv3: conv(width, 1, Spec::new(2, 1)),
        }
    }

    fn forward(&mut self, z: &Var<E>) -> Var<E> {
        let h = self.norm1.forward(&self.conv1.forward(z), Mode::Train).relu();
        let h = self.norm2.forward(&self.conv2.forward(&h), Mode::Train).relu();
        self.conv3.forward(&h).tanh()
    }
}

struct Discriminator<E: Element> {
    conv1: Conv2d<E>,
    conv2: Conv2d<E>,
    norm2: BatchNorm2d<E>,
    conv3: Conv2d<E>,
}
module!(Discriminator { conv1, conv2, norm2, conv3 });

impl<E: Element> Discriminator<E> {
    fn new(width: usize) -> Self {
        let conv = |inputs, outputs, spec| Conv2d::new(inputs, outputs, [4, 4], spec).without_bias();
        Discriminator {
            conv1: conv(1, width, Spec::new(2, 1)),
            conv2: conv(width, 2 * width, Spec::new(2, 1)),
            norm2: BatchNorm2d::new(2 * width),
            conv3: conv(2 * width, 1, Spec::new(1, 0)),
        }
    }

    fn forward(&mut self, x: &Var<E>) -> Var<E> {
        let h = self.conv1.forward(x).leaky_relu(0.2);
        let h = self.norm2.forward(&self.conv2.forward(&h), Mode::Train).leaky_relu(0.2);
        self.conv3.forward(&h)
    }
}

/// The engine's copy of a tensor that PyTorch calls `part`: convolution weights are the only ones of rank 4.
fn weight<E: Element>(case: &Case, part: &str) -> Tensor<E> {
    let value = case.tensor(part);
    if value.shape().rank() == 4 { Layout::Weight.to_engine(&value) } else { value }
}

fn load<E: Element>(model: &mut dyn Module<E>, case: &Case, prefix: &str) {
    let names = model.state().into_iter().map(|(name, _)| name);
    let state: Vec<_> = names.map(|name| (name.clone(), weight(case, &format!("{prefix}.{name}")))).collect();
    model.load_state(&state).expect("the fixture names every weight");
}

/// The largest error of a weight or running statistic after training.
fn final_error<E: Element>(model: &dyn Module<E>, case: &Case, prefix: &str) -> f64 {
    let state = model.state().into_iter();
    let error = |(name, ours): (String, _)| {
        relative_error(&ours, &weight(case, &format!("final.{prefix}.{name}.f64")))
    };
    state.map(error).fold(0.0, f64::max)
}

/// What a run is compared by: the losses (D, G) of all steps, and the largest error of what is left at the end.
struct Outcome<E: Element> {
    losses: Tensor<E>,
    final_error: f64,
}

fn train<E: Element>(case: &Case) -> Outcome<E> {
    let (batch, width) = (case.attr::<usize>("batch"), case.attr("width"));
    let (mut g, mut d) = (Generator::new(case.attr("latent"), width), Discriminator::new(width));
    load(&mut g, case, "generator");
    load(&mut d, case, "discriminator");
    let [beta1, beta2] = case.attr("betas");
    let adam = |model: &dyn Module<E>| {
        Optimizer::new(model, case.attr("lr"), Adam { beta1, beta2, ..Adam::default() })
    };
    let (mut adam_g, mut adam_d) = (adam(&g), adam(&d));
    let [images, noise] = ["images", "noise"].map(|part| Layout::Image.to_engine(&case.tensor::<E>(part)));
    let mut losses = vec![];
    for step in 0..case.attr("steps") {
        let [x, z] = [&images, &noise].map(|all| Var::constant(all.narrow(0, step * batch, batch)));
        let fake = g.forward(&z);
        let loss_d = bce(&d.forward(&x), 1.0) + bce(&d.forward(&fake), 0.0);
        losses.push(adam_d.descend(loss_d, &mut d));
        let loss_g = bce(&d.forward(&fake), 1.0);
        losses.push(adam_g.descend(loss_g, &mut g));
    }
    let final_error = final_error(&g, case, "generator").max(final_error(&d, case, "discriminator"));
    let losses: Vec<E> = losses.into_iter().map(E::of).collect();
    Outcome { losses: Tensor::from_slice([losses.len() / 2, 2], &losses), final_error }
}

#[test]
fn trains_alike_in_f64() {
    let case = &read("dcgan")[0];
    let run = train::<f64>(case);
    let error = relative_error(&run.losses, &case.tensor("losses.f64"));
    assert!(error <= 1e-9, "losses: {error:.1e}");
    assert!(run.final_error <= 1e-9, "weights and running statistics: {:.1e}", run.final_error);
    println!("losses within {error:.1e}, weights and running statistics within {:.1e}", run.final_error);
}

#[test]
fn losses_are_alike_in_f32() {
    let case = &read("dcgan")[0];
    let run = train::<f32>(case);
    for precision in ["f32", "f64"] {
        let error = relative_error(&run.losses, &case.tensor(&format!("losses.{precision}")));
        assert!(error <= 1e-3, "losses, against PyTorch's in {precision}: {error:.1e}");
        println!("losses within {error:.1e} of PyTorch's in {precision}");
    }
}
