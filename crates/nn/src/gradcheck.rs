//! The judge of whole losses: gradients by all parameters of a model against central differences in
//! `f64`.
//!
//! Single operations are judged in `adjoint_autodiff::gradcheck`; here it is seen that a model asks
//! for the right gradients and that nothing between its layers is lost.

use crate::optim::Gradients;
use crate::{Module, SlotMut, Stream, Tensor, Var};

/// Half-distance of the central difference: so short that no relu has its kink within (a penalty on
/// a gradient *jumps* there), so long that rounding leaves eight digits.
const H: f64 = 1e-6;
const TOLERANCE: f64 = 1e-7;

/// Compares d loss / d theta, along random directions over all parameters theta of the model that
/// `owner` has, with central differences. The model is left as it was.
///
/// # Panics
/// If they differ by more than 10^-7 of their size.
#[track_caller]
pub fn assert_model<T>(
    name: &str,
    owner: &mut T,
    model: impl Fn(&mut T) -> &mut dyn Module<f64>,
    mut loss: impl FnMut(&mut T) -> Var<f64>,
) {
    let start = model(owner).state();
    let put_back = |owner: &mut T| model(owner).load_state(&start).expect("it is its own state");
    for trial in 0..4 {
        let value = loss(owner);
        let gradients = Gradients::of(value, model(owner));
        let direction: Vec<Tensor<f64>> = gradients
            .iter()
            .map(|(parameter, g)| Stream::new(trial, parameter, 0).normal_tensor(g.shape(), 0.0, 1.0))
            .collect();
        let analytic: f64 = gradients.iter().zip(&direction).map(|((_, g), d)| dot(g, d)).sum();
        let mut at = |t: f64| {
            put_back(owner);
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
        put_back(owner);
    }
}

// Separate from the generic function, which is compiled once for each model.

fn dot(a: &Tensor<f64>, b: &Tensor<f64>) -> f64 {
    a.zip(b, |a, b| a * b).data().iter().sum()
}

fn move_along(theta: &mut Tensor<f64>, direction: &Tensor<f64>, t: f64) {
    theta.update(direction, |theta, d| theta + t * d);
}
