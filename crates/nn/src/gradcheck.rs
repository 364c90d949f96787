//! Gradient checks of whole models: compares the gradient of a loss with respect to all parameters
//! of a model with central differences in `f64`.
//!
//! `adjoint_autodiff::gradcheck` checks single operations. The checks here show that a model
//! requests the right gradients and that the gradients pass through all of its layers.

use crate::optim::Gradients;
use crate::{Module, SlotMut, Stream, Tensor, Var};

/// Step of the central differences, which are computed from two points. The step is so small that
/// no kink of a relu is between the points; a gradient penalty would be discontinuous at a kink.
/// The step is large enough that rounding errors leave eight correct digits.
const H: f64 = 1e-6;
const TOLERANCE: f64 = 1e-7;

/// Checks the gradient of `loss` with respect to all parameters of a model. Along random directions
/// in the space of all parameters, the derivative of the loss is compared with a central
/// difference. `model` returns the model, which is a part of `owner`. The model is restored
/// afterwards.
///
/// # Panics
/// If the relative difference is more than 10^-7.
#[track_caller]
pub fn assert_model<T>(
    name: &str,
    owner: &mut T,
    model: impl Fn(&mut T) -> &mut dyn Module<f64>,
    mut loss: impl FnMut(&mut T) -> Var<f64>,
) {
    let start = model(owner).state();
    let restore =
        |owner: &mut T| model(owner).load_state(&start).expect("the state was taken from the same model");
    for trial in 0..4 {
        let value = loss(owner);
        let gradients = Gradients::of(value, model(owner));
        let direction: Vec<Tensor<f64>> = gradients
            .iter()
            .map(|(parameter, g)| Stream::new(trial, parameter, 0).normal_tensor(g.shape(), 0.0, 1.0))
            .collect();
        let analytic: f64 = gradients.iter().zip(&direction).map(|((_, g), d)| dot(g, d)).sum();
        let mut at = |t: f64| {
            restore(owner);
            let mut d = direction.iter();
            model(owner).visit_mut("", &mut |_, slot| {
                if let SlotMut::Param(p) = slot {
                    let d = d.next().expect("a direction for each parameter");
                    move_along(p.value_mut(), d, t);
                }
            });
            loss(owner).item()
        };
        let (above, below) = (at(H), at(-H));
        let numeric = (above - below) / (2.0 * H);
        let error = (analytic - numeric).abs() / (analytic.abs() + numeric.abs() + 1e-2);
        assert!(error <= TOLERANCE, "{name}: engine {analytic:e}, differences {numeric:e}");
        restore(owner);
    }
}

// These functions are outside the generic function, which is compiled again for each model.

fn dot(a: &Tensor<f64>, b: &Tensor<f64>) -> f64 {
    a.zip(b, |a, b| a * b).data().iter().sum()
}

fn move_along(theta: &mut Tensor<f64>, direction: &Tensor<f64>, t: f64) {
    theta.update(direction, |theta, d| theta + t * d);
}
