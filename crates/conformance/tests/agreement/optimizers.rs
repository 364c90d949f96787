//! Runs twenty steps of every optimiser with gradients that are stored with the results of PyTorch.
//! Compares the parameters with those of PyTorch after each step.

use crate::compare::relative_error;
use crate::fixture::{Case, read};
use adjoint_autodiff::Var;
use adjoint_nn::optim::{Adam, AdamW, Optimizer, RmsProp, Sgd};
use adjoint_nn::param::Role;
use adjoint_nn::{Param, module};
use adjoint_tensor::{Element, Shape, Tensor};

/// The two parameters that the optimisers update.
struct Model<E: Element> {
    a: Param<E>,
    b: Param<E>,
}
module!(Model { a, b });

/// Returns an optimiser with the hyperparameters of a case. A hyperparameter that the case does not
/// have is 0 or false, as in PyTorch.
fn optimizer<E: Element>(case: &Case, model: &Model<E>) -> Optimizer<E> {
    let attr = |name: &str| case.attr::<Option<f64>>(name).unwrap_or(0.0);
    let lr = attr("lr");
    let [beta1, beta2] = case.attr::<Option<[f64; 2]>>("betas").unwrap_or_default();
    let [eps, alpha, momentum, weight_decay] = ["eps", "alpha", "momentum", "weight_decay"].map(attr);
    let nesterov = case.attr::<Option<bool>>("nesterov").unwrap_or_default();
    match case.record.op.as_str() {
        "sgd" => Optimizer::new(model, lr, Sgd { momentum, nesterov, weight_decay }),
        "rmsprop" => Optimizer::new(model, lr, RmsProp { alpha, eps, momentum, weight_decay }),
        "adam" => Optimizer::new(model, lr, Adam { beta1, beta2, eps, weight_decay }),
        "adamw" => Optimizer::new(model, lr, AdamW { beta1, beta2, eps, weight_decay }),
        op => panic!("no optimiser {op}"),
    }
}

/// Returns the values that were recorded at one step, as a tensor of this shape.
fn at<E: Element>(path: &Tensor<E>, step: usize, shape: Shape) -> Tensor<E> {
    path.narrow(0, step, 1).reshape(shape)
}

fn follows<E: Element>(tolerance: f64) {
    let cases = read("optimizers");
    assert_eq!(cases.len(), 16, "plain, and with every hyperparameter");
    for case in &cases {
        let mut model = Model { a: parameter(case, "a"), b: parameter(case, "b") };
        let mut optimizer = optimizer(case, &model);
        let [(grad_a, path_a), (grad_b, path_b)] = ["a", "b"].map(|p| {
            (case.tensor::<E>(&format!("grad.{p}.f64")), case.tensor::<f64>(&format!("path.{p}.f64")))
        });
        for step in 0..case.attr("steps") {
            // The loss is the sum of <p, g> over the parameters, because the gradient of <p, g>
            // with respect to p is g.
            let pull = |p: &Param<E>, g: &Tensor<E>| (p.var() * Var::constant(at(g, step, p.shape()))).sum();
            let loss = pull(&model.a, &grad_a) + pull(&model.b, &grad_b);
            optimizer.descend(loss, &mut model);
            for (p, path) in [(&model.a, &path_a), (&model.b, &path_b)] {
                let error = relative_error(p.value(), &at(path, step, p.shape()));
                assert!(
                    error <= tolerance,
                    "{}: error {error:.1e} after step {}",
                    case.record.name,
                    step + 1
                );
            }
        }
    }
}

fn parameter<E: Element>(case: &Case, name: &str) -> Param<E> {
    let value = case.tensor(name);
    let mut parameter = Param::new(value.shape(), Role::Shift);
    *parameter.value_mut() = value;
    parameter
}

#[test]
fn follows_the_paths_in_f64() {
    follows::<f64>(1e-9);
}

/// In twenty steps, about twenty rounding errors of 2^-24 are added to numbers of about 1. This is
/// below the tolerance.
#[test]
fn follows_the_paths_in_f32() {
    follows::<f32>(1e-5);
}
