//! Compares the losses of the papers, with logits from -80 to 80, and the gradient penalties with
//! PyTorch.

use crate::check::{Call, agrees};
use adjoint_autodiff::Var;
use adjoint_autodiff::ops::Spec;
use adjoint_nn::objective::{
    bce, bernoulli_log_likelihood, discriminator_loss, gan_value, gaussian_log_likelihood, generator_minimax,
    generator_non_saturating, gradient_penalty, hinge_discriminator, hinge_generator, kl_standard_normal,
    least_squares_discriminator, least_squares_generator, r1, reparameterise, wasserstein_critic,
    wasserstein_generator,
};
use adjoint_tensor::Element;

fn run<E: Element>(call: &mut Call<'_, E>) -> Vec<Var<E>> {
    let attr = |name: &str| call.case.attr::<f64>(name);
    let var = |name: &str| call.var(name);
    let y = match call.op() {
        "bce" => bce(var("logits"), attr("target")),
        "gan_value" => gan_value(var("real"), var("fake")),
        "discriminator_loss" => discriminator_loss(var("real"), var("fake"), attr("smoothing")),
        "generator_minimax" => generator_minimax(var("fake")),
        "generator_non_saturating" => generator_non_saturating(var("fake")),
        "least_squares_discriminator" => {
            least_squares_discriminator(var("real"), var("fake"), attr("smoothing"))
        }
        "least_squares_generator" => least_squares_generator(var("fake")),
        "hinge_discriminator" => hinge_discriminator(var("real"), var("fake")),
        "hinge_generator" => hinge_generator(var("fake")),
        "wasserstein_critic" => wasserstein_critic(var("real"), var("fake")),
        "wasserstein_generator" => wasserstein_generator(var("fake")),
        "kl_standard_normal" => kl_standard_normal(var("mu"), var("log_var")),
        "gaussian_log_likelihood" => gaussian_log_likelihood(var("x"), var("mean"), var("log_var")),
        "bernoulli_log_likelihood" => bernoulli_log_likelihood(var("x"), var("logits")),
        "reparameterise" => reparameterise(var("mu"), var("log_var"), var("eps").value()),
        "gradient_penalty" => {
            let [real, fake, eps] = ["real", "fake", "epsilon"].map(|name| var(name).value());
            gradient_penalty(|x| critic(call, x), real, fake, eps, attr("weight"))
        }
        "r1" => r1(|x| critic(call, x), var("real").value(), attr("weight")),
        op => panic!("no objective {op}"),
    };
    vec![y]
}

/// Computes a network of two convolutions. An activation is between them. If the case has
/// parameters for batch norm, batch norm comes before the activation.
fn critic<E: Element>(call: &Call<'_, E>, x: &Var<E>) -> Var<E> {
    let mut h = x.conv2d(call.var("w1"), Spec::new(2, 1));
    if call.case.record.inputs.iter().any(|name| name == "gamma") {
        h = h.batch_norm(call.var("gamma"), call.var("beta"), 1e-5).y;
    }
    let h = match call.case.attr::<String>("activation").as_str() {
        "leaky_relu" => h.leaky_relu(0.2),
        "tanh" => h.tanh(),
        other => panic!("no activation {other}"),
    };
    h.conv2d(call.var("w2"), Spec::default())
}

#[test]
fn agrees_in_f64() {
    agrees::<f64>("objectives", run);
}

#[test]
fn agrees_in_f32() {
    agrees::<f32>("objectives", run);
}
